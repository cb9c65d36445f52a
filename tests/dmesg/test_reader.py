# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams, pieces, ends and what is no event."""

from __future__ import annotations

import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dmesg import LockdepEvent, Reader, parse, to_dict, to_text
from harness.dmesg.report import MAX_REPORT
from harness.dmesg.rules import WORDS
from harness.words import Kind
from tests.dmesg import corpus

CIRCULAR = (corpus.FOLDER / "lockdep-circular-3-6.12.log").read_bytes().partition(b"\n\n")[2]
NULL = (corpus.FOLDER / "oops-null-6.12.log").read_bytes().partition(b"\n\n")[2]


@pytest.mark.parametrize(
    "text",
    [
        "# percpu_probe: BUG: only talk",
        "    # case: WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2",
        "ok 1 BUG: sleeping function called from invalid context at x.c:1",
        "not ok 2 Kernel panic - not syncing: talk",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible",
        "WARNING: Unable to load microcode",
        "WARNING: Flushing system-wide workqueues will be prohibited in near future.",
        "sh[12]: segfault at 0 ip 00007f sp 00007f error 4 in sh[400000+1000]",
        "traps: sh[12] general protection fault ip:400000 sp:7fff error:0 in sh[400000+1000]",
        "INFO: lockdep is turned off.",
        "INFO: NMI handler (x) took too long to run: 1.234 msecs",
        "percpu: limit reached, disable warning",
        "percpu: Embedded 50 pages/cpu s167936 r8192 d28672 u1048576",
        "Kernel command line: console=ttyS0 oops=panic panic_on_warn",
        "BUG: this text has neither registers nor a trace",
        "Out of memory",
        "PM: hibernation: Preallocating memory allocation",
        "Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
        "workqueue: CPU#1 [#1]x",
    ],
)
def test_what_is_no_event(text: str) -> None:
    assert parse(f"[    1.000000] {text}\n[    1.100000] later\n") == []
    assert parse(f"{text}\n") == []


@pytest.mark.parametrize("width", [1, 30, 90])
@pytest.mark.parametrize(("foreign", "end"), [(0, 6), (39, 45), (40, 46), (41, 4)])
def test_patience_between_two_parts(foreign: int, end: int, width: int) -> None:
    """A mark is the report's end only where no more lines of others precede it than the report bears."""
    log = [
        "WARNING: CPU: 0 PID: 7 at mm/percpu.c:1 guilty+0x1/0x2",
        "Modules linked in: x",
        "Call Trace:",
        " guilty+0x1/0x2",
        *["u" * width] * foreign,
        " outer+0x1/0x2",
        "---[ end trace 0000000000000000 ]---",
    ]
    (event,) = parse("\n".join(log) + "\n")
    assert (event.end_line, event.truncated) == (end, foreign > 40)


def test_bug_with_evidence_is_an_event() -> None:
    (event,) = parse(
        "BUG: something new\nCPU: 3 UID: 0 PID: 77 Comm: a b Not tainted 6.12 #1\n guilty+0x1/0x2\n"
    )
    assert (event.kind, event.cpu, event.pid, event.comm, event.function) == (
        Kind.BUG,
        3,
        77,
        "a b",
        "guilty",
    )


def _stamped(caller: str, texts: list[str]) -> list[str]:
    return [f"[    5.000000][{caller:>6}] {text}" for text in texts]


def test_reports_of_two_callers_come_apart() -> None:
    one = _stamped(
        "T1", ["BUG: scheduling while atomic: a/1/0x2", "Call Trace:", " one_did+0x1/0x2", " x+0x1/0x2"]
    )
    two = _stamped(
        "T2", ["BUG: scheduling while atomic: b/2/0x2", "Call Trace:", " two_did+0x1/0x2", " x+0x1/0x2"]
    )
    woven = [line for pair in zip(one, two, strict=True) for line in pair]
    assert [event.function for event in parse("\n".join(woven))] == ["one_did", "two_did"]


