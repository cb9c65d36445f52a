# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of a console, freed from their stamps, colours and noise.

Sources: `info_print_prefix()`, `print_time()`, `print_caller()` and `print_syslog()` in
kernel/printk/printk.c, `info_print_ext_header()` there for netconsole's extended form, and the output of
dmesg(1) and journalctl(1).

`read_line()` says what a line is. `read_lines()` gives the same for many lines at once, with one pass over
all of them where they look as usual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 8192
"""Bytes of a line that are read; printk itself never writes more than 1 KiB at once."""

_NEWLINE = ord("\n")
"""A number is found in bytes much sooner than other bytes are."""
_SPECIAL = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})
_NOISE = bytes(set(_SPECIAL) - {0x07, 0x0D, 0x1B})
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?]{0,32}[@-~]|[()][0-9A-Za-z]|\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)|[=>78cDEHM])?"
)

_TIME = rb"\[[ ]*+\d{1,10}+\.\d{6}+(?:s|@\d)?+\]"
"""Kernels of phones and set-top boxes put a unit or the CPU behind the digits."""
_CALLER = rb"[ ]?\[[ ]*+[TC]\d{1,10}+\]"
"""As printk prints it; others put a blank between the two."""


def _pattern(source: bytes) -> re.Pattern[bytes]:
    return re.compile(source, re.VERBOSE)


def _nameless(source: bytes) -> bytes:
    return re.sub(rb"\(\?P<\w+>", b"(?:", source)


_PHONE = rb"""
  (?: c\d{1,3}[ ]{1,8}(?=\d{1,7}[ ])                   # Spreadtrum, Qualcomm: CPU and task
    | (?:<\d>)?[-.~ ]{0,3}\(\d{1,2}\)\[(?=\d{1,7}:)     # MediaTek: CPU, task and its name
    | [A-Z]?[ ]?\[\d{1,2}:[ ]*+[A-Za-z(][^\]\n]{0,24}:[ ]*+(?=\d{1,7}\]) # Samsung: CPU, name and task
    | \[pid:(?=\d{1,7},cpu)                            # HiSilicon
  )(?P<task>\d{1,7})(?:[ ]|[:,][^\]\n]{1,40}\]|\][ ]?)
"""
"""What kernels of phones print behind the time, in place of a caller; not all have a blank before it."""
_STAMP = rb"""
  (?: \[(?P<time>[ ]*+\d{1,10}\.\d{1,9}|[ \d]{5}\.\d{6})(?:s|@\d|[ ]<[ \d.+]{1,24}>)?\]
      (?:[ ]?\[[ ]*+(?P<caller>[TC]\d{1,10})\])?
    | \[[ ]*+(?P<only>[TC]\d{1,10})\]
  ) (?:[ ]|(?=\s|\Z|%s))
""" % _nameless(_PHONE)
_WRAPPING = rb"""
      <\d{1,3}> # syslog level
    | (?:kern|user|daemon)[ ]*+:(?:emerg|alert|crit|err|warn|notice|info|debug)[ ]*+:[ ]   # dmesg -x
    | \d{1,3},\d{1,20},(?P<micros>\d{1,18}),[-c+](?:,caller=(?P<from>[TC]\d{1,10}))?[^;\n]{0,80}; # netconsole
    | [#>](?:[ ]|(?=\n|\Z))                                                # quoted by kselftest, by a mail
    | \[(?:[A-Z][a-z]{2}[ ])?[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ][\d:.]{4,18}(?:[ ]\d{4})?\][ ]?  # dmesg -T, -e
    | \[[ ]*+\+\d{1,10}\.\d{1,9}\][ ]                                      # dmesg -d -e
    | (?:[A-Z][a-z]{2}[ ])?\[?\d{4}-\d\d-\d\d[T ][\d:.,]{5,18}(?:Z|[+-]\d\d:?\d\d|[ ]UTC)?\]?[ ]  # ISO date
    | [A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d\d:\d\d:\d\d(?:\.\d{1,9})?[ ]       # syslog date
    | \[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?[ ]+                             # time of day
    | \d{10}\.\d{3,9}[ ]                                                   # seconds of the epoch
"""
_TAG = rb"(?:[\w.:-]{1,64}[ ](?:\w{1,8}\.\w{1,8}[ ])?)?kernel:[ ]?"
"""Host and tag of syslog and the journal; busybox writes facility and level between them."""
_LEAD = rb"(?>%s|%s){0,8}+(?:%s(?>%s|%s)?+)?+" % (_WRAPPING, _TAG, _STAMP, _TAG, _PHONE)
"""Wrapping after wrapping, the kernel's stamp, and what belongs to it."""
_A_LINE, _LEADS, _STAMPS = map(_pattern, (_LEAD + rb"(?P<text>[^\n]*+)", rb"\n" + _LEAD, _STAMP))
_CALLERS = ("task", "caller", "only", "from")
"""Groups of a lead, one of which says who printed the line."""
_INNER_STAMP = _pattern(rb"%s(?:%s)?(?:[ ]|(?=\n|\Z))" % (_TIME, _CALLER))
"""A stamp in the middle of a line.

What stands before the first of a line was printed by somebody else, without a newline, or put there by who
quotes the line: a mail, the name of a container, the number of the line.
"""
_LAST_STAMP = _pattern(rb"%s(?![^\n]*%s)" % (_INNER_STAMP.pattern, _TIME))
_USUAL = _pattern(rb"\n[^\n\[,;]{0,64}+%s(?:[ ]?\[[ ]*+([TC]\d{1,10}+)\])?+(?:[ ]|(?=\n|\Z))" % _TIME)
"""The first stamp of a line, and what stands before it: by its bytes no other stamp, and not netconsole's."""
_ALONE = _pattern(rb"%s(?!%s|%s)" % (_USUAL.pattern, _TAG, _nameless(_PHONE)))
"""The same where nothing stands behind it that belongs to it."""
_UNUSUAL = _pattern(
    rb"\n(?=[\[<#>\dkud] | [A-Z][a-z]{2}[ ]{1,2}[\[\d])(?:%s|%s)" % (_nameless(_STAMP), _nameless(_WRAPPING))
)
"""A line that begins with more than its text; most are told from it by their first bytes."""
TAG_WORDS = (
    b"kernel:",
    b")[",
    b"[pid:",
    *(word % digit for digit in range(10) for word in (b"] c%d", b"[%d:")),
)
"""Where a tag or a phone's CPU and task stand in a line, one of these does."""
_OVERWRITTEN = re.compile(rb"\n[^\n]*\r(?![\r\n]|\Z)")


