# SPDX-License-Identifier: GPL-2.0-or-later
"""Stamps of every shape come off, and what they say is kept."""

from __future__ import annotations

import pytest

from harness.dmesg.line import MAX_LINE, after_late_stamp, read_line

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
        ("\x1b[32m[    1.234567] \x1b[0m\x1b[31m", 1.234567, None),
        ("\x00[    1.234567] ", 1.234567, None),
        ("Loading 50%\rLoading 100%\r[    1.234567] ", 1.234567, None),
    ],
)
def test_stamps_come_off(prefix: str, time: float | None, caller: str | None) -> None:
    line = read_line(3, (prefix + TEXT).encode() + b"\r")
    assert (line.number, line.text, line.time, line.caller) == (3, TEXT, time, caller)


def test_indentation_stays() -> None:
    assert read_line(1, b"[    1.000000][    T1]  #0: x").text == " #0: x"


def test_long_lines_are_cut_and_bad_bytes_replaced() -> None:
    line = read_line(1, b"\xff" + b"x" * (2 * MAX_LINE))
    assert line.text.startswith("\ufffdxx")
    assert len(line.raw) == MAX_LINE


def test_a_kernel_line_behind_a_prompt_is_found() -> None:
    line = read_line(1, b"login: [    2.000000][   T12] Kernel panic - not syncing: x")
    late = after_late_stamp(line)
    assert late is not None
    assert (late.text, late.caller) == ("Kernel panic - not syncing: x", "T12")
    assert after_late_stamp(read_line(1, b"[    2.000000] plain")) is None
