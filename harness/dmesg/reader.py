# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader: pieces of a console in, events out, in time linear in the size and in bounded memory.

Most of a console is never looked at line by line: one search for the words of all headlines passes over it.
From a hit on, lines are read in windows until no report is open any more. With caller stamps
(CONFIG_PRINTK_CALLER) each caller's lines are a stream of their own, so reports of several CPUs come apart
again.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import re
from bisect import bisect_left
from dataclasses import dataclass, field

from ahocorasick_rs import BytesAhoCorasick, Implementation

from harness.dmesg.event import is_proven, make_event
from harness.dmesg.line import (
    MAX_LINE,
    TAG_WORDS,
    after_late_stamp,
    find_colours,
    read_lines,
    read_time,
    whole_lines,
    without_colours,
)
from harness.dmesg.report import MARKS, Lines, Report
from harness.dmesg.rules import KTAP, PART_WORDS, RULES, WORDS
from harness.dmesg.rules.rule import Rule
from harness.words import Event, Kind

_SLICE = 1 << 18
"""Bytes that are searched at once: small enough for the CPU's cache."""
_COLOURED = 1 << 12
"""Bytes of those that are searched at once where escape sequences must be taken off first."""
_WINDOWS = (1 << 10, 1 << 14)
"""Bytes that are read closely at once, at first and at most; before them, the line of the hit alone."""
_LONG_IN_COMING = 1 << 16
"""Bytes without a newline after which lines seem to end with carriage returns."""
_RETURNS = re.compile(rb"\r++\n?")
_MAX_HEADLINE = 1024
"""Bytes of a line that a headline can have, as `PRINTKRB_RECORD_MAX` in kernel/printk/printk.c says."""
_STALE, _STALE_PART = 2000, 200
"""Lines after which a stream that fell silent gives up its open report, and one without a headline."""
_PREFACE = 12
"""Lines after `cut here` within which the headline must come.

`__warn_printk()` prints its message between them.
"""

_CUT = b"-[ cut here ]-"
_BOOT = b"Linux version "
_NMI = b"NMI backtrace for cpu "
_ALL_WORDS = (*WORDS, _CUT, *PART_WORDS, _BOOT, _NMI, *MARKS, *TAG_WORDS)
_OPENING_WORDS = _ALL_WORDS.index(_BOOT)
"""The words before this one may open a report; those from it on matter only to a report that is open."""
_PARTS = range(len(WORDS) + 1, _OPENING_WORDS)
"""Words of parts of a report: they open one only where none is open."""
_PLAIN_WORDS = _ALL_WORDS.index(_NMI)
"""The words from this one on may stand in any line of a report."""
_TAGS = _ALL_WORDS.index(TAG_WORDS[0])
"""The words from this one on say nothing of a line but that it may have a tag."""
_SEARCH = BytesAhoCorasick(_ALL_WORDS, implementation=Implementation.DFA)
"""Passes over text once, however many words there are."""
_Hit = tuple[int, int, int]
"""The index of a word, and where it begins and ends."""
_STALLS = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK, Kind.OTHER})


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
        self._desk = _Desk()

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
        found = _find_words(block)
        places = [start for _, start, _ in found]
        openings = [start for word, start, _ in found if word < _OPENING_WORDS]
        at, size = 0, _WINDOWS[0]
        while at < len(block):
            if not self._desk.busy:
                size = 1
                nearest = bisect_left(openings, at)
                if nearest == len(openings):
                    break
                start = block.rfind(b"\n", at, openings[nearest]) + 1 or at
                self._number += block.count(b"\n", at, start)
                at = start
            end = _line_end(block, at, size)
            size = min(max(2 * size, _WINDOWS[0]), _WINDOWS[1])
            here = found[bisect_left(places, at) : bisect_left(places, end)]
            self._number += self._desk.window(self._number, block[at:end], here, at)
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


