# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader: pieces of a console in, events out, in time linear in the size and in bounded memory.

A line is looked at closely only when it holds a word of some headline or while a report is open. With caller
stamps (CONFIG_PRINTK_CALLER) each caller's lines are a stream of their own, so reports of several CPUs come
apart again.
"""

from __future__ import annotations

import re
from collections import deque

from harness.dmesg.line import MAX_LINE, Line, after_late_stamp, read_line
from harness.dmesg.report import Report
from harness.dmesg.rules import KTAP, RULES, WORDS
from harness.dmesg.rules.rule import Rule
from harness.words import Event, Kind

_SLICE = 1 << 20
"""Bytes that are searched at once: small enough for the CPU's cache."""
_STALE = 2000
"""Lines after which a stream that fell silent gives up its open report."""
_PREFACE = 12
"""Lines after `cut here` within which the headline must come.

`__warn_printk()` prints its message between them.
"""

_CUT = b"-[ cut here ]-"
_BOOT = b"Linux version "
_ALL_WORDS = (*WORDS, _CUT, _BOOT)
_ANY_WORD = re.compile(b"|".join(re.escape(word) for word in _ALL_WORDS))
_NMI = re.compile(r"NMI backtrace for cpu ")
_STALLS = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK, Kind.OTHER})


def parse(data: bytes | str) -> list[Event]:
    """Read a whole console. Never raises, whatever the bytes are."""
    reader = Reader()
    reader.feed(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
    return reader.close()


class Reader:
    """Reads a console that comes in pieces; where they are cut makes no difference to the events."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._kept = 0
        self._number = 0
        self._desk = _Desk()

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the console."""
        cut = chunk.rfind(b"\n") + 1
        if cut:
            self._block(self._unfinished() + chunk[:cut] if self._pieces else chunk[:cut])
        room = MAX_LINE - self._kept  # of a line that is longer, only the beginning is read
        rest = chunk[cut : cut + room]
        if rest:
            self._pieces.append(rest)
            self._kept += len(rest)

    def close(self) -> list[Event]:
        """End the console.

        A report that is still open counts as cut off. Gives all events in the order of the log.
        """
        if self._pieces:
            self._block(self._unfinished() + b"\n")
        return self._desk.close()

    def _unfinished(self) -> bytes:
        line = b"".join(self._pieces)
        self._pieces, self._kept = [], 0
        return line

    def _block(self, block: bytes) -> None:
        """Read whole lines, slice by slice."""
        start = 0
        while start < len(block):
            end = block.rfind(b"\n", start, start + _SLICE) + 1
            if not end:
                end = block.index(b"\n", start) + 1
            self._slice(block[start:end] if end - start < len(block) else block)
            start = end

    def _slice(self, block: bytes) -> None:
        nearest = dict.fromkeys(_ALL_WORDS, 0)
        nearest = {word: found for word in nearest if (found := block.find(word)) >= 0}
        at = 0
        while at < len(block):
            if not self._desk.busy:
                hit = _next_hit(block, nearest, at)
                if hit < 0:
                    break
                start = block.rfind(b"\n", at, hit) + 1 or at
                self._number += block.count(b"\n", at, start)
                at = start
            end = block.index(b"\n", at)
            self._number += 1
            self._desk.line(self._number, block[at : min(end, at + MAX_LINE)])
            at = end + 1
        self._number += block.count(b"\n", at)


def _next_hit(block: bytes, nearest: dict[bytes, int], at: int) -> int:
    """Give the first place at or after `at` with any word, or -1.

    Each word passes over the block only once.
    """
    for word, found in list(nearest.items()):
        if found < at:
            again = block.find(word, at)
            if again < 0:
                del nearest[word]
            else:
                nearest[word] = again
    return min(nearest.values(), default=-1)


class _Desk:
    """Sorts lines to the open reports of their streams."""

    def __init__(self) -> None:
        self._open: dict[str | None, Report] = {}
        self._preface: dict[str | None, deque[Line]] = {}
        self._borrowed: dict[str | None, str | None] = {}
        self._events: list[Event] = []

    @property
    def busy(self) -> bool:
        """Tell whether every line matters now."""
        return bool(self._open or self._preface)

    def line(self, number: int, raw: bytes) -> None:
        """Take one line, without its newline."""
        line = read_line(number, raw)
        if _ANY_WORD.search(raw):
            if _CUT in raw:
                self._cut_here(line)
                return
            if _BOOT in raw and (after_late_stamp(line) or line).text.startswith("Linux version "):
                self._finish_all()
                return
            rule, match, line = _headline(line)
            if rule is not None and match is not None:
                self._begin(rule, match, line)
                return
        self._go_on(line)

    def close(self) -> list[Event]:
        """Finish what is open and give all events in the order of their headlines."""
        self._finish_all()
        return sorted(self._events, key=lambda event: event.line)

    def _cut_here(self, line: Line) -> None:
        self._finish(line.caller)
        self._preface[line.caller] = deque([line])

    def _begin(self, rule: Rule, match: re.Match[str], line: Line) -> None:
        report = self._open.get(line.caller)
        if report is not None:
            if report.absorbs(rule, line):
                if report.absorb(line):
                    self._finish(line.caller)
                return
            self._finish(line.caller, interrupted=rule.kind is Kind.PANIC)
        before = tuple(self._preface.pop(line.caller, ()))
        self._open[line.caller] = Report(rule, match, [line], before)

    def _go_on(self, line: Line) -> None:
        preface = self._preface.get(line.caller)
        if preface is not None:
            preface.append(line)
            if len(preface) > _PREFACE:
                del self._preface[line.caller]
            return
        caller = self._owner(line)
        report = self._open.get(caller)
        if report is not None and report.add(line):
            self._finish(caller)
        self._give_up_stale(line.number)

    def _owner(self, line: Line) -> str | None:
        """Say whose report the line is part of.

        What another CPU prints on a stall's behalf belongs to the stall.
        """
        if line.caller in self._open:
            return line.caller
        lender = self._borrowed.get(line.caller, line.caller)
        if lender in self._open:
            return lender
        if _NMI.match(line.text):
            for caller, report in reversed(self._open.items()):
                if report.rule.kind in _STALLS:
                    self._borrowed[line.caller] = caller
                    return caller
        return line.caller

    def _give_up_stale(self, number: int) -> None:
        if len(self._open) + len(self._preface) > 1 or None not in self._open:
            for caller, report in list(self._open.items()):
                if number - report.last_number > _STALE:
                    self._finish(caller)
            for caller, preface in list(self._preface.items()):
                if number - preface[-1].number > _STALE:
                    del self._preface[caller]

    def _finish(self, caller: str | None, *, interrupted: bool = False) -> None:
        report = self._open.pop(caller, None)
        for borrower in [who for who, lender in self._borrowed.items() if lender == caller]:
            del self._borrowed[borrower]
        if report is not None:
            event = report.event(interrupted=interrupted)
            if event is not None:
                self._events.append(event)

    def _finish_all(self) -> None:
        for caller in list(self._open):
            self._finish(caller)
        self._preface.clear()


def _headline(line: Line) -> tuple[Rule | None, re.Match[str] | None, Line]:
    """Find the rule whose headline this line is.

    Failing that, look behind a stamp in the middle of the line.
    """
    late = after_late_stamp(line)
    for candidate in (line, late):
        if candidate is None or KTAP.match(candidate.text):
            continue
        for rule in RULES:
            match = rule.pattern.match(candidate.text)
            if match is not None:
                return rule, match, candidate
    return None, None, line
