# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader: pieces of a console in, events out, in time linear in the size and in bounded memory.

Most of a console is never looked at line by line: one search for the words of all headlines passes over it.
From a hit on, lines are read in windows until no report is open any more. With caller stamps
(CONFIG_PRINTK_CALLER) each caller's lines are a stream of their own, so reports of several CPUs come apart
again.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from harness.dmesg.desk import Desk
from harness.dmesg.line import MAX_LINE, find_colours
from harness.dmesg.search import OPENING_WORDS, PLACE, find_words
from harness.words import Event

_SLICE = 1 << 18
"""Bytes that are searched at once: small enough for the CPU's cache."""
_COLOURED = 1 << 12
"""Bytes of those that are searched at once where escape sequences must be taken off first."""
_WINDOW = 10 << 10
"""Bytes that are read closely at once while a report is open: more than most reports have left then."""
_LONG_IN_COMING = 1 << 16
"""Bytes without a newline after which lines seem to end with carriage returns."""
_RETURNS = re.compile(rb"\r++\n?")


def parse(data: bytes | str) -> list[Event]:
    """Read a whole console. Never raises, whatever the bytes are."""
    reader = Reader()
    events = reader.feed(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return events + reader.close()


class Reader:
    """Reads a console that comes in pieces; where they are cut makes no difference to the events."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._kept = 0
        self._number = 1
        self._ends = _LineEnds()
        self._desk = Desk()

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next piece of the console.

        Gives the events that are over and were not given before, in the order of the log.
        """
        self._take(self._ends.read(chunk))
        return self._desk.take()

    def close(self) -> list[Event]:
        """End the console, and give the events that are left.

        A report that is still open counts as cut off.
        """
        self._take(self._ends.close())
        if self._pieces:
            self._block(self._unfinished() + b"\n")
        self._desk.finish_all()
        return self._desk.take()

    def _take(self, chunk: bytes) -> None:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            self._block(self._unfinished() + chunk[:cut] if self._pieces else chunk[:cut])
        room = MAX_LINE - self._kept  # of a line that is longer, only the beginning is read
        rest = chunk[cut : cut + room]
        if rest:
            self._pieces.append(rest)
            self._kept += len(rest)

    def _unfinished(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces, self._kept = [], 0
        return line

    def _block(self, block: bytes) -> None:
        """Read whole lines, slice by slice."""
        start = 0
        while start < len(block):
            end = _line_end(block, start, _SLICE)
            coloured = find_colours(block, start, end)
            if coloured < end:
                line = block.rfind(b"\n", start, coloured) + 1
                end = line if line > start else _line_end(block, start, _COLOURED)
            self._slice(block[start:end] if end - start < len(block) else block)
            start = end

    def _slice(self, block: bytes) -> None:
        found = find_words(block)
        at, here = 0, 0
        while at < len(block):
            here = bisect_left(found, at, here, key=PLACE)
            if not self._desk.busy:
                while here < len(found) and found[here][0] >= OPENING_WORDS:
                    here += 1
                if here == len(found):
                    break
                start = block.rfind(b"\n", at, found[here][1]) + 1 or at
                self._number += block.count(b"\n", at, start)
                at = _line_end(block, start, 1)
                self._desk.line(self._number, block[start:at])
                self._number += 1
                continue
            end = _line_end(block, at, _WINDOW)
            hits = found[here : bisect_left(found, end, here, key=PLACE)]
            self._number += self._desk.window(self._number, block[at:end], hits, at)
            at = end
        self._number += block.count(b"\n", at)


class _LineEnds:
    """Finds out whether lines end with carriage returns alone, and makes newlines of those.

    In a console with newlines, what stands before a return was overwritten.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._known = False
        self._returns = False

    def read(self, chunk: bytes) -> bytes:
        """Give what can be read on: nothing until the first newline, unless that is long in coming."""
        if not self._known and not self._waiting:
            self._known = chunk.find(b"\n", 0, _LONG_IN_COMING) >= 0
        if self._known and not self._returns:
            return chunk
        self._waiting += chunk
        if not self._known:
            self._known = b"\n" in chunk or len(self._waiting) >= _LONG_IN_COMING
            self._returns = self._known and b"\n" not in self._waiting[:_LONG_IN_COMING]
        return self._all() if self._known else b""

    def close(self) -> bytes:
        """Give the rest."""
        self._returns = self._returns or not self._known
        return self._all() + bytes(self._waiting)

    def _all(self) -> bytes:
        """Give what waits, but for a last return of which it is not yet known whether a newline follows."""
        text = bytes(self._waiting)
        self._waiting.clear()
        if not self._returns:
            return text
        body = text.rstrip(b"\r")
        self._waiting += text[len(body) :][:1]
        return _RETURNS.sub(b"\n", body)


def _line_end(block: bytes, start: int, size: int) -> int:
    """Give the end of as many whole lines as have about `size` bytes."""
    return block.find(b"\n", min(start + size, len(block)) - 1) + 1