@functools.lru_cache(maxsize=4096)
def _rules_for(words: frozenset[bytes]) -> tuple[Rule, ...]:
    """Give the rules that list any of the words, in the order in which they are tried."""
    return tuple(rule for rule in RULES if words.intersection(rule.words))


def _headline(text: bytes) -> tuple[Rule, re.Match[str]] | None:
    """Find the rule whose headline this line is."""
    text = text[:_MAX_HEADLINE]
    hits = _SEARCH.find_matches_as_indexes(text, overlapping=True)
    line = text.decode("utf-8", "replace")
    if KTAP.match(line):
        return None
    for rule in _rules_for(frozenset([_ALL_WORDS[hit[0]] for hit in hits])):
        match = rule.pattern.match(line)
        if match is not None:
            return rule, match
    return None


def _headline_within(text: bytes) -> tuple[Rule, re.Match[str]] | None:
    """Find a headline behind what else stands on its line: half a stamp, a program's unfinished line.

    People quote headlines too, so it counts only with evidence below it; too general ones do not at all.
    """
    text = text[:_MAX_HEADLINE]
    hits = _SEARCH.find_matches_as_indexes(text, overlapping=True)
    line = text.decode("utf-8", "replace")
    if KTAP.match(line) or line.startswith("---[ end "):
        return None
    for rule in _rules_for(frozenset([_ALL_WORDS[hit[0]] for hit in hits])):
        found = None if rule.needs_evidence or rule.is_part else rule.pattern.search(line)
        match = rule.pattern.match(line[found.start() :]) if found else None
        if match is not None:
            return dataclasses.replace(rule, needs_evidence=True), match
    return None


_BORROWS, _PART, _HEADLINE = (1 << bit for bit in range(len(MARKS), len(MARKS) + 3))
_BEGINS_ANYWHERE = _BORROWS | _HEADLINE
_MORE_THAN_MARKS = _BEGINS_ANYWHERE | _PART
_TELLING = [
    *(_PART if word in _PARTS else _HEADLINE for word in range(_PLAIN_WORDS)),
    _BORROWS,
    *(1 << bit for bit in range(len(MARKS))),
]
"""What each word says of its line, as a bit: the end of a report, lines on a stall's behalf, a beginning."""