def test_nmi_backtrace_of_another_cpu_belongs_to_the_stall() -> None:
    lines = _stamped(
        "C0", ["rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "Sending NMI from CPU 0 to CPUs 1:"]
    )
    lines += _stamped(
        "T9",
        ["NMI backtrace for cpu 1", "CPU: 1 UID: 0 PID: 9 Comm: x Not tainted", "RIP: 0010:stuck+0x1/0x2"],
    )
    (event,) = parse("\n".join(lines))
    assert (event.kind, event.function, event.end_line) == (Kind.RCU_STALL, "stuck", 5)


def test_a_panic_after_an_oops_is_its_own_event() -> None:
    log = NULL + b"[    9.000000][   T38] Kernel panic - not syncing: Fatal exception\n"
    events = parse(log)
    assert [event.kind for event in events] == [Kind.OOPS, Kind.PANIC]
    assert not events[0].truncated


@pytest.mark.parametrize("firmware", [b"", b"Booting from ROM.."])
def test_a_second_boot_ends_what_was_open(firmware: bytes) -> None:
    cut = CIRCULAR[: CIRCULAR.index(b"stack backtrace")]
    events = parse(cut + b"\n" + firmware + b"[    0.000000][    T0] Linux version 6.12\n" + CIRCULAR)
    assert [event.truncated for event in events] == [True, False]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_a_cut_report_says_so_and_guesses_no_cycle(share: float) -> None:
    start = CIRCULAR.index(b"WARNING: possible")
    (event,) = parse(CIRCULAR[: start + int((CIRCULAR.index(b"stack backtrace") - start) * share)])
    assert event.truncated
    assert event.cycle in ((), ("lock_a", "lock_b", "lock_c"))


@pytest.mark.parametrize(
    ("name", "below", "function"),
    [
        ("sin-circular-2-6.12-plain", b"the existing dependency chain", "open_vault"),
        ("lockdep-irq-order-4.4", b"the dependencies between", "do_nest"),
        ("oops-arm-3.x", b"LR is at", "guilty_null"),
    ],
)
def test_what_is_cut_off_below_who_is_to_blame_blames_him(name: str, below: bytes, function: str) -> None:
    log = corpus.read(corpus.FOLDER / f"{name}.log").log
    (event,) = parse(log[: log.index(below)])
    assert (event.function, event.truncated) == (function, True)


def test_the_model_of_a_circular_report() -> None:
    (event,) = parse(CIRCULAR)
    assert isinstance(event, LockdepEvent)
    assert event.cycle == ("lock_a", "lock_b", "lock_c")
    assert [link.depth for link in event.chain] == [2, 1, 0]
    assert "sin_init" in event.chain[0].trace
    assert [holder.lock.name for holder in event.holders] == ["lock_c"]
    assert event.holders[0].function == "sin_init"
    assert event.classes[0].wait == (3, 3)
    assert event.classes[0].usage == "+.+."
    assert any("lock(lock_" in text for text in event.scenario)
    assert "sin_init" in event.stack


def test_fingerprint_survives_boot_cpu_and_entry() -> None:
    (event,) = parse(CIRCULAR)
    other = CIRCULAR.replace(b"lock_c", b"TMP").replace(b"lock_b", b"lock_c").replace(b"lock_a", b"lock_b")
    other = other.replace(b"TMP", b"lock_a#2").replace(b"ffffffff", b"eeeeeeee").replace(b"CPU: 1", b"CPU: 7")
    (again,) = parse(other)
    assert again.fingerprint == event.fingerprint
    (swapped,) = parse(CIRCULAR.replace(b"lock_c", b"lock_x"))
    assert swapped.fingerprint != event.fingerprint


def test_rendering() -> None:
    (event,) = parse(CIRCULAR)
    value = json.loads(json.dumps(to_dict(event)))
    assert value["kind"] == "lockdep"
    assert value["cycle"] == ["lock_a", "lock_b", "lock_c"]
    assert value["chain"][0]["lock"]["name"] == "lock_c"
    text = to_text([event])
    assert "possible circular locking: lock_a -> lock_b -> lock_c" in text
    assert "cycle lock_a -> lock_b -> lock_c -> lock_a" in text
    assert to_text([]) == ""


def test_text_is_as_good_as_bytes() -> None:
    assert parse(CIRCULAR.decode()) == parse(CIRCULAR)


def test_a_report_without_end_is_bounded() -> None:
    frame = b"[    5.000000][    T1]  f+0x1/0x2\n"
    frames = frame * (2 * MAX_REPORT // len(frame))
    (event,) = parse(b"[    5.000000][    T1] BUG: scheduling while atomic: a/1/0x2\n" + frames)
    assert event.truncated
    assert event.end_line == MAX_REPORT // len(frame) + 1
    assert len(event.raw) <= MAX_REPORT + 100


def test_a_silent_caller_gives_its_report_up() -> None:
    reader = Reader()
    reader.feed(b"[    5.000000][    T1] BUG: scheduling while atomic: a/1/0x2\n")
    reader.feed(b"[    5.000000][    T2] BUG: scheduling while atomic: b/2/0x2\n")
    events = reader.feed(b"[    6.000000][    T3] nothing\n" * 5000)
    assert [event.truncated for event in events] == [True, True]
    assert reader.close() == []


@pytest.mark.parametrize("foreign", [0, 10, 39, 60])
@pytest.mark.parametrize("width", [1, 80])
def test_a_part_begins_a_report_when_the_one_before_is_over(foreign: int, width: int) -> None:
    headless = b"\n".join(_lines(CIRCULAR[CIRCULAR.index(b"possible circular") :])[1:])
    warning = b"WARNING: CPU: 0 PID: 1 at mm/x.c:1 foo+0x1/0x2\nModules linked in:\n"
    log = warning + (b"usb 1-1: new device".ljust(width) + b"\n") * foreign + b"\n" * 60 + headless
    first, second = parse(log)
    assert (first.kind, first.truncated) == (Kind.WARNING, True)
    assert (second.kind, second.subtype, second.truncated) == (Kind.LOCKDEP, "circular", True)
    begin = next(number for number, line in enumerate(log.split(b"\n"), 1) if b"is trying to acquire" in line)
    assert second.line == begin


def _lines(log: bytes) -> list[bytes]:
    """Give the lines without stamps."""
    return [re.sub(rb"^\[ *[\d.]+\]\[ *T\d+\] ?", b"", line) for line in log.split(b"\n")]


STAMPINGS: dict[str, Callable[[int, bytes], bytes]] = {
    "none": lambda n, text: text,
    "time": lambda n, text: b"[%5d.%06d] %s" % (n, n, text),
    "long uptime": lambda n, text: b"[%d.%06d] %s" % (1234567 + n, n, text),
    "caller": lambda n, text: b"[%5d.%06d][  T123] %s" % (n, n, text),
    "dmesg -T": lambda n, text: b"[Sun Nov 22 09:%02d:%02d 2026] %s" % (n // 60, n % 60, text),
    "dmesg -x": lambda n, text: b"kern  :warn  : [%5d.%06d] %s" % (n, n, text),
    "level": lambda n, text: b"<4>[%5d.%06d] %s" % (n, n, text),
    "level alone": lambda n, text: b"<4>" + text,
    "journal": lambda n, text: b"Nov 22 09:%02d:%02d box kernel: %s" % (n // 60, n % 60, text),
    "journal iso": lambda n, text: b"2026-11-22T09:%02d:%02d+0000 box kernel: %s" % (n // 60, n % 60, text),
    "syslog": lambda n, text: b"Nov 22 09:00:00 box kernel: [%5d.%06d] %s" % (n, n, text),
    "netconsole": lambda n, text: b"4,%d,%d,-,caller=T123;%s" % (n, n, text),
    "netconsole, no caller": lambda n, text: b"4,%d,%d,-;%s" % (n, n, text),
    "ktap": lambda n, text: b"# [%5d.%06d] %s" % (n, n, text),
    "mail": lambda n, text: b"> [%5d.%06d] %s" % (n, n, text),
    "answered mail": lambda n, text: b"> > " + text,
    "commit message": lambda n, text: b"    [%5d.%06d] %s" % (n, n, text),
    "indented": lambda n, text: b"    " + text,
    "prefixed": lambda n, text: b"vm0: " + text,
    "blank before the caller": lambda n, text: b"[%5d.%06d] [  T123] %s" % (n, n, text),
    "MediaTek": lambda n, text: b"[%5d.%06d]<0>.(1)[123:kworker/1:0]%s" % (n, n, text),
    "Samsung": lambda n, text: b"[%5d.%06d] [1:    kworker/1:0:  123] %s" % (n, n, text),
    "HiSilicon": lambda n, text: b"[%5d.%06ds][pid:123,cpu1,kworker/1:0]%s" % (n, n, text),
    "Amlogic": lambda n, text: b"[%5d.%06d@1] %s" % (n, n, text),
    "numbered": lambda n, text: b"%6d\t[%5d.%06d][  T123] %s" % (n, n, n, text),
    "container": lambda n, text: b"box-1  | [%5d.%06d] %s" % (n, n, text),
    "logcat": lambda n, text: b"11-22 09:00:00.123     0     0 W         : [%5d.%06d] %s" % (n, n, text),
    "RFC 5424": lambda n, text: b"<4>1 2026-11-22T09:00:00Z box kernel - - - [%5d.%06d] %s" % (n, n, text),
    "colours": lambda n, text: b"\x1b[32m[%5d.%06d] \x1b[0m\x1b[1m%s\x1b[0m" % (n, n, text),
    "NUL": lambda n, text: b"\0[%5d.%06d] \0%s\0" % (n, n, text),
    "dos": lambda n, text: b"[%5d.%06d] %s\r" % (n, n, text),
    "two returns": lambda n, text: b"[%5d.%06d] %s\r\r" % (n, n, text),
}


@pytest.mark.parametrize("log", [CIRCULAR, NULL], ids=["circular", "null"])
@pytest.mark.parametrize("shape", STAMPINGS)
def test_stamps_make_no_difference(shape: str, log: bytes) -> None:
    texts = _lines(log.replace(b"\r", b""))
    (plain,) = parse(b"\n".join(texts))
    (event,) = parse(b"\n".join(STAMPINGS[shape](number, text) for number, text in enumerate(texts, 1)))
    for field in (
        "kind",
        "subtype",
        "title",
        "function",
        "fingerprint",
        "line",
        "end_line",
        "cpu",
        "pid",
        "comm",
    ):
        assert getattr(event, field) == getattr(plain, field), field
    assert not event.truncated
    assert event.raw.count("\n") == plain.raw.count("\n")


@pytest.mark.parametrize("log", [CIRCULAR, NULL], ids=["circular", "null"])
def test_two_consoles_on_one_port_tell_the_same(log: bytes) -> None:
    (once,) = parse(log)
    (twice,) = parse(b"".join(2 * line for line in log.splitlines(keepends=True)))
    assert (twice.title, twice.fingerprint, twice.truncated) == (once.title, once.fingerprint, False)
    assert (twice.line, twice.end_line) == (2 * once.line - 1, 2 * once.end_line - 1)


@pytest.mark.parametrize(
    ("stamp", "between", "functions"),
    [
        (b"[    1.000000] ", b"", ["nap"]),
        (b"[    1.000000] ", b"usb 1-1: reset\n", [None, "nap"]),
        (b"", b"", [None, "nap"]),
    ],
)
def test_only_the_line_before_can_be_a_copy(
    stamp: bytes, between: bytes, functions: list[str | None]
) -> None:
    headline = stamp + b"BUG: sleeping function called from invalid context at x.c:1\n"
    trace = b"Call Trace:\n dump_stack+0x1/0x2\n __might_sleep+0x1/0x2\n nap+0x1/0x2\n"
    assert [event.function for event in parse(headline + between + headline + trace)] == functions


def test_every_field_is_told() -> None:
    (event,) = parse(NULL)
    assert event.kind is Kind.OOPS
    assert (event.subtype, event.function) == ("null_pointer", "guilty_null")
    assert event.time is not None
    assert (event.cpu, event.pid, event.comm) == (1, 40, "busybox")
    assert event.raw.startswith("[")
    assert NULL.split(b"\n")[event.line - 1].decode().rstrip("\r") == event.raw.split("\n")[0]
    assert NULL.split(b"\n")[event.end_line - 1].decode().rstrip("\r") == event.raw.split("\n")[-1]


def test_lines_may_end_with_returns_alone() -> None:
    log = NULL.replace(b"\r", b"")
    assert parse(log.replace(b"\n", b"\r")) == parse(log)
    long = b"[    1.000000] boring\n" * 5000 + log
    assert parse(long.replace(b"\n", b"\r")) == parse(long)


def test_firmware_progress_does_not_count_as_lines() -> None:
    log = b"loading\n" + b"".join(b"%d %%\r" % share for share in range(100)) + NULL
    assert parse(log)[0].line == parse(b"loading\n" + NULL)[0].line


def test_lines_of_a_megabyte() -> None:
    long = b"x" * (1 << 20)
    first, second = parse(NULL + b"\n" + long + b"BUG: \n" + long + b"\n" + NULL)
    assert first.fingerprint == second.fingerprint
    assert second.line == first.line + NULL.count(b"\n") + 3


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("use-after-free in           (null)", "guilty"),
        ("double-free or invalid-free in 0x1234", "guilty"),
        ("null-ptr-deref on address           (null)", "guilty"),
        ("out of bounds on stack in named+0x1/0x2 at addr ffff880012345678", "named"),
        ("use-after-free in named.isra.0+0x1/0x2 [card]", "named"),
        ("global-out-of-bounds in ffffffff81234567", "guilty"),
    ],
)
def test_what_kasan_names_may_be_no_function(what: str, function: str) -> None:
    (event,) = parse(f"BUG: KASAN: {what}\nCall Trace:\n kasan_report+0x1/0x2\n guilty+0x1/0x2\n{'=' * 66}\n")
    sort = re.split(" in | on address", what)[0]
    assert (event.kind, event.subtype) == (Kind.KASAN, re.sub(r"\W", "_", sort))
    assert event.title == f"KASAN: {sort} in {function}"
    (alone,) = parse(f"BUG: KASAN: {what}\n")
    assert (alone.kind, alone.subtype, alone.truncated) == (Kind.KASAN, event.subtype, True)


def test_what_kasan_says_late_of_a_double_free_blames_nobody() -> None:
    said = "BUG: Double free or freeing an invalid pointer\nAsynchronous fault: no details\n"
    (event,) = parse(f"{said}Call Trace:\n passer_by+0x1/0x2\n{'=' * 66}\n")
    assert (event.kind, event.function) == (Kind.KASAN, None)


def test_noise_in_tags_keeps_nobody_together() -> None:
    said = [
        b"BUG: sleeping function called from invalid context at x.c:1",
        b"Call Trace:",
        b" dump_stack+0x1/0x2",
    ]
    lines = [(task, text) for text in [*said, b" nap_%d+0x1/0x2"] for task in (77, 78)]
    for noise in (b"", b"\x01", b"\0"):
        log = b"".join(
            b"[    1.000000] %sc0   %d %s\n" % (noise, task, text % task if b"%d" in text else text)
            for task, text in lines
        )
        assert [event.function for event in parse(log)] == ["nap_77", "nap_78"], noise


def test_binary_noise_between_reports() -> None:
    noise = random.Random(1).randbytes(200_000)
    events = parse(NULL + b"\n" + noise + b"\n" + NULL)
    assert [event.kind for event in events] == [Kind.OOPS, Kind.OOPS]


@pytest.mark.parametrize("share", range(5, 100, 5))
def test_a_report_cut_anywhere_says_so(share: int) -> None:
    """It has the same kind, and what it names stands in the whole report too."""
    (whole,) = parse(NULL)
    at = NULL.index(whole.raw.split("\n")[1].encode())
    end = NULL.index(whole.raw.split("\n")[-1].encode())
    (event,) = parse(NULL[: at + (end - at) * share // 100])
    assert event.truncated
    assert event.kind is whole.kind
    assert event.function in (None, whole.function)


def test_a_reboot_within_a_report() -> None:
    (whole,) = parse(CIRCULAR)
    half = b"\n".join(CIRCULAR.split(b"\n")[: whole.line + 20])
    events = parse(half + b"\nU-Boot 2026.01\n[    0.000000] Linux version 6.12 (a@b)\n" + NULL)
    assert [(event.kind, event.truncated) for event in events] == [(Kind.LOCKDEP, True), (Kind.OOPS, False)]
    assert "Linux version" not in events[0].raw


def test_events_come_as_soon_as_they_are_over() -> None:
    reader = Reader()
    given_at = [number for number, line in enumerate(NULL.splitlines(keepends=True), 1) if reader.feed(line)]
    (event,) = parse(NULL)
    assert given_at == [event.end_line]
    assert reader.close() == []


def test_memory_is_bounded() -> None:
    """A stream of reports that nobody keeps, and of some that never end, needs but some megabytes."""
    reader = Reader()
    endless = b"[    5.000000][    T1]  f+0x1/0x2\n" * 3000
    tracemalloc.start()
    for _ in range(2):
        reader.feed(NULL * 20)
        reader.feed(b"[    5.000000][    T1] BUG: scheduling while atomic: a/1/0x2\n")
        for _ in range(12):  # more than `MAX_REPORT`
            reader.feed(endless)
        reader.feed(b"\n" * 100_000 + b"x" * 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20


NOISE = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(list(WORDS)),
        st.sampled_from(CIRCULAR.split(b"\n") + NULL.split(b"\n")),
        st.just(b"-[ cut here ]-"),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(pieces=NOISE, joint=st.sampled_from([b"\n", b"", b"\r\n", b"\n[    1.000000][    T1] "]))
def test_junk_never_raises(pieces: list[bytes], joint: bytes) -> None:
    for event in parse(joint.join(pieces)):
        assert event.line <= event.end_line
        assert "\n" not in event.title
        json.dumps(to_dict(event))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_cutting_the_input_anywhere_changes_nothing(data: st.DataObject) -> None:
    log = data.draw(
        st.sampled_from([CIRCULAR, NULL, b"x" * 20_000 + b"BUG: \n" + NULL, b"\n".join(data.draw(NOISE))])
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=12)))
    reader, events = Reader(), []
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        events += reader.feed(log[start:end])
    assert events + reader.close() == parse(log)


def test_time_is_linear() -> None:
    """Four times the input may take at most about four times as long; a quadratic reader takes sixteen."""
    lines = CIRCULAR.splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    block = b"".join(lines)

    def seconds(times: int) -> float:
        start = time.process_time()
        parse(block * times)
        return time.process_time() - start

    seconds(5)
    assert seconds(40) < 10 * max(seconds(10), 0.02)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_headline_is_found_through_its_colours(size: int) -> None:
    stamp, said = b"\x1b[32m[    2.000000] \x1b[0m", b"kernel \x1b[1mNULL\0 pointer dereference, address: 0"
    headline = stamp + b"\x1b[33mBUG:\x1b[0m " + said + b"\n"
    rest = b"[    2.000001] Call Trace:\n[    2.000002]  guilty+0x1/0x2\n"
    reader, events = Reader(), []
    log = b"[    1.000000] quiet\n" * 9 + headline + rest
    for start in range(0, len(log), size):
        events += reader.feed(log[start : start + size])
    (event,) = events + reader.close()
    assert (event.kind, event.line, event.function) == ("oops", 10, "guilty")


def test_a_name_is_no_sort_of_a_failed_allocation() -> None:
    (event,) = parse("installer: page allocation failure: order:4, mode:0x20\nCall Trace:\n guilty+0x1/0x2\n")
    assert (event.subtype, event.comm) == ("order_4", "installer")


def test_a_headline_that_looks_like_a_banner_is_kept() -> None:
    """The fuzzer found it: what was printed before it, without a newline, was a banner."""
    log = "=" * 60 + "mm/memory.c:412: bad pmd ffff88003a1b5588(00)\nWARNING: inconsistent lock state\n"
    assert [(event.line, event.kind) for event in parse(log)] == [(1, Kind.BUG), (2, Kind.LOCKDEP)]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_banner_belongs_to_the_report_below_it(size: int) -> None:
    slept = [
        "BUG: sleeping function called from invalid context at mm/x.c:12",
        "Call Trace:",
        " guilty+0x1/0x2",
    ]
    below = ["", "=" * 29, "[ BUG: Invalid wait context ]", "-" * 29]
    log = "\n".join([*slept, *below, ""]).encode()
    reader, events = Reader(), []
    for start in range(0, len(log), size):
        events += reader.feed(log[start : start + size])
    first, second = events + reader.close()
    assert (first.line, first.end_line, second.line) == (1, 3, 6)
