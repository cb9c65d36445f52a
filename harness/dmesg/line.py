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

_NOISE = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?]{0,32}[@-~]|[()][0-9A-Za-z]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[=>78cDEHM])"
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)

_TIME = rb"\[ *+(?P<time>\d{1,10}\.\d{1,9})(?: <[ \d.+]{1,24}>)?\] ?"
_CALLER = rb"\[ *+(?P<caller>[TC]\d{1,10})\](?: |(?=\n)|\Z)"
_WRAPPINGS = rb"""
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
_TAG = rb"|(?:[\w.:-]{1,64}[ ](?:\w{1,8}\.\w{1,8}[ ])?)?kernel:[ ]?"
"""Host and tag of syslog and the journal; busybox writes facility and level between them."""

_TIMES = re.compile(_TIME)
_CALLERS = re.compile(_CALLER)
_WRAPPING = re.compile(_WRAPPINGS + _TAG, re.VERBOSE)
_LATE_STAMP = re.compile(rb"\[ *+\d{1,10}\.\d{6}\](?:\[ *+[TC]\d{1,10}\])? (?![^\n]*\[ *+\d{1,10}\.\d{6}\])")
"""The last stamp of a line: what stands before it was printed by somebody else, without a newline."""

_USUAL_TIMES = re.compile(rb"\n(?:<\d{1,3}>)?" + _TIME)
_UNUSUAL = re.compile(
    rb"\n(?:" + _TIME.replace(b"?P<time>", b"?:") + rb"|" + _CALLER + rb"|(?x:" + _WRAPPINGS + rb"))"
)
_UNUSUAL_OR_TAG = re.compile(
    rb"\n(?:" + _TIME.replace(b"?P<time>", b"?:") + rb"|" + _CALLER + rb"|(?x:" + _WRAPPINGS + _TAG + rb"))"
)
_FIRST_CALLER = re.compile(rb"\n\[ *+[TC]\d{1,10}\](?: |\n|\Z)")
_CALLER_RUNS = re.compile(
    rb"\n(?P<stamp>\[ *+(?P<caller>[TC]\d{1,10})\])(?=[ \n]|\Z)[^\n]*+(?:\n(?P=stamp)(?=[ \n]|\Z)[^\n]*+)*+"
    rb"|(?:\n(?!\[ *+[TC]\d{1,10}\](?:[ \n]|\Z))[^\n]*+)++"
)
_OVERWRITTEN = re.compile(rb"\n[^\n]*\r")
_RETURNS_AT_END = re.compile(rb"(?<!\r)\r++(?=\n|\Z)")
_SPACES_AT_END = re.compile(rb"(?<![ \t])[ \t]++(?=\n|\Z)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its stamps; `time` in seconds since boot.

    `caller` is what CONFIG_PRINTK_CALLER prints, `T12` for a task or `C0` for a CPU, else None.
    """

    text: bytes
    time: float | None = None
    caller: bytes | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive lines of one caller, without stamps, each with a newline before it."""

    caller: bytes | None
    text: bytes


def read_line(raw: bytes) -> Line:
    """Take the stamps, colours and noise off one line (without its newline); never raises.

    Peels off wrapping after wrapping: syslog, journal, netconsole, options of dmesg.
    """
    body = _ESCAPES.sub(b"", raw[:MAX_LINE]).rstrip(b"\r")
    body = body[body.rfind(b"\r") + 1 :]  # a progress bar was overwritten
    at = 0
    time: bytes | None = None
    caller: bytes | None = None
    micros: bytes | None = None
    for _ in range(8):
        peeled = _WRAPPING.match(body, at)
        if peeled:
            micros = peeled["micros"] or micros
            caller = peeled["from"] or caller
        elif time is None and (peeled := _TIMES.match(body, at)):
            time = peeled["time"]
        elif caller is None and (peeled := _CALLERS.match(body, at)):
            caller = peeled["caller"]
        else:
            break
        at = peeled.end()
    seconds = float(time) if time else int(micros) / 1e6 if micros else None
    return Line(body[at:].rstrip(b" \t"), seconds, caller)


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
    text = _USUAL_TIMES.sub(b"\n", b"\n" + _clean(block))
    found = (
        list(map(_caller_run, _CALLER_RUNS.finditer(text)))
        if _FIRST_CALLER.search(text)
        else [Run(None, text)]
    )
    unusual = _UNUSUAL_OR_TAG if b"kernel:" in block else _UNUSUAL
    if any(unusual.search(run.text) for run in found):
        return _runs_of_any_shape(block)
    return [Run(run.caller, _strip_ends(run.text, b" ", _SPACES_AT_END)) for run in found]


def _caller_run(run: re.Match[bytes]) -> Run:
    stamp = run["stamp"]
    if not stamp:
        return Run(None, run[0])
    text = run[0].replace(b"\n" + stamp + b" ", b"\n")
    if text.endswith(stamp) or stamp + b"\n" in text:  # a blank line that lost its last space
        text = re.sub(rb"\n" + re.escape(stamp) + rb"(?=\n|\Z)", b"\n", text)
    return Run(run["caller"], text)


def _runs_of_any_shape(block: bytes) -> list[Run]:
    lines = map(read_line, block.split(b"\n"))
    return [
        Run(caller, b"".join([b"\n" + line.text for line in group]))
        for caller, group in itertools.groupby(lines, lambda line: line.caller)
    ]


def _clean(block: bytes) -> bytes:
    """Take noise, colours and what was overwritten off all lines."""
    if len(block.translate(None, _NOISE)) != len(block):
        block = _ESCAPES.sub(b"", block)
    if b"\r" in block:
        block = _strip_ends(block, b"\r", _RETURNS_AT_END)
        if b"\r" in block:
            block = _OVERWRITTEN.sub(b"\n", b"\n" + block)[1:]
    return block


def _strip_ends(text: bytes, what: bytes, thoroughly: re.Pattern[bytes]) -> bytes:
    """Take a character off the ends of all lines.

    A few replacements of halving widths spare the slower expression a try at every such character there is.
    """
    if what + b"\n" in text:
        for width in (16, 8, 4, 2, 1):
            text = text.replace(what * width + b"\n", b"\n")
    if what + b"\n" in text or b"\t\n" in text or text.endswith((what, b"\t")):
        text = thoroughly.sub(b"", text)
    return text
