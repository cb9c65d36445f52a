# SPDX-License-Identifier: GPL-2.0-or-later
"""A lock cycle is drawn with who took each lock."""

from __future__ import annotations

import re

from harness.dmesg import parse
from harness.dmesg.graph import dot
from tests.dmesg import corpus


def _drawn(name: str) -> str:
    return dot(parse(corpus.read(corpus.FOLDER / f"{name}.log").log))


def _arrows(text: str) -> list[tuple[str, str, str]]:
    nodes = dict(re.findall(r'(n\d+_\d+) \[label="(.*?)(?:\\n.*)?"\];', text))
    return [
        (nodes[held], nodes[taken], rest)
        for held, taken, rest in re.findall(r"(n\d+_\d+) -> (n\d+_\d+)(.*);", text)
    ]


def test_a_circle_is_closed_and_says_who_took_the_locks() -> None:
    arrows = _arrows(_drawn("lockdep-circular-3-6.12"))
    assert len(arrows) == 3
    assert [taken for _, taken, _ in arrows] == [held for held, _, _ in arrows[1:] + arrows[:1]]
    assert all('label="' in rest and 'tooltip="' in rest for _, _, rest in arrows)


def test_an_interrupt_closes_the_cycle() -> None:
    arrows = _arrows(_drawn("lockdep-irq-order-6.12"))
    assert ["dashed" in rest for _, _, rest in arrows] == [False] * (len(arrows) - 1) + [True]


def test_a_lock_taken_twice_points_at_itself() -> None:
    ((held, taken, _),) = _arrows(_drawn("lockdep-recursive-6.12"))
    assert held == taken


def test_without_a_cycle_there_is_nothing_to_draw() -> None:
    assert _drawn("oops-null-6.12") == ""


def test_names_are_quoted() -> None:
    log = corpus.read(corpus.FOLDER / "lockdep-recursive-6.12.log").log
    odd = re.sub(rb"\(\S+\)\{", lambda _: b'(("a\\b")){', log)
    assert r"(\"a\\b\")" in dot(parse(odd))
