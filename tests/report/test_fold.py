# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from harness.report.fold import folded, shape, summed
from harness.words import CallPath


def test_sentences_that_differ_in_numbers_are_one() -> None:
    said = ["9 of 2555 GFP_ATOMIC calls failed", "silence", "10 of 1483 GFP_ATOMIC calls failed", "silence"]
    assert folded(said) == ["9..10 of 1483..2555 GFP_ATOMIC calls failed", "silence"]
    assert folded([]) == []


def test_a_folded_sentence_has_the_shape_of_what_it_was_folded_from() -> None:
    said = ["9 of 2555 calls took 1.5 s", "10 of 1483 calls took 2 s"]
    assert {shape(one) for one in (*said, *folded(said))} == {"# of # calls took # s"}


def test_numbers_are_ordered_as_numbers_and_equal_ones_stay() -> None:
    assert folded(["after 9.5 s: 3", "after 10 s: 3"]) == ["after 9.5..10 s: 3"]


def test_digits_of_names_are_no_numbers() -> None:
    assert shape("0x10 kmalloc-64 v6.12 sda1 func.isra.0") == "0x10 kmalloc-# v6.12 sda1 func.isra.0"
    assert folded(["lock_a1 of 2", "lock_a2 of 2"]) == ["lock_a1 of 2", "lock_a2 of 2"]


def test_equal_paths_add_up() -> None:
    one, two = CallPath("v", 3, ("a", "b")), CallPath("v", 4, ("a",))
    assert summed([one, two, one]) == [CallPath("v", 6, ("a", "b")), two]