@dataclass(slots=True)
class Line:
    """A line without its stamps; `time` in seconds since boot.

    `caller` is what CONFIG_PRINTK_CALLER prints, `T12` for a task or `C0` for a CPU, else None.
    """

    text: bytes
    time: float | None = None
    caller: bytes | None = None


def read_line(raw: bytes) -> Line:
    """Take the stamps, colours and noise off one line (without its newline); never raises."""
    return read_ready(_clean(raw[:MAX_LINE]))


def read_ready(text: bytes) -> Line:
    """Take the stamps off one line that is ready to be read, see `whole_lines()`."""
    line = _A_LINE.match(text)
    assert line is not None  # the text may be anything
    time, micros = line["time"], line["micros"]
    seconds = float(time.replace(b" ", b"")) if time else int(micros) / 1e6 if micros else None
    caller = _caller(*line.group(*_CALLERS))
    quoted = _quoted(line["text"]) if seconds is None and caller is None else None
    return quoted or Line(line["text"].rstrip(), seconds, caller)


def _quoted(text: bytes) -> Line | None:
    """Read a line from its first stamp on, which does not stand at its beginning, or None without one."""
    stamp = _INNER_STAMP.search(text)
    return read_ready(text[stamp.start() :]) if stamp else None


def _caller(
    task: bytes | None, caller: bytes | None, only: bytes | None, sender: bytes | None
) -> bytes | None:
    return b"T" + task if task else caller or only or sender


def read_time(raw: bytes, text: bytes) -> float | None:
    """Give the time of the stamp of a line; `text` is the line without its stamps."""
    stamp = _STAMPS.match(raw)
    if stamp and stamp["time"]:
        return float(stamp["time"].replace(b" ", b""))
    return read_line(raw).time if text != raw else None


def after_late_stamp(text: bytes) -> Line | None:
    """Read again from the last stamp in the middle of a line, or None if there is none there."""
    late = _LAST_STAMP.search(text)
    return read_line(text[late.start() :]) if late else None


