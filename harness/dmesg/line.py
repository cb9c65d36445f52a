# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of a console, freed from their stamps, colours and noise.

Sources: `info_print_prefix()`, `print_time()`, `print_caller()` and `print_syslog()` in
kernel/printk/printk.c, `info_print_ext_header()` there for netconsole's extended form, and the output of
dmesg(1) and journalctl(1).

`read_line()` says what a line is. `runs()` gives the same for many lines at once, with a few passes over all
of them where they look as usual.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

MAX_LINE = 8192
"""Bytes of a line that are read; printk itself never writes more than 1 KiB at once."""

_NOISE = bytes({*range(0x20), 0x7F} - {0x07, 0x09, 0x0A, 0x0D, 0x1B})
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?]{0,32}[@-~]|[()][0-9A-Za-z]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[=>78cDEHM])?"
)

_TIME = rb"\[[ ]*+\d{1,10}\.\d{6}\]"
_CALLER = rb"\[[ ]*+[TC]\d{1,10}\]"
_STAMP = rb"""
  (?: \[[ ]*+(?P<time>\d{1,10}\.\d{1,9})(?:[ ]<[ \d.+]{1,24}>)?\] (?:\[[ ]*+(?P<caller>[TC]\d{1,10})\])?
    | \[[ ]*+(?P<only>[TC]\d{1,10})\]
  ) (?:[ ]|(?=\s|\Z))
"""
_WRAPPING = rb"""
      <\d{1,3}> # syslog level
    | (?:kern|user|daemon)[ ]*+:(?:emerg|alert|crit|err|warn|notice|info|debug)[ ]*+:[ ]   # dmesg -x
    | \d{1,3},\d{1,20},(?P<micros>\d{1,18}),[-c+](?:,caller=(?P<from>[TC]\d{1,10}))?[^;\n]{0,80}; # netconsole
    | [#][ ]+(?=\[[ ]*+\d{1,10}\.\d)                                       # a kselftest runner's quoting
    | \[(?:[A-Z][a-z]{2}[ ])?[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ][\d:.]{4,18}(?:[ ]\d{4})?\][ ]?  # dmesg -T, -e
    | \[[ ]*+\+\d{1,10}\.\d{1,9}\][ ]                                      # dmesg -d -e
    | (?:[A-Z][a-z]{2}[ ])?\[?\d{4}-\d\d-\d\d[T ][\d:.,]{5,18}(?:Z|[+-]\d\d:?\d\d|[ ]UTC)?\]?[ ]  # ISO date
    | [A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d\d:\d\d:\d\d(?:\.\d{1,9})?[ ]       # syslog date
    | \[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?[ ]+                             # time of day
    | \d{10}\.\d{3,9}[ ]                                                   # seconds of the epoch
"""
_TAG = rb"(?:[\w.:-]{1,64}[ ](?:\w{1,8}\.\w{1,8}[ ])?)?kernel:[ ]?"
"""Host and tag of syslog and the journal; busybox writes facility and level between them."""


def _pattern(source: bytes) -> re.Pattern[bytes]:
    return re.compile(source, re.VERBOSE)


def _nameless(source: bytes) -> bytes:
    return re.sub(rb"\(\?P<\w+>", b"(?:", source)


_STAMPS, _TAGS, _WRAPPINGS = map(_pattern, (_STAMP, _TAG, _WRAPPING))
_LATE_STAMP = _pattern(
    rb"%(time)s(?:%(caller)s)?[ ](?![^\n]*%(time)s)" % {b"time": _TIME, b"caller": _CALLER}
)
"""The last stamp of a line: what stands before it was printed by somebody else, without a newline."""
_RUNS = _pattern(
    rb"""
      (?P<timed> (?: \n %(time)s (?=[ \n]|\Z) [^\n]*+ )++ )
    | \n %(time)s (?P<stamp>%(caller)s) (?=[ \n]|\Z) [^\n]*+
      (?: \n %(time)s (?P=stamp) (?=[ \n]|\Z) [^\n]*+ )*+
    | (?: \n (?! %(time)s (?:%(caller)s)? (?=[ \n]|\Z) ) [^\n]*+ )++
    """
    % {b"time": _TIME, b"caller": _CALLER}
)
"""Consecutive lines with a time alone, or with a time and the same caller, or with anything else."""
_UNUSUAL = _pattern(rb"\n(?:%s|%s)" % (_nameless(_STAMP), _nameless(_WRAPPING)))
_TAGGED = _pattern(rb"\n" + _TAG)
_OVERWRITTEN = re.compile(rb"\n[^\n]*\r(?![\r\n]|\Z)")


