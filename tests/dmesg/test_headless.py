# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports that lost their headline are known by their bodies; traces that nobody reports are no events."""

from __future__ import annotations

import random

import pytest

from harness.dmesg import Reader, parse
from harness.words import Kind
from tests.dmesg import corpus

TELLING = [
    "lockdep-circular-3-6.12",
    "lockdep-recursive-6.12",
    "lockdep-irq-order-6.12",
    "lockdep-irq-inversion-6.12",
    "lockdep-inconsistent-state-6.12",
    "lockdep-wait-context-7.2",
    "lockdep-unlock-balance-6.12",
    "lockdep-suspicious-rcu-6.12",
    "lockdep-nested-6.12",
    "sin-still-held-6.12-plain",
    "sin-lock-freed-6.12-plain",
    "sin-lock-depth-6.12-plain",
    "sin-kasan-uaf-6.12",
    "kfence-uaf",
    "kmsan-uninit",
    "kcsan-race",
    "memory-leak",
    "atomic-scheduling-6.12",
    "sin-sleep-spinlock-6.12-plain",
    "smp-processor-id",
    "bug-spinlock-6.12",
    "oops-null-6.12",
    "oops-arm64",
    "sin-warn-6.12-plain",
    "sin-hung-mutex-6.12-plain",
    "rcu-self-6.x",
    "page-alloc-6.12",
]
# In this one the body never names the function that the headline names.
FUNCTION_LOST = ["kmsan-uninit"]
CASES = [corpus.read(corpus.FOLDER / f"{name}.log") for name in TELLING]
FRAMES = " dump_stack_lvl+0x8a/0xa0\n dump_stack+0x10/0x20\n {}+0x12/0x34\n guilty+0x1/0x2\n </TASK>\n"
PROCESS = "CPU: 0 PID: 77 Comm: tester Not tainted 6.1.0 #1\nCall Trace:\n <TASK>\n"


def _without(log: bytes, number: int) -> bytes:
    lines = log.split(b"\n")
    lines[number - 1] = b"\xff\xf8\x80 %~"
    return b"\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=TELLING)
def test_a_lost_headline_costs_neither_kind_nor_function(case: corpus.Case) -> None:
    whole = parse(case.log)[0]
    event = parse(_without(case.log, whole.line))[0]
    assert (event.kind, event.truncated) == (whole.kind, True)
    assert event.function == (None if case.path.stem in FUNCTION_LOST else whole.function)
    assert event.subtype in (whole.subtype, "")
    assert whole.line < event.line <= whole.line + 30


def test_a_race_keeps_its_name_without_the_headline() -> None:
    case = CASES[TELLING.index("kcsan-race")]
    whole = parse(case.log)[0]
    event = parse(_without(case.log, whole.line))[0]
    assert (event.title, event.fingerprint) == (whole.title, whole.fingerprint)


def test_a_cycle_is_whole_without_the_headline() -> None:
    whole = parse(CASES[0].log)[0]
    event = parse(_without(CASES[0].log, whole.line))[0]
    assert event.cycle == whole.cycle
    assert event.fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    ("reporter", "kind", "subtype"),
    [
        ("kasan_report", "kasan", ""),
        ("__schedule_bug", "atomic_sleep", "scheduling"),
        ("check_preemption_disabled", "bug", "preemptible"),
        ("bad_page", "bug", "bad_page"),
        ("warn_alloc", "page_alloc_failure", ""),
        ("print_circular_bug", "lockdep", "circular"),
        ("print_usage_bug.part.0", "lockdep", "inconsistent_state"),
        ("lockdep_rcu_suspicious", "lockdep", "suspicious_rcu"),
        ("__warn", "warning", ""),
    ],
)
def test_who_reported_tells_the_kind(reporter: str, kind: str, subtype: str) -> None:
    (event,) = parse(PROCESS + FRAMES.format(reporter))
    assert (event.kind, event.subtype, event.function) == (kind, subtype, "guilty")
    assert event.truncated