def whole_lines(block: bytes) -> tuple[bytes, bytes]:
    """Give whole lines without DOS line ends and the last newline, as they came and ready to be read.

    What is too long is cut off; to be read, noise, colours and what was overwritten are taken off as well.
    """
    half = MAX_LINE // 2
    long = len(block) > half
    if long and any(block.find(b"\n", at, at + half) < 0 for at in range(0, len(block) - half, half)):
        block = b"\n".join([line[:MAX_LINE] for line in block.split(b"\n")])
    bare = block.translate(None, _SPECIAL)
    if len(bare) < len(block) and len(bare) + block.count(b"\r\n") < len(block):
        block = block.replace(b"\r\n", b"\n")[:-1]
        return block, _clean(block)
    bare = bare[:-1]
    return bare, bare


def find_colours(block: bytes, start: int, end: int) -> int:
    """Give the place of the first escape sequence or NUL, or `end`: it may stand in the middle of a word."""
    places = [block.find(byte, start, end) for byte in (b"\x1b", b"\0")]
    return min([place for place in places if place >= 0], default=end)


def without_colours(block: bytes) -> bytes:
    """Take these off; lines stay lines."""
    return _ESCAPES.sub(b"", block.replace(b"\0", b""))


def read_lines(block: bytes, lines: list[bytes], *, tagged: bool) -> tuple[list[bytes], list[bytes | None]]:
    """Give the texts and the callers of the lines of a block, which are ready to be read.

    `tagged` tells whether some of the `TAG_WORDS` may be in them.
    """
    block = b"\n" + block
    if not (tagged or _UNUSUAL.search(block) or _INNER_STAMP.search(block)):
        return list(map(bytes.rstrip, lines)), [None] * len(lines)
    before, *stamped = (_ALONE if tagged else _USUAL).split(block)
    callers: list[bytes | None] = stamped[::2]
    texts: list[bytes] = stamped[1::2]
    if before or len(texts) < len(lines):
        texts, callers = _with_others(before, texts, callers)
    return list(map(bytes.rstrip, texts)), callers


def _with_others(
    before: bytes, stamped: list[bytes], callers: list[bytes | None]
) -> tuple[list[bytes], list[bytes | None]]:
    """Read also lines that do not begin as usual: those before all others, and those at the end of a text."""
    texts, whose = _others(before)
    done = 0
    for at in [at for at, text in enumerate(stamped) if _NEWLINE in text]:
        text = stamped[at]
        end = text.index(b"\n")
        others, their = _others(text[end:])
        texts += [*stamped[done:at], text[:end], *others]
        whose += [*callers[done : at + 1], *their]
        done = at + 1
    return texts + stamped[done:], whose + callers[done:]


def _others(block: bytes) -> tuple[list[bytes], list[bytes | None]]:
    """Read lines without stamps, or with stamps of other shapes, each with a newline before it."""
    if b"kernel:" in block or _UNUSUAL.search(block) or _INNER_STAMP.search(block):
        return _any_lines(block)
    texts = block.split(b"\n")[1:]
    return texts, [None] * len(texts)


def _any_lines(block: bytes) -> tuple[list[bytes], list[bytes | None]]:
    """Read lines of any shape, each with a newline before it."""
    parts = _LEADS.split(block)
    stride = _LEADS.groups + 1
    texts: list[bytes] = parts[stride::stride]
    group = {name: parts[at::stride] for name, at in _LEADS.groupindex.items()}
    callers = [group[name] for name in _CALLERS]
    whose: list[bytes | None] = [None] * len(texts)
    if any(map(any, callers)):
        whose = list(map(_caller, *callers))
    if _INNER_STAMP.search(block):
        for at, stamped in enumerate(zip(group["time"], group["micros"], whose, strict=True)):
            if not any(stamped) and (line := _quoted(texts[at])):
                texts[at], whose[at] = line.text, line.caller
    return list(map(bytes.rstrip, texts)), whose


def _clean(block: bytes) -> bytes:
    block = block.translate(None, _NOISE)
    if b"\x1b" in block:
        block = _ESCAPES.sub(b"", block)
    block = block.replace(b"\x07", b"").replace(b"\r\n", b"\n")
    if b"\r" in block:
        block = _OVERWRITTEN.sub(b"\n", b"\n" + block)[1:]
    return block