@dataclass(slots=True)
class Line:
    """A line without its stamps; `time` in seconds since boot.

    `caller` is what CONFIG_PRINTK_CALLER prints, `T12` for a task or `C0` for a CPU, else None.
    """

    text: bytes
    time: float | None = None
    caller: bytes | None = None


@dataclass(slots=True)
class Run:
    """Consecutive lines of one caller, without stamps, each with a newline before it."""

    caller: bytes | None
    text: bytes


def read_line(raw: bytes) -> Line:
    """Take the stamps, colours and noise off one line (without its newline); never raises.

    Peels off wrapping after wrapping: syslog, journal, netconsole, options of dmesg.
    """
    body = _clean(raw[:MAX_LINE])
    at = 0
    time: bytes | None = None
    caller: bytes | None = None
    micros: bytes | None = None
    for _ in range(8):
        peeled = _WRAPPINGS.match(body, at)
        if peeled:
            micros, caller = peeled["micros"] or micros, peeled["from"] or caller
        elif not (peeled := _TAGS.match(body, at)):
            break
        at = peeled.end()
    stamp = _STAMPS.match(body, at)
    if stamp:
        time, caller = stamp["time"], stamp["caller"] or stamp["only"] or caller
        tag = _TAGS.match(body, stamp.end())
        at = tag.end() if tag else stamp.end()
    seconds = float(time) if time else int(micros) / 1e6 if micros else None
    return Line(body[at:].rstrip(), seconds, caller)


def after_late_stamp(text: bytes) -> Line | None:
    """Read again from the last stamp in the middle of a line, or None if there is none there."""
    late = _LATE_STAMP.search(text)
    return read_line(text[late.start() :]) if late else None


def cut_long_lines(block: bytes) -> bytes:
    """Leave no more of any line than is read."""
    half = MAX_LINE // 2
    if any(block.find(b"\n", at, at + half) < 0 for at in range(0, len(block) - half, half)):
        return b"\n".join([line[:MAX_LINE] for line in block.split(b"\n")])
    return block


def runs(block: bytes) -> list[Run]:
    """Read whole lines, of which none is too long, without the last newline, and sort them into runs."""
    tagged = b"kernel:" in block
    found: list[Run] = []
    for match in _RUNS.finditer(b"\n" + _clean(block)):
        lines = match[0].split(b"\n")
        stamp = match["stamp"]
        if stamp:
            run = Run(stamp.strip(b"[ ]"), _joined([line.partition(stamp)[2][1:] for line in lines]))
        elif match["timed"]:
            run = Run(None, _joined([line.partition(b"] ")[2] for line in lines]))
        elif _UNUSUAL.search(match[0]):
            run = None
        else:
            run = Run(None, _joined(lines))
        if run is None or (tagged and _TAGGED.search(run.text)):
            found += _runs_of_any_shape(lines[1:])
        else:
            found.append(run)
    return found


def _joined(lines: list[bytes]) -> bytes:
    """Join lines, the first of which is empty, without the spaces at their ends."""
    return b"\n".join([line.rstrip() for line in lines])


def _runs_of_any_shape(lines: list[bytes]) -> list[Run]:
    return [
        Run(caller, b"".join([b"\n" + line.text for line in group]))
        for caller, group in itertools.groupby(map(read_line, lines), lambda line: line.caller)
    ]


def _clean(block: bytes) -> bytes:
    """Take noise, colours and what was overwritten off all lines."""
    block = block.translate(None, _NOISE)
    if b"\x1b" in block:
        block = _ESCAPES.sub(b"", block)
    if b"\x07" in block:
        block = block.replace(b"\x07", b"")
    if block.count(b"\r") > block.count(b"\r\n") + block.endswith(b"\r"):
        block = _OVERWRITTEN.sub(b"\n", b"\n" + block)[1:]
    return block
