# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a lockdep report, also when the report lacks its head or was printed in pieces."""

from __future__ import annotations

import re

import pytest

from harness.dmesg import LockdepEvent, parse
from tests.dmesg import corpus


def _event(name: str, *, without: bytes = b"") -> LockdepEvent:
    log = corpus.read(corpus.FOLDER / f"{name}.log").log
    if without:
        log = b"\n".join(line for line in log.split(b"\n") if without not in line)
    event = parse(log)[0]
    assert isinstance(event, LockdepEvent)
    return event


@pytest.mark.parametrize(
    "name",
    [
        "circular-3",
        "recursive",
        "irq-order",
        "irq-inversion",
        "inconsistent-state",
        "unlock-balance",
        "suspicious-rcu",
        "lock-freed",
        "nested",
        "returning",
        "nonstatic",
    ],
)
def test_without_its_headline_a_report_is_the_same_but_truncated(name: str) -> None:
    whole = _event(f"lockdep-{name}-6.12")
    headline = re.search(r"(?:WARNING|INFO|BUG): .*", whole.raw)
    assert headline is not None
    rest = _event(f"lockdep-{name}-6.12", without=headline[0].strip().encode())
    assert (rest.subtype, rest.cycle, rest.function) == (whole.subtype, whole.cycle, whole.function)
    assert rest.fingerprint == whole.fingerprint
    assert rest.truncated and not whole.truncated


def test_a_report_in_pieces_is_read_like_a_whole_one() -> None:
    pieces, whole = _event("lockdep-circular-4.9-pieces"), _event("lockdep-circular-3.10")
    assert pieces.fingerprint == whole.fingerprint
    assert [link.lock.name for link in pieces.chain] == [link.lock.name for link in whole.chain]
    assert pieces.holders[-1].function == whole.holders[-1].function


def test_who_holds_what_is_told() -> None:
    event = _event("lockdep-circular-3.10")
    assert [(holder.lock.name, holder.function) for holder in event.holders] == [
        ("sb_writers", "vfs_write"),
        ("&dev->second_lock", "do_second"),
    ]
    assert event.scenario and event.stack[-1] == "system_call_fastpath"
    assert {lock.name: lock.usage for lock in event.classes}["&dev->first_lock"] == "+.+..."


def test_the_ends_of_an_interrupt_dependency_are_told() -> None:
    event = _event("lockdep-irq-order-4.4")
    assert (event.safe, event.unsafe) == ("&(&a->lock)->rlock", "&b->lock")
    assert (event.safe_use[-1], event.unsafe_use[-1]) == ("softirq_part", "task_part")


def test_both_uses_of_an_inconsistent_lock_are_told() -> None:
    event = _event("lockdep-inconsistent-3.x")
    assert event.usage_change == ("HARDIRQ-ON-W", "IN-HARDIRQ-W")
    assert event.registered_use == ("__lock_acquire", "_raw_spin_lock", "task_part")
    assert "irq_part" in event.stack
