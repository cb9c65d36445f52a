# SPDX-License-Identifier: GPL-2.0-or-later
"""Stamps of every shape come off, and what they say is kept."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.dmesg.line import (
    MAX_LINE,
    TAG_WORDS,
    after_late_stamp,
    read_line,
    read_lines,
    whole_lines,
)

TEXT = "BUG: soft lockup - CPU#1 stuck for 22s! [x:7]"


@pytest.mark.parametrize(
    ("prefix", "time", "caller"),
    [
        ("", None, None),
        ("[    1.234567] ", 1.234567, None),
        ("[    1.234567][   T12] ", 1.234567, "T12"),
        ("[12345.678901][    C0] ", 12345.678901, "C0"),
        ("[   T12] ", None, "T12"),
        ("<4>[    1.234567] ", 1.234567, None),
        ("<0>", None, None),
        ("[    1.234567 <    0.000100>] ", 1.234567, None),
        ("[Thu Jan  1 00:00:12 2026] ", None, None),
        ("[Jan 1 00:00] ", None, None),
        ("[  +0.000012] ", None, None),
        ("kern  :warn  : [    1.234567] ", 1.234567, None),
        ("kern  :emerg : [    1.234567][    T1] ", 1.234567, "T1"),
        ("Nov 22 06:50:01 box kernel: ", None, None),
        ("Nov 22 06:50:01 box kernel: [    1.234567] ", 1.234567, None),
        ("[    1.234567] box kernel: ", 1.234567, None),
        ("2026-11-22T06:50:01.123456+00:00 box kernel: [    1.234567][   T12] ", 1.234567, "T12"),
        ("[2026-11-22 06:50:01] [    1.234567] ", 1.234567, None),
        ("06:50:01.123 [    1.234567] ", 1.234567, None),
        ("4,339,5140900,-;", 5.1409, None),
        ("4,339,5140900,-,caller=T66;", 5.1409, "T66"),
        ("# [    1.234567] ", 1.234567, None),
        ("[    1.234567] c1   3804 ", 1.234567, "T3804"),
        ("\x1b[32m[    1.234567] \x1b[0m\x1b[31m", 1.234567, None),
        ("<4>[    1.234567][   T12] ", 1.234567, "T12"),
        ("Jan  1 00:00:12 box kern.warn kernel: [    1.234567] ", 1.234567, None),
        ("Thu 2026-11-22 06:50:01 UTC box kernel: ", None, None),
        ("2026-11-22T06:50:01+0100 box kernel: ", None, None),
        ("1795330201.123456 box kernel: ", None, None),
        ("\x1b]0;a title\x07[    1.234567] ", 1.234567, None),
        ("\x00[    1.234567] ", 1.234567, None),
        ("Loading 50%\rLoading 100%\r[    1.234567] ", 1.234567, None),
    ],
)
def test_stamps_come_off(prefix: str, time: float | None, caller: str | None) -> None:
    line = read_line((prefix + TEXT).encode() + b"\r")
    assert (line.text, line.time) == (TEXT.encode(), time)
    assert line.caller == (caller.encode() if caller else None)


def test_indentation_stays() -> None:
    assert read_line(b"[    1.000000][    T1]  #0: x").text == b" #0: x"


def test_long_lines_are_cut() -> None:
    assert len(read_line(b"\xff" + b"x" * (2 * MAX_LINE)).text) == MAX_LINE
    block = b"a\n" + b"x" * (3 * MAX_LINE) + b"\nb\n"
    assert whole_lines(block) == (b"a\n" + b"x" * MAX_LINE + b"\nb",) * 2


def test_a_kernel_line_behind_a_prompt_is_found() -> None:
    late = after_late_stamp(b"login: [    2.000000][   T12] Kernel panic - not syncing: x")
    assert late is not None
    assert (late.text, late.caller, late.time) == (b"Kernel panic - not syncing: x", b"T12", 2.0)
    assert after_late_stamp(b"plain") is None


def test_a_disk_is_no_task_of_a_phone() -> None:
    line = read_line(b"[    1.000000] [0:0:0:0] disk")
    assert (line.text, line.caller) == (b"[0:0:0:0] disk", None)


def test_what_quotes_a_line_is_not_the_kernels() -> None:
    line = read_line(b"box-1  | [    1.000000][   T12] foo [    2.000000][   T13] bar")
    assert (line.text, line.caller, line.time) == (b"foo [    2.000000][   T13] bar", b"T12", 1.0)


def test_lines_are_read_with_their_callers() -> None:
    block = b"$ ls\n[ 1.000000][ T1] a\n[ 1.000000][ T1] \n[ 1.000000][ T1]\n[ 1.0][ T2] b \n$ sh\n[ 1.0] c"
    assert read_lines(block, block.split(b"\n"), tagged=False) == (
        [b"$ ls", b"a", b"", b"", b"b", b"$ sh", b"c"],
        [None, b"T1", b"T1", b"T1", b"T2", None, None],
    )


STAMPS = st.sampled_from(
    [b"", b"[    1.234567] ", b"[    1.234567]", b"[    1.234567][   T12] ", b"[    1.234567][    C0] "] * 3
    + [b"Nov 22 06:50:01 box kernel: ", b"2026-11-22T06:50:01.123456+01:00 box kernel: "] * 2
    + [b"[   T12] ", b"<4>", b"box kernel: ", b"Nov 22 06:50:01 ", b"4,339,5140900,-,caller=T66;", b"# "]
    + [
        b"kern  :warn  : ",
        b"c1   2345 ",
        b"[    1.234567]<0>.(1)[123:kworker/1:0]",
        b" (0)[1:swapper/0]",
        b"[1:    kworker/1:0:  123] ",
        b"[pid:123,cpu1,kworker/1:0]",
        b"[    1.234567s]",
        b"[    1.234567@1] ",
        b"[Jan 1 00:00] ",
        b"06:50:01 ",
        b"12\r",
        b"\x1b[1m",
        b"\x00",
        b"\xff",
        b"\r",
        b" \t",
        b"> ",
        b"box-1  | ",
        b"[1.5] ",
        b"a;b,",
        b"x" * 70,
    ]
)
LINES = st.lists(
    st.tuples(st.lists(STAMPS, max_size=3), st.one_of(st.just(b" text "), st.binary(max_size=12))),
    min_size=1,
    max_size=8,
)


@example(lines=[([b"a;b,", b"[    1.234567s]"], b"\t"), ([], b"")])
@example(lines=[([b"a;b,", b"[    1.234567] ", b"c1   2345 "], b"")])
@settings(max_examples=150, deadline=None)
@given(lines=LINES)
def test_many_lines_read_like_each_by_itself(lines: list[tuple[list[bytes], bytes]]) -> None:
    block = b"\n".join([b"".join(stamps) + text for stamps, text in lines])
    alone = [read_line(line) for line in block.split(b"\n")]
    text = whole_lines(block + b"\n")[1]
    tagged = any(word in text for word in TAG_WORDS)
    together = read_lines(text, text.split(b"\n"), tagged=tagged)
    assert together == ([line.text for line in alone], [line.caller for line in alone])
