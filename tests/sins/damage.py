# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to a console on its way to a file: each damage turns the bytes of a log into others.

Nothing here is random: what is to look like noise comes from the number of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

Damage = Callable[[bytes], bytes]

_STAMP = re.compile(rb"^\[ *(?P<seconds>\d+)\.(?P<micros>\d{6})\](?:\[ *(?P<caller>[TC]\d+)\])? ")
_HOST = b"testbox"


def _lines(log: bytes) -> Iterator[tuple[int, re.Match[bytes] | None, bytes]]:
    """Yield each line's number, its stamp and the text behind the stamp, without the line's end."""
    for number, line in enumerate(log.splitlines()):
        stamp = _STAMP.match(line)
        yield number, stamp, line[stamp.end() :] if stamp else line


def _prefixed(make: Callable[[int, re.Match[bytes] | None], bytes]) -> Damage:
    """Make a damage that puts another prefix in the place of the stamp."""

    def damage(log: bytes) -> bytes:
        return b"".join(make(number, stamp) + text + b"\n" for number, stamp, text in _lines(log))

    return damage


def _clock(stamp: re.Match[bytes] | None) -> bytes:
    seconds = int(stamp["seconds"]) if stamp else 0
    return b"%02d:%02d:%02d" % (10 + seconds // 3600, seconds // 60 % 60, seconds % 60)


def _whole(stamp: re.Match[bytes] | None) -> bytes:
    return stamp[0] if stamp else b""


def _seconds(stamp: re.Match[bytes] | None) -> bytes:
    return b"[%5d.%s] " % (int(stamp["seconds"]), stamp["micros"]) if stamp else b""


def _extended(number: int, stamp: re.Match[bytes] | None) -> bytes:
    """Write what /dev/kmsg and an extended netconsole put in front (printk.c, info_print_ext_header())."""
    micros = int(stamp["seconds"] + stamp["micros"]) if stamp else 0
    caller = b",caller=" + stamp["caller"] if stamp and stamp["caller"] else b""
    return b"4,%d,%d,-%s;" % (number + 100, micros, caller)


def cr_lf(log: bytes) -> bytes:
    """A serial line as the terminal gets it."""
    return log.replace(b"\n", b"\r\n")


def double_cr(log: bytes) -> bytes:
    """A serial line through a terminal that adds its own."""
    return log.replace(b"\n", b"\r\r\n")


def ansi(log: bytes) -> bytes:
    """Colours, as `dmesg --color=always` sets them: the stamp green, the text red."""
    return b"".join(
        b"\x1b[32m" + _whole(stamp) + b"\x1b[0m\x1b[31m" + text + b"\x1b[0m\n"
        for _, stamp, text in _lines(log)
    )


def noise(log: bytes) -> bytes:
    """Bytes that are no text, on lines of their own: what a console says while its speed is changed."""
    return b"".join(
        (b"\x00\xff\xfe\x80\xc3(\x00\x01\n" if number % 9 == 4 else b"") + line + b"\n"
        for number, line in enumerate(log.split(b"\n")[:-1])
    )


def nuls(log: bytes) -> bytes:
    """NUL bytes at the line ends, as a file has them that was grown by a machine that crashed."""
    return log.replace(b"\n", b"\x00\n")


WHOLE: dict[str, Damage] = {
    "cr-lf": cr_lf,
    "double-cr": double_cr,
    "ansi": ansi,
    "noise": noise,
    "nuls": nuls,
    "no-stamps": _prefixed(lambda number, stamp: b""),
    "no-callers": _prefixed(lambda number, stamp: _seconds(stamp)),
    "level": _prefixed(lambda number, stamp: b"<4>" + _whole(stamp)),
    "level-no-stamp": _prefixed(lambda number, stamp: b"<4>"),
    "dmesg-x": _prefixed(lambda number, stamp: b"kern  :warn  : " + _whole(stamp)),
    "dmesg-T": _prefixed(lambda number, stamp: b"[Sun Nov 22 %s 2026] " % _clock(stamp)),
    "dmesg-iso": _prefixed(lambda number, stamp: b"2026-11-22T%s,123456+00:00 " % _clock(stamp)),
    "syslog": _prefixed(
        lambda number, stamp: b"Nov 22 %s %s kernel: %s" % (_clock(stamp), _HOST, _whole(stamp))
    ),
    "journal": _prefixed(lambda number, stamp: b"Nov 22 %s %s kernel: " % (_clock(stamp), _HOST)),
    "journal-iso": _prefixed(
        lambda number, stamp: b"2026-11-22T%s+0000 %s kernel: " % (_clock(stamp), _HOST)
    ),
    "kmsg": _prefixed(_extended),
    "ktap": _prefixed(lambda number, stamp: b"# " + _whole(stamp)),
    "ktap-no-stamp": _prefixed(lambda number, stamp: b"# "),
    "mail": _prefixed(lambda number, stamp: b"> " + _whole(stamp)),
    "mail-no-stamp": _prefixed(lambda number, stamp: b"> > "),
    "numbered": _prefixed(lambda number, stamp: b"%6d\t%s" % (number, _whole(stamp))),
    "container": _prefixed(lambda number, stamp: b"box-1  | " + _whole(stamp)),
    "blank-before-caller": _prefixed(lambda number, stamp: _whole(stamp).replace(b"][", b"] [")),
    "ci-clock": _prefixed(lambda number, stamp: b"2026-11-22T%s.123456Z %s" % (_clock(stamp), _whole(stamp))),
}
"""What changes every line and takes nothing away: a reader that sees through it reads the same events."""


def cut(log: bytes, headline: int, share: float) -> bytes:
    """Cut a log off within the report that starts at line `headline` (1-based), after `share` of the rest.

    The headline itself is whole; the cut falls within a line.
    """
    lines = log.splitlines(keepends=True)
    before = b"".join(lines[:headline])
    rest = b"".join(lines[headline:])
    return before + rest[: int(len(rest) * share)]


def with_caller(log: bytes, caller: bytes) -> bytes:
    """Give every line the stamp of one caller."""
    return b"".join(
        (b"[%5d.%s][%6s] " % (int(stamp["seconds"]), stamp["micros"], caller) if stamp else b"")
        + text
        + b"\n"
        for _, stamp, text in _lines(log)
    )


def interleaved(one: bytes, other: bytes, run: Sequence[int] = (1, 3, 2, 1, 5)) -> bytes:
    """Mix two logs line by line, as two CPUs write to one console; each keeps its own order and its caller.

    `run` says how many lines one of them gets before it is the other's turn, over and over.
    """
    parts = [list(_runs(log.splitlines(keepends=True), run)) for log in (one, other)]
    return b"".join(b"".join(pair) for pair in zip_longest(*parts, fillvalue=b""))


def _runs(lines: Sequence[bytes], run: Sequence[int]) -> Iterator[bytes]:
    start = turn = 0
    while start < len(lines):
        size = run[turn % len(run)]
        yield b"".join(lines[start : start + size])
        start, turn = start + size, turn + 1


def two_boots(one: bytes, other: bytes) -> bytes:
    """Put two boots into one file, firmware between them."""
    firmware = b"\r\n\x1b[2J\x1b[01;01HSeaBIOS (version 1.16)\r\nBooting from ROM..\r\n"
    return one + firmware + other