@pytest.mark.parametrize(
    "before",
    [
        "FAULT_INJECTION: forcing a failure.\nname failslab, interval 1, probability 0, space 0, times 0\n",
        "gfs2: fsid=x.0: about to withdraw this file system\n",
        "XFS (loop0): Internal error ltbno + ltlen > bno at line 1 of file fs/xfs/x.c.  Caller x+0x1/0x2\n",
        "UBIFS error (ubi0:0 pid 77): ubifs_read_node [ubifs]: bad node type\n",
        "sysrq: Show Regs\n",
        "",
    ],
)
def test_a_dump_of_a_stack_alone_is_no_event(before: str) -> None:
    log = before + PROCESS + FRAMES.format("should_fail") + "and life goes on\n"
    assert parse(log) == []
    assert parse("".join(f"[    5.123456][   T77] {line}\n" for line in log.splitlines())) == []


@pytest.mark.parametrize("reporter", ["__vmalloc_node_range_noprof", "kasan_report", "__might_resched"])
def test_a_stack_dumped_while_somebody_could_report_is_no_event(reporter: str) -> None:
    """A failure is injected into any allocation, those of vmalloc() and of the sanitizers among them."""
    injected = FRAMES.format("should_fail_ex").replace(" guilty", f" {reporter}+0x1/0x2\n guilty")
    assert parse(PROCESS + injected) == []


def test_a_headline_after_a_dump_of_a_stack_is_found() -> None:
    log = PROCESS + FRAMES.format("should_fail") + "VFS: Busy inodes after unmount of loop0 (ext4)\n"
    assert [event.line for event in parse(log)] == [log.count("\n")]


def test_a_rest_of_a_report_at_the_beginning_of_a_log_is_no_event() -> None:
    shadow = " ffff888001234500: fa fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb\n" * 3
    assert parse(f"The buggy address belongs to the variable:\n x+0x1/0x2\n\n{shadow}{'=' * 66}\n") == []


@pytest.mark.parametrize(("share", "bearable"), [(0.001, 0.015), (0.004, 0.06)])
def test_noise_seldom_costs_a_report(share: float, bearable: float) -> None:
    """Bytes are replaced at random, in all of the corpus."""
    cases = [case for case in corpus.cases() if case.events]
    lost = 0
    for case in cases:
        chance = random.Random(case.path.stem)
        log = bytearray(case.log)
        for _ in range(int(len(log) * share)):
            log[chance.randrange(len(log))] = chance.randrange(256)
        lost += not parse(bytes(log))
    assert lost <= bearable * len(cases)


def test_what_was_dumped_before_it_does_not_hide_a_report() -> None:
    held = "1 lock held by rcu_sched/12:\n #0: ffff8880 (rcu_read_lock){....}-{1:3}, at: dump_locks+0x1/0x2\n"
    tasks = f"task:idler state:S stack:0 pid:77 tgid:77\nCall Trace:\n{' sleeper+0x1/0x2' + chr(10)}" * 100
    first, rest = PROCESS.split("\n", 1)
    oops = (
        f"{first}\nRIP: 0010:guilty+0x10/0x20\n{rest} caller+0x1/0x2\n---[ end trace 0000000000000000 ]---\n"
    )
    (event,) = parse(held + tasks + oops)
    assert (event.kind, event.function, event.line) == ("oops", "guilty", 303)
    assert parse(held + tasks) == []


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_stream_that_was_silent_for_long_may_begin_a_report(size: int) -> None:
    held = "[    1.000000][    T1] 1 lock held by rcu_sched/12:\n"
    others = "[    2.000000][    T2] usb 1-1: new device\n" * 250
    oops = [
        "CPU: 0 PID: 77 Comm: tester Not tainted 6.1.0 #1",
        "RIP: 0010:guilty+0x10/0x20",
        "Call Trace:",
        " caller+0x1/0x2",
        "---[ end trace 0000000000000000 ]---",
    ]
    log = (held + others + "".join(f"[    3.000000][    T1] {line}\n" for line in oops)).encode()
    reader, events = Reader(), []
    for start in range(0, len(log), size):
        events += reader.feed(log[start : start + size])
    (event,) = events + reader.close()
    assert (event.kind, event.line, event.function) == ("oops", 252, "guilty")


def test_the_end_of_a_panic_is_not_all_of_it() -> None:
    (event,) = parse("---[ end Kernel panic - not syncing: no init found ]---\n")
    assert (event.kind, event.title, event.truncated) == (Kind.PANIC, "panic: no init found", True)
