# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a lockdep report, also when the report lacks its head or was printed in pieces."""

from __future__ import annotations

import re

import pytest

from harness.dmesg import LockdepEvent, parse
from harness.words import Kind
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


WARNED = """------------[ cut here ]------------
{said}
WARNING: CPU: 0 PID: 1 at kernel/locking/{place}
CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1
Call Trace:
 <TASK>
 _raw_spin_lock+0x1/0x2
 lose+0x1/0x2
 </TASK>
---[ end trace 0000000000000000 ]---
"""


@pytest.mark.parametrize(
    ("said", "place", "off"),
    [
        ("releasing a pinned lock", "lockdep.c:5346 lock_release+0x1/0x2", False),
        ("Modules linked in:", "lockdep.c:3317 check_prevs_add+0x1/0x2", True),
        ("DEBUG_LOCKS_WARN_ON(1)", "lockdep.c:1 lock_release+0x1/0x2", True),
        ("DEBUG_RWSEMS_WARN_ON(a != b): count = 0x1, list empty", "rwsem.c:1 __up_read+0x1/0x2", True),
    ],
)
def test_only_some_warnings_turn_lockdep_off(said: str, place: str, off: bool) -> None:
    (event,) = parse(WARNED.format(said=said, place=place))
    assert (event.kind, event.function) == (Kind.LOCKDEP if off else Kind.WARNING, "lose")


def test_a_lock_may_have_a_place_as_its_name() -> None:
    """Timers on a stack do (`__init_timer_on_stack()`), and a symboliser puts places behind functions."""
    report = corpus.read(corpus.FOLDER / "lockdep-circular-3.10.log").log
    place = re.sub(rb"\((&dev->first_lock)\)\{", rb"(kernel/dev.c:12){", report)
    event, renamed = parse(report)[0], parse(place)[0]
    assert isinstance(renamed, LockdepEvent) and isinstance(event, LockdepEvent)
    assert "kernel/dev.c:12" in {lock.name for lock in renamed.classes}
    assert len(renamed.classes) == len(event.classes)
    assert renamed.stack == event.stack
