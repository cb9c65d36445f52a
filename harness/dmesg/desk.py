# SPDX-License-Identifier: GPL-2.0-or-later
"""The desk: sorts lines to the open reports of their streams, and makes events of those that are over."""

from __future__ import annotations

import itertools
import operator
from bisect import bisect_left
from dataclasses import dataclass, field

from harness.dmesg.event import is_proven, make_event
from harness.dmesg.line import after_late_stamp, read_lines, read_ready, read_time, whole_lines
from harness.dmesg.report import Lines, Report
from harness.dmesg.search import (
    BEGINS_ANYWHERE,
    BOOT,
    CUT,
    HEADLINE,
    MORE_THAN_MARKS,
    NMI,
    PART,
    TAGS,
    Headline,
    Hit,
    headline_of,
    headline_within,
    marked_lines,
)
from harness.words import Event, Kind

_STALE, _STALE_PART = 2000, 200
"""Lines after which a stream that fell silent gives up its open report, and one without a headline."""
_PREFACE = 12
"""Lines after `cut here` within which the headline must come.

`__warn_printk()` prints its message between them.
"""
_STALLS = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK, Kind.OTHER})


@dataclass
class Desk:
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

    def line(self, number: int, block: bytes) -> None:
        """Take a line of this number that may begin something, with its newline, while nothing is open."""
        raw, text = whole_lines(block)
        line = read_ready(text)
        self._telling(line.caller, Lines([line.text], [raw], [number]), 0)

    def window(self, number: int, block: bytes, hits: list[Hit], origin: int) -> int:
        """Take whole lines, the first of which has this number; give how many there were.

        `hits` are the words in the block, which begins at `origin`.
        """
        whole, text = whole_lines(block)
        raw = whole.split(b"\n")
        count = len(raw)
        tagged = text is not whole or (bool(hits) and max(hits)[0] >= TAGS)  # noise may stand in a tag
        ready = raw if text is whole else text.split(b"\n")
        texts, callers = read_lines(text, ready, tagged=tagged)
        lines = Lines(texts, raw, list(range(number, number + count)))
        marked = marked_lines(block, hits, origin)
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
        return MORE_THAN_MARKS if report is None else BEGINS_ANYWHERE | report.marks

    def _tells(self, telling: int, caller: bytes | None) -> bool:
        """Tell whether a line of this caller may begin something."""
        if telling & HEADLINE:
            return True
        return bool(telling & PART) and self._owner(caller) not in self._open

    def _telling(self, caller: bytes | None, lines: Lines, at: int) -> None:
        """Take a line that may be a headline, or begin a boot."""
        report = self._open.get(caller)
        quote = report.quote if report else b""
        text = lines.texts[at].removeprefix(quote)
        if text.find(CUT) >= 0:  # bytes are slow to tell what is `in` them
            self._finish(caller)
            preface = self._preface[caller] = Lines()
            preface.take(lines, at, at + 1)
            return
        late = after_late_stamp(text)
        if text.find(BOOT) >= 0 and (late.text if late else text).startswith(BOOT):
            self.finish_all()
            return
        found = headline_of(text)
        if found and quote:
            found = found.behind(quote)
        if found is None and late is not None and (found := headline_of(late.text)):
            caller = late.caller
            self._give_up_silent(caller, lines.numbers[at])
        if caller in self._preface and found and found.rule.minor:  # what a WARN says
            found = None
        elif found is None and caller not in self._open:
            found = headline_within(text)
        if found is not None and not (found.rule.is_part and self._owner(caller) in self._open):
            self._begin(found, caller, lines, at)
        else:
            self._marked(caller, lines, at)

    def _begin(self, headline: Headline, caller: bytes | None, lines: Lines, at: int) -> None:
        rule, match, quote = headline
        number = lines.numbers[at]
        report = self._open.get(caller)
        if report is not None:
            taken = report.take_copy(lines, at)
            if not taken and (report.repeats(rule, match) or report.absorbs(rule, match.string)):
                own, first, _ = report.unquoted(lines, at, at + 1)
                report.absorb(own, first)
                taken = True
            if taken:
                self._finish_if_over(caller, report)
                return
            report.give_back_banner()
            self._finish(caller, interrupted=rule.kind is Kind.PANIC)
        preface = self._preface.pop(caller, None)
        if preface is None or number - preface.numbers[-1] > _STALE:
            preface = Lines()
        raw = lines.raw[at]
        time = read_time(raw, lines.texts[at])
        begun = Lines([match.string.encode("utf-8", "replace")], [raw], [number])
        before = preface.without(quote, 0, len(preface.texts)) if quote else preface
        self._open[caller] = Report(rule, match, time, before, begun, quote, number)

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
        own, first, last = report.unquoted(lines, start, min(end, start + report.room))
        to = start + report.add(own, first, last) - first
        self._finish_if_over(owner, report)
        return to

    def _marked(self, caller: bytes | None, lines: Lines, at: int) -> None:
        """Take a line with a word that is no headline."""
        if caller in self._preface:
            self._plain(caller, lines, at, at + 1)
            return
        if lines.texts[at].startswith(NMI):
            self._borrow(caller, lines.numbers[at])
        owner = self._owner(caller)
        report = self._open.get(owner)
        if report is not None:
            own, first, _ = report.unquoted(lines, at, at + 1)
            report.add_marked(own, first)
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


def _runs(callers: list[bytes | None]) -> list[tuple[bytes | None, int, int]]:
    """Give start and end of consecutive lines of one caller."""
    if not any(callers):
        return [(None, 0, len(callers))]
    changes = itertools.compress(range(1, len(callers)), map(operator.ne, callers, callers[1:]))
    starts = [0, *changes]
    return [
        (callers[start], start, end) for start, end in zip(starts, [*starts[1:], len(callers)], strict=True)
    ]
