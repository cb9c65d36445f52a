# SPDX-License-Identifier: GPL-2.0-or-later
"""Names are the same on every boot, cycles the same from every entry."""

from __future__ import annotations

import pytest

from harness.dmesg.names import fingerprint, function_name, lock_name, message, rotate


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("fs_reclaim", "fs_reclaim"),
        ("&p->lock#2", "&p->lock"),
        ("&sb->s_type->i_mutex_key#13/1", "&sb->s_type->i_mutex_key/1"),
        ("(work_completion)(&w->work)", "(work_completion)(&w->work)"),
        ("__key.42", "__key"),
        ("lock.isra.0", "lock"),
        ("key_ffff888003a4c8a8 x", "key_ffff888003a4c8a8 x"),
        ("0xffff888003a4c8a8", "ADDR"),
    ],
)
def test_lock_names(printed: str, name: str) -> None:
    assert lock_name(printed) == name


@pytest.mark.parametrize(
    "suffix", ["", ".isra.0", ".constprop.0", ".part.1", ".cold", ".isra.0.cold", ".llvm.123"]
)
def test_function_names(suffix: str) -> None:
    assert function_name("pcpu_alloc" + suffix) == "pcpu_alloc"


def test_messages_lose_what_changes() -> None:
    assert message("code 12 at 0xffff and ffffffff81000000") == "code N at ADDR and ADDR"


def test_every_entry_of_a_cycle_is_the_same_cycle() -> None:
    cycle = ["pcpu_alloc_mutex", "fs_reclaim", "fake_fs_lock"]
    turned = {rotate(cycle[at:] + cycle[:at]) for at in range(3)}
    assert turned == {("fs_reclaim", "fake_fs_lock", "pcpu_alloc_mutex")}
    assert rotate(["a", "b", "a", "a"]) == ("a", "a", "a", "b")
    assert rotate(["c", "b", "a"]) != rotate(["a", "b", "c"])
    assert rotate([]) == ()


def test_fingerprints_keep_parts_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