@dataclass
class _Desk:
    """Sorts lines to the open reports of their streams."""

    _open: dict[bytes | None, Report] = field(default_factory=dict)
    _preface: dict[bytes | None, Lines] = field(default_factory=dict)
    _borrowed: dict[bytes | None, bytes | None] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        """Tell whether every line matters now."""
        return bool(self._open or self._preface)

    def take(self) -> list[Event]:
        """Give the events before which no more can come, in the order of their headlines."""
        if not self._events:
            return []
        first_open = min((report.lines.numbers[0] for report in self._open.values()), default=None)
        self._events.sort(key=lambda event: event.line)
        ready = (
            len(self._events)
            if first_open is None
            else bisect_left(self._events, first_open, key=lambda event: event.line)
        )
        events, self._events = self._events[:ready], self._events[ready:]
        return events

    def finish_all(self) -> None:
        """End all reports, as the console or the boot has ended."""
        for caller in list(self._open):
            self._finish(caller)
        self._preface.clear()

    def window(self, number: int, block: bytes, hits: list[_Hit], origin: int) -> int:
        """Take whole lines, the first of which has this number; give how many there were.

        `hits` are the words in the block, which begins at `origin`.
        """
        whole, text = whole_lines(block)
        raw = whole.split(b"\n")
        count = len(raw)
        texts, callers = read_lines(text, count, tagged=any(word >= _TAGS for word, _, _ in hits))
        lines = Lines(texts, raw, list(range(number, number + count)))
        marked = _marked_lines(block, hits, origin)
        here = 0
        for caller, start, end in _runs(callers):
            self._give_up_silent(caller, number + start)
            while start < end:
                matters = self._matters(caller)
                mark, telling = end, 0
                while here < len(marked) and marked[here][0] < end:
                    if marked[here][1] & matters:
                        mark, telling = marked[here]
                        break
                    here += 1
                if start < mark and (to := self._plain(caller, lines, start, mark)) < mark:
                    start, here = to, bisect_left(marked, (to,))
                    continue
                if telling:
                    take = self._telling if self._tells(telling, caller) else self._marked
                    take(caller, lines, mark)
                    here += 1
                start = mark + 1
        self._give_up_stale(number + count)
        return count

    def _matters(self, caller: bytes | None) -> int:
        """Give what must be told of a line of this caller, as it is now, so that the line is looked at."""
        report = self._open.get(self._owner(caller))
        return _MORE_THAN_MARKS if report is None else _BEGINS_ANYWHERE | report.marks

    def _tells(self, telling: int, caller: bytes | None) -> bool:
        """Tell whether a line of this caller may begin something."""
        if telling & _HEADLINE:
            return True
        return bool(telling & _PART) and self._owner(caller) not in self._open

    def _telling(self, caller: bytes | None, lines: Lines, at: int) -> None:
        """Take a line that may be a headline, or begin a boot."""
        text = lines.texts[at]
        if _CUT in text:
            self._finish(caller)
            preface = self._preface[caller] = Lines()
            preface.take(lines, at, at + 1)
            return
        late = after_late_stamp(text)
        if _BOOT in text and (late.text if late else text).startswith(_BOOT):
            self.finish_all()
            return
        found = _headline(text)
        if found is None and late is not None and (found := _headline(late.text)):
            caller = late.caller
            self._give_up_silent(caller, lines.numbers[at])
        if caller in self._preface and found and found[0].minor:  # what a WARN says
            found = None
        elif found is None and not self._live(caller, lines.numbers[at]):
            found = _headline_within(text)
        if found is not None and not (found[0].is_part and self._owner(caller) in self._open):
            self._begin(*found, caller, lines, at)
        else:
            self._marked(caller, lines, at)

    def _begin(self, rule: Rule, match: re.Match[str], caller: bytes | None, lines: Lines, at: int) -> None:
        number = lines.numbers[at]
        report = self._live(caller, number)
        if report is not None:
            if report.repeats(rule, match) or report.absorbs(rule, match.string):
                report.absorb(lines, at)
                self._finish_if_over(caller, report)
                return
            self._finish(caller, interrupted=rule.kind is Kind.PANIC)
        preface = self._preface.pop(caller, None)
        if preface is None or number - preface.numbers[-1] > _STALE:
            preface = Lines()
        raw = lines.raw[at]
        headline = Lines([match.string.encode("utf-8", "replace")], [raw], [number])
        self._open[caller] = Report(rule, match, read_time(raw), preface, headline, number)

    def _plain(self, caller: bytes | None, lines: Lines, start: int, end: int) -> int:
        """Take lines of one stream that begin nothing while its report is open.

        Gives the line from which on none was taken, as the report ended before it: parts of a report may
        begin one there.
        """
        preface = self._preface.get(caller)
        if preface is not None:
            to = min(start + _PREFACE + 1 - len(preface.numbers), end)
            preface.take(lines, start, to)
            if len(preface.numbers) > _PREFACE:
                del self._preface[caller]
            return to
        owner = self._owner(caller)
        report = self._open.get(owner)
        if report is None:
            return end
        to = report.add(lines, start, min(end, start + report.room))
        self._finish_if_over(owner, report)
        return to

    def _marked(self, caller: bytes | None, lines: Lines, at: int) -> None:
        """Take a line with a word that is no headline."""
        if caller in self._preface:
            self._plain(caller, lines, at, at + 1)
            return
        if lines.texts[at].startswith(_NMI):
            self._borrow(caller, lines.numbers[at])
        owner = self._owner(caller)
        report = self._open.get(owner)
        if report is not None:
            report.add_marked(lines, at)
            self._finish_if_over(owner, report)

    def _owner(self, caller: bytes | None) -> bytes | None:
        """Say whose report the lines of a stream are part of."""
        if caller in self._open:
            return caller
        lender = self._borrowed.get(caller, caller)
        return lender if lender in self._open else caller

    def _borrow(self, caller: bytes | None, number: int) -> None:
        """Note that what another CPU prints on a stall's behalf belongs to the stall."""
        if self._owner(caller) in self._open:
            return
        for stalled, report in reversed(self._open.items()):
            if report.rule.kind in _STALLS and not _is_stale(report, number):
                self._borrowed[caller] = stalled
                return

    def _live(self, caller: bytes | None, number: int) -> Report | None:
        """Give the open report of a stream, unless the stream was silent for too long until this line."""
        report = self._open.get(caller)
        if report is not None and _is_stale(report, number):
            self._finish(caller)
            return None
        return report

    def _give_up_silent(self, caller: bytes | None, number: int) -> None:
        """Let go of what lines of this caller would be part of, if its stream was silent for too long."""
        self._live(caller, number)
        if caller in self._borrowed:
            self._live(self._borrowed[caller], number)

    def _give_up_stale(self, number: int) -> None:
        for caller in list(self._open):
            self._live(caller, number)
        for caller, preface in list(self._preface.items()):
            if number - preface.numbers[-1] > _STALE:
                del self._preface[caller]

    def _finish_if_over(self, caller: bytes | None, report: Report) -> None:
        if not report.proven and report.room <= 0:
            report.proven = is_proven(report)
            report.over = report.over or not report.proven
        if report.over:
            self._finish(caller)

    def _finish(self, caller: bytes | None, *, interrupted: bool = False) -> None:
        report = self._open.pop(caller, None)
        if report is None:
            return
        for borrower in [who for who, lender in self._borrowed.items() if lender == caller]:
            del self._borrowed[borrower]
        report.close()
        event = make_event(report, interrupted=interrupted)
        if event is not None:
            self._events.append(event)


