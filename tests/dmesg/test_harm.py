# SPDX-License-Identifier: GPL-2.0-or-later
"""Harm that takes something away from a console, or hides it, changes little of what is read.

The least share of the corpus' logs that must give the same first event stands beside each; how many do is in
docs/console-messages.md. What takes nothing away is in tests/sins/damage.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from harness.dmesg import parse
from tests.dmesg import corpus
from tests.sins import damage

_CHANCE = random.Random()
_PROGRAM = b"15:21:08 executing program 3:\nr0 = socket$inet(0x2, 0x1, 0x0)\n\n"


def _before(text: bytes) -> Callable[[bytes], bytes]:
    return lambda log: re.sub(rb"^", text, log, flags=re.MULTILINE)


def _now_and_then(share: float, text: bytes) -> Callable[[bytes], bytes]:
    return lambda log: b"".join(
        text * (_CHANCE.random() < share) + line for line in log.splitlines(keepends=True)
    )


HARM: dict[str, Callable[[bytes], bytes]] = {
    "indented": _before(b"    "),
    "container": _before(b"box-1  | "),
    "doubled": lambda log: b"".join(2 * line for line in log.splitlines(keepends=True)),
    "a program between": _now_and_then(0.2, _PROGRAM),
    "unfinished lines": _now_and_then(0.15, b"mmap(&(0x7f0000000000/0xfff000)=nil, 0xfff"),
    "dropped messages": _now_and_then(0.05, b"** 12 printk messages dropped **\n"),
    "lost bytes": lambda log: bytes(byte for byte in log if _CHANCE.random() > 0.002),
    "lost lines": lambda log: b"".join(x for x in log.splitlines(True) if _CHANCE.random() > 0.1),
    "wrapped": lambda log: re.sub(rb"([^\n]{80})(?=[^\n])", rb"\1\n", log),
}
STAMPED = [case.log.replace(b"\r\n", b"\n") for case in corpus.cases() if "damaged" not in case.path.stem]
LOGS = {"stamps": STAMPED, "no stamps": list(map(damage.WHOLE["no-stamps"], STAMPED))}


def _first(log: bytes) -> tuple[str, str | None, str] | None:
    return next(((event.kind, event.function, event.fingerprint) for event in parse(log)), None)


@pytest.mark.parametrize(
    ("name", "stamps", "least"),
    [
        ("indented", "stamps", 0.98),
        ("indented", "no stamps", 0.9),
        ("container", "stamps", 0.98),
        ("doubled", "stamps", 0.94),
        ("a program between", "stamps", 0.99),
        ("unfinished lines", "stamps", 0.97),
        ("dropped messages", "stamps", 0.99),
        ("lost bytes", "stamps", 0.8),
        ("lost lines", "stamps", 0.8),
        ("wrapped", "stamps", 0.85),
    ],
)
def test_the_first_event_stays_the_same(name: str, stamps: str, least: float) -> None:
    _CHANCE.seed(1)
    told = [(log, first) for log in LOGS[stamps] if (first := _first(log)) is not None]
    same = sum(_first(HARM[name](log)) == first for log, first in told)
    enough = least * len(told)
    print(f"{name}, {stamps}: {same} of {len(told)}")
    assert same >= enough
