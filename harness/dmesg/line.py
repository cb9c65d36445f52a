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

_SPECIAL = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})
_NOISE = bytes(set(_SPECIAL) - {0x07, 0x0D, 0x1B})
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?]{0,32}[@-~]|[()][0-9A-Za-z]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[=>78cDEHM])?"
)

_TIME = rb"\[[ ]*+\d{1,10}\.\d{6}\]"
_SHORT_TIME = rb"\[[ \d]{5}\.\d{6}\]"
"""As `print_time()` writes it on the first day: always of the same width."""
_CALLER = rb"\[[ ]*+[TC]\d{1,10}\]"
_STAMP = rb"""
  (?: \[(?P<time>[ ]*+\d{1,10}\.\d{1,9}|[ \d]{5}\.\d{6})(?:[ ]<[ \d.+]{1,24}>)?\]
      (?:\[[ ]*+(?P<caller>[TC]\d{1,10})\])?
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

_PHONE = rb"c\d{1,3}[ ]{1,8}(?P<task>\d{1,7})[ ]"
"""CPU and task, as kernels of phones print them behind the time, in place of a caller."""


def _pattern(source: bytes) -> re.Pattern[bytes]:
    return re.compile(source, re.VERBOSE)


def _nameless(source: bytes) -> bytes:
    return re.sub(rb"\(\?P<\w+>", b"(?:", source)


_STAMPS, _TAGS, _WRAPPINGS, _PHONES = map(_pattern, (_STAMP, _TAG, _WRAPPING, _PHONE))
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
    % {b"time": _SHORT_TIME, b"caller": _CALLER}
)
"""Consecutive lines with a short time alone, or with that and the same caller, or with anything else."""
_LONG_RUNS = _pattern(_RUNS.pattern.replace(_SHORT_TIME, _TIME))
"""The same with times of any width."""
_UNUSUAL = _pattern(rb"\n(?:%s|%s)" % (_nameless(_STAMP), _nameless(_WRAPPING)))
_TAGGED = _pattern(rb"\n" + _TAG)
_PHONED = _pattern(rb"\n" + _nameless(_PHONE))
_SHORT_WIDTH = len("[    1.234567] ")
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
        at = stamp.end()
        if tag := _TAGS.match(body, at):
            at = tag.end()
        elif phone := _PHONES.match(body, at):
            at, caller = phone.end(), b"T" + phone["task"]
    seconds = float(time.replace(b" ", b"")) if time else int(micros) / 1e6 if micros else None
    return Line(body[at:].rstrip(), seconds, caller)


def read_time(raw: bytes) -> float | None:
    """Give the time of the stamp of a line, or else of the last stamp in the middle of it."""
    stamp = _STAMPS.match(raw)
    if stamp and stamp["time"]:
        return float(stamp["time"].replace(b" ", b""))
    time = read_line(raw).time
    if time is None and (late := after_late_stamp(raw)):
        return late.time
    return time


def after_late_stamp(text: bytes) -> Line | None:
    """Read again from the last stamp in the middle of a line, or None if there is none there."""
    late = _LATE_STAMP.search(text)
    return read_line(text[late.start() :]) if late else None


def whole_lines(block: bytes) -> bytes:
    """Prepare whole lines to be read: without what is too long, DOS line ends, and the last newline."""
    half = MAX_LINE // 2
    if any(block.find(b"\n", at, at + half) < 0 for at in range(0, len(block) - half, half)):
        block = b"\n".join([line[:MAX_LINE] for line in block.split(b"\n")])
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    return block[:-1]


def runs(block: bytes) -> list[Run]:
    """Read what `whole_lines()` gave, and sort it into runs."""
    found: list[Run] = []
    for match in _RUNS.finditer(b"\n" + _clean(block)):
        text = match[0]
        stamp = match["stamp"]
        if not stamp and not match["timed"]:
            found += _other_runs(text)
            continue
        width = _SHORT_WIDTH + len(stamp or b"")
        lines = [line[width:].rstrip() for line in text.split(b"\n")]
        found += _untagged(Run(_caller(stamp), b"\n".join(lines)), text)
    return found


def _other_runs(text: bytes) -> list[Run]:
    """Do the same for lines without stamps, with times that are not short, or with stamps of other shapes."""
    if not _UNUSUAL.search(text):
        return _untagged(Run(None, b"\n".join(map(bytes.rstrip, text.split(b"\n")))), text)
    found: list[Run] = []
    for match in _LONG_RUNS.finditer(text):
        lines = match[0].split(b"\n")
        stamp = match["stamp"]
        if not stamp and not match["timed"]:
            found += _runs_of_any_shape(lines[1:])
            continue
        before = stamp or b"]"
        texts = [line.partition(before)[2][1:].rstrip() for line in lines]
        found += _untagged(Run(_caller(stamp), b"\n".join(texts)), match[0])
    return found


def _caller(stamp: bytes | None) -> bytes | None:
    return stamp.strip(b"[ ]") if stamp else None


def _untagged(run: Run, text: bytes) -> list[Run]:
    """Give the run; where a tag stands behind a stamp, read the lines that it came from one by one."""
    if _PHONED.match(run.text) or (b"kernel:" in run.text and _TAGGED.search(run.text)):
        return _runs_of_any_shape(text[1:].split(b"\n"))
    return [run]


def _runs_of_any_shape(lines: list[bytes]) -> list[Run]:
    return [
        Run(caller, b"".join([b"\n" + line.text for line in group]))
        for caller, group in itertools.groupby(map(read_line, lines), lambda line: line.caller)
    ]


def _clean(block: bytes) -> bytes:
    """Take noise, colours and what was overwritten off all lines."""
    if len(block.translate(None, _SPECIAL)) == len(block):
        return block
    block = block.translate(None, _NOISE)
    if b"\x1b" in block:
        block = _ESCAPES.sub(b"", block)
    block = block.replace(b"\x07", b"").replace(b"\r\n", b"\n")
    if b"\r" in block:
        block = _OVERWRITTEN.sub(b"\n", b"\n" + block)[1:]
    return block