def _is_stale(report: Report, number: int) -> bool:
    return number - report.last_number > (_STALE_PART if report.rule.is_part else _STALE)


def _find_words(block: bytes) -> list[_Hit]:
    """Find all words; in a block with colours each is said to stand where its line begins."""
    if find_colours(block, 0, len(block)) == len(block):
        return _SEARCH.find_matches_as_indexes(block)
    bare = without_colours(block)
    begins = [0, *itertools.accumulate(len(line) + 1 for line in block.split(b"\n"))]
    line, at = 0, 0
    moved: list[_Hit] = []
    for word, start, end in _SEARCH.find_matches_as_indexes(bare):
        line += bare.count(b"\n", at, start)
        at = start
        moved.append((word, begins[line], end))
    return moved


def _marked_lines(block: bytes, hits: list[_Hit], origin: int) -> list[tuple[int, int]]:
    """Give the indexes of the lines in which the hits are, and what they say of each."""
    found: list[tuple[int, int]] = []
    line, at, last, telling = 0, 0, -1, 0
    for word, start, _ in hits:
        if word >= _TAGS:
            continue
        line += block.count(b"\n", at, start - origin)
        at = start - origin
        telling = telling * (line == last) | _TELLING[word]
        if line > last:
            found.append((line, telling))
            last = line
        else:
            found[-1] = (line, telling)
    return found


def _runs(callers: list[bytes | None]) -> list[tuple[bytes | None, int, int]]:
    """Give start and end of consecutive lines of one caller."""
    changes = itertools.compress(range(1, len(callers)), map(operator.ne, callers, callers[1:]))
    starts = [0, *changes]
    return [
        (callers[start], start, end) for start, end in zip(starts, [*starts[1:], len(callers)], strict=True)
    ]
