# SPDX-License-Identifier: GPL-2.0-or-later
"""One line of a console, freed from its stamps.

Sources: `info_print_prefix()`, `print_time()`, `print_caller()` and `print_syslog()` in
kernel/printk/printk.c, `info_print_ext_header()` there for netconsole's extended form, and the output of
dmesg(1) and journalctl(1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 8192
"""Bytes of a line that are read; printk itself never writes more than 1 KiB at once."""

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[@-~]|\x1b[()][0-9A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")

_STAMP = re.compile(
    rb"\[ *(?P<time>\d{1,10}\.\d{1,9})(?: <[ \d.+]+>)?\](?:\[ *(?P<caller>[TC]\d+)\])? ?"
    rb"|\[ *(?P<only>[TC]\d+)\] "
)

_WRAPPING = re.compile(
    rb"""
      <\d{1,3}> # syslog level
    | (?:kern|user|daemon)[ ]*:(?:emerg|alert|crit|err|warn|notice|info|debug)[ ]*:[ ]   # dmesg -x
    | \d{1,3},\d+,(?P<micros>\d+),[-c+](?:,caller=(?P<from>[TC]\d+))?[^;]{0,80};   # netconsole, extended
    | [#][ ]+(?=\[[ ]*\d+\.\d)                                             # a kselftest runner's quoting
    | \[(?:[A-Z][a-z]{2}[ ])?[A-Z][a-z]{2}[ ]+\d+[ ][\d:.]+(?:[ ]\d{4})?\][ ]?    # dmesg -T, dmesg -e
    | \[[ ]*\+\d+\.\d+\][ ]                                                # dmesg -d -e
    | \[?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\]?[ ]            # ISO date
    | [A-Z][a-z]{2}[ ]+\d+[ ]\d\d:\d\d:\d\d(?:\.\d+)?[ ]                   # syslog date
    | \d\d:\d\d:\d\d(?:[.,]\d+)?[ ]+                                       # time of day
    | [\w.:-]{1,64}[ ]kernel:[ ]?                                          # host and tag
    | kernel:[ ]?
    """,
    re.VERBOSE,
)

_LATE_STAMP = re.compile(rb"\[ *\d{1,10}\.\d{6}\](?:\[ *[TC]\d+\])? (?!.*\[ *\d{1,10}\.\d{6}\])")
"""The last stamp of a line: what stands before it was printed by somebody else, without a newline."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its stamps: `number` is 1-based, `time` in seconds since boot.

    `caller` is what CONFIG_PRINTK_CALLER prints, `T12` for a task or `C0` for a CPU, else None.
    """

    number: int
    text: str
    raw: bytes
    time: float | None = None
    caller: str | None = None


def read_line(number: int, raw: bytes) -> Line:
    """Take the stamps, colours and noise off one line (without its newline); never raises."""
    raw = raw[:MAX_LINE].rstrip(b"\r")
    body = raw
    if _ESCAPES.search(body):
        body = _ESCAPES.sub(b"", body)
    if b"\r" in body:  # a progress bar was overwritten
        body = body[body.rindex(b"\r") + 1 :]
    stamp = _STAMP.match(body)
    if stamp and not _WRAPPING.match(body, stamp.end()):  # by far the most common shape
        return _line(number, raw, body[stamp.end() :], stamp["time"], stamp["caller"] or stamp["only"])
    return _unwrap(number, raw, body)


def after_late_stamp(line: Line) -> Line | None:
    """Read again from the last stamp in the middle of a line, or None if there is none there."""
    late = _LATE_STAMP.search(line.raw)
    if late is None or late.start() == 0:
        return None
    again = read_line(line.number, line.raw[late.start() :])
    return Line(line.number, again.text, line.raw, again.time, again.caller)


def _unwrap(number: int, raw: bytes, body: bytes) -> Line:
    """Peel off wrapping after wrapping: syslog, journal, netconsole, options of dmesg."""
    at = 0
    time: bytes | None = None
    caller: bytes | None = None
    micros: bytes | None = None
    for _ in range(8):
        wrap = _WRAPPING.match(body, at)
        if wrap:
            micros = wrap["micros"] or micros
            caller = wrap["from"] or caller
            at = wrap.end()
            continue
        stamp = _STAMP.match(body, at)
        if not stamp or (time is not None and stamp["time"] is not None):
            break
        time = stamp["time"] or time
        caller = stamp["caller"] or stamp["only"] or caller
        at = stamp.end()
    line = _line(number, raw, body[at:], time, caller)
    if time is None and micros is not None:
        return Line(number, line.text, raw, int(micros[:18]) / 1e6, line.caller)
    return line


def _line(number: int, raw: bytes, text: bytes, time: bytes | None, caller: bytes | None) -> Line:
    return Line(
        number,
        text.decode("utf-8", "replace").rstrip(),
        raw,
        float(time) if time else None,
        caller.decode("ascii") if caller else None,
    )
