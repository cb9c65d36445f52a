# SPDX-License-Identifier: GPL-2.0-or-later
"""A report while its lines come in."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass, field

from harness.dmesg import stack
from harness.dmesg.parts import PART
from harness.dmesg.rules.rule import End, Rule
from harness.words import Kind

MAX_REPORT = 1 << 20
"""Bytes of one report that are kept; what is longer is cut off and counts as truncated."""

_PATIENCE = {
    End.LINE: 0,
    End.STACK: 6,
    End.TRACE_MARK: 40,
    End.MARK_OR_BANNER: 40,
    End.BANNER: 60,
    End.VICTIM: 120,
}
"""How many lines in a row may look foreign (another CPU, user space) before the report counts as over."""
_LOCKDEP_PATIENCE = 30
_STACK_PATIENCE = 3
"""For lockdep reports, once the frames of their last stack have begun."""
_MAX_BLANK = 40
"""More blank lines in a row end any report."""

_LINE_BREAK = rb"\n{1,%d}+" % (_MAX_BLANK + 1)
_TOO_BLANK = b"\n" * (_MAX_BLANK + 2)


@functools.cache
def _parts(patience: int) -> re.Pattern[bytes]:
    """Give what matches lines of a report, with no more foreign ones in a row between them."""
    return re.compile(
        rb"(?: (?:%s[^\n]++){0,%d}? %s (?:%s|%s) [^\n]*+ )++"
        % (_LINE_BREAK, patience, _LINE_BREAK, PART.encode(), stack.FRAME.encode()),
        re.VERBOSE,
    )


@functools.cache
def _lines(number: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:%s[^\n]++){%d}" % (_LINE_BREAK, number))


_A_PART = re.compile(rb"\n(?:%s|%s)" % (PART.encode(), stack.FRAME.encode()), re.VERBOSE)
_LEAP_PATIENCE = 30
"""Less patient reports are read line by line: leaps would be short."""
_LEAP_WIDTH = 30
"""Bytes of a line, rather too few, so that a leap is not in vain."""
_NEWLINES = re.compile(rb"\n*+")
_TEXTS = re.compile(rb"\n[^\n]")
_BANNER = re.compile(rb"\n(?!={77}(?:\n|\Z))={20,}+(?=\n|\Z)")
"""Not the one of 77 that `slab_bug()` in mm/slub.c prints, until 4.8 in the middle of KASAN's reports."""
_END_MARK = b"\n---[ end "
_LAST_STACK = b"\nstack backtrace:"
_TASK_END = b"\n </TASK>"
_TWO_STACKS = "Nested lock was not taken"
"""`print_lock_nested_lock_not_held()` prints two of them: the end of the first is not the report's."""


@dataclass(slots=True)
class Piece:
    """Consecutive lines of a report: each with a newline before it in `text`, with its stamps in `raw`."""

    number: int
    text: bytes
    raw: list[bytes]

    def part(self, start: int, end: int, skipped: int) -> Piece:
        """Give the lines from `start`, after `skipped` lines, to `end`: both at a newline or at the end."""
        if end - start == len(self.text):
            return self
        lines = self.text.count(b"\n", start, end)
        return Piece(self.number + skipped, self.text[start:end], self.raw[skipped : skipped + lines])

    def without_last(self, size: int) -> Piece:
        """Give the lines without the last ones, of which at least `size` bytes are to go."""
        gone = itertools.accumulate(len(line) + 1 for line in reversed(self.raw))
        lines = next((lines for lines, so_far in enumerate(gone, 1) if so_far >= size), len(self.raw))
        kept = self.raw[: len(self.raw) - lines]
        texts = self.text.split(b"\n")[1 : len(kept) + 1]
        return Piece(self.number, b"".join([b"\n" + text for text in texts]), kept)

    @property
    def last_text(self) -> bytes:
        """Give the text of the last line."""
        return self.text[self.text.rindex(b"\n") + 1 :]

    @property
    def last_number(self) -> int:
        """Give the number of the last line."""
        return self.number + len(self.raw) - 1


@dataclass(slots=True)
class Report:
    """An open report: its rule, its lines so far, and the foreign ones since the last that fits."""

    rule: Rule
    match: re.Match[str]
    time: float | None
    before: tuple[Piece, ...]
    pieces: list[Piece]
    last_number: int
    """Of the last line that was looked at."""
    marked: bool = False
    """Its own end mark was seen."""
    cut: bool = False
    panicked: bool = False
    """It goes on below the headline of the panic that it caused."""
    _repeats: int = 1
    """How often the headline was said."""
    _died: bool = False
    _size: int = 0
    _lines: int = 1
    _doubtful: list[Piece] = field(default_factory=list)
    _strikes: int = 0
    _blank: int = 0
    """Blank lines at the end of the doubtful ones."""
    _in_stack: bool = False
    _is_lockdep: bool = field(init=False)

    def __post_init__(self) -> None:
        self._is_lockdep = self.rule.kind is Kind.LOCKDEP and self.rule.end is End.STACK

    def absorbs(self, rule: Rule, text: str) -> bool:
        """Tell whether another headline is only a part of this report."""
        if rule.minor:
            return True
        if self.rule.leads_to_die and rule.is_die and not self._died:
            self._died = True
            return True
        if self.rule.goes_on is not None and self.rule.goes_on.match(text) and not self._has_frames():
            self.panicked = True
            return True
        return self.rule.absorbs is not None and self.rule.absorbs.match(text) is not None

    def repeat(self, rule: Rule, match: re.Match[str], line: Piece) -> bool:
        """Take a headline that says the one before it again, and tell whether it does.

        Symbolisers print a line for each function that was inlined, outwards: the last names the one that
        stands in a report without symbols.
        """
        if rule is not self.rule or self._lines > self._repeats or not self.match.string.endswith("[inline]"):
            return False
        self.match = match
        self._repeats += 1
        self.last_number = line.number
        self._accept(line)
        return True

    def _has_frames(self) -> bool:
        return any(stack.has_frames(piece.text.decode("utf-8", "replace")) for piece in self.pieces)

    def absorb(self, line: Piece) -> bool:
        """Take a headline that belongs to this report; True when it is the report's last line."""
        self.last_number = line.number
        self._accept(line)
        return self.cut or self.rule.kind is Kind.OOM_KILL

    def add(self, piece: Piece) -> bool:
        """Take lines of the same stream, none of them a headline; True when the report ended among them.

        How lines are divided into pieces makes no difference.
        """
        if self.rule.end is End.LINE:
            return True
        self.last_number = piece.last_number
        text = piece.text
        if self._blank and self._blank + _blank_lines(text) > _MAX_BLANK:
            return True
        at, lines, stop = 0, 0, -1
        while at < len(text):
            if stop < at:
                stop = self._stop(text, at)
            if at == stop:
                end = _line_end(text, at)
                part = piece.part(at, end, lines)
                self._accept(part)
                if self._ends_here():
                    return True
            elif (end := self._leap(text, at, stop)) > at:
                part = piece.part(at, end, lines)
                self._accept(part)
            elif parts := self._parts.match(text, at, stop):
                end = parts.end()
                part = piece.part(at, end, lines)
                self._accept(part)
            else:
                end = self._foreign(text, at, stop)
                part = piece.part(at, end, lines)
                self._doubt(part)
                if self._strikes > self._patience or _TOO_BLANK in part.text:
                    return True
            if self.cut:
                return True
            at = end
            lines += len(part.raw)
        return False

    def _leap(self, text: bytes, at: int, stop: int) -> int:
        """Give a place up to which all lines belong to the report, without a look at each of them.

        From one part to another is no more than the report's patience, so what stands between them does not
        matter. At a place that is not the end of the text may stand the end of the report, or a part.
        """
        patience = 0 if self._doubtful or self._in_stack else min(self._patience, _MAX_BLANK)
        if patience < _LEAP_PATIENCE:
            return at
        while at < stop:
            to = at + patience * _LEAP_WIDTH
            if to < stop:
                to = text.rfind(b"\n", at, to)
                if to == at or not _A_PART.match(text, to):
                    return at
            elif stop < len(text):
                to = stop
            else:
                return at
            if text.count(b"\n", at, to) > patience:
                return at
            at = to
        return at

    @property
    def _parts(self) -> re.Pattern[bytes]:
        """What matches the next lines of the report."""
        return _parts(0 if self._strikes or self._in_stack else self._patience)

    def _foreign(self, text: bytes, at: int, stop: int) -> int:
        """Give the end of the foreign lines that begin at `at`.

        That is of the next where a part may follow it, else of all, as far as the report is patient.
        """
        if self._strikes or self._in_stack:
            blank = _blank_lines(text, at)
            return min(_line_end(text, at + blank), stop)
        lines = _lines(self._patience + 1).match(text, at, stop)
        return lines.end() if lines else stop

    def _stop(self, text: bytes, at: int) -> int:
        """Give the place of the next line that may be the end of the report, or the end of the text."""
        place = -1
        if self.rule.end in (End.TRACE_MARK, End.MARK_OR_BANNER):
            place = text.find(_END_MARK, at)
        elif self._is_lockdep and not self._in_stack:
            place = text.find(_LAST_STACK, at)
        elif self._is_lockdep and _TWO_STACKS not in self.match[0]:
            place = text.find(_TASK_END, at)
        if self.rule.end in (End.BANNER, End.MARK_OR_BANNER):
            banner = _BANNER.search(text, at)
            if banner and (place < 0 or banner.start() < place):
                place = banner.start()
        return place if place >= 0 else len(text)

    def _ends_here(self) -> bool:
        """Tell what the line means at which the report may end; it is already taken."""
        if self._is_lockdep and not self._in_stack:
            self._in_stack = True
            return False
        self.marked = self._lines > 2 or self.pieces[-1].text.startswith(_END_MARK)
        return self.marked

    @property
    def _patience(self) -> int:
        if not self._is_lockdep:
            return _PATIENCE[self.rule.end]
        if self._in_stack and stack.is_frame(self.pieces[-1].last_text.decode("utf-8", "replace")):
            return _STACK_PATIENCE
        return _LOCKDEP_PATIENCE

    def _doubt(self, part: Piece) -> None:
        """Keep lines that belong to the report only if more of it follows."""
        self._doubtful.append(part)
        texts = len(_TEXTS.findall(part.text))
        blank = len(part.text) - len(part.text.rstrip(b"\n"))
        self._strikes += texts
        self._blank = blank if texts else self._blank + blank

    def _accept(self, part: Piece) -> None:
        """Take lines, and those before them that were in doubt, as far as there is room."""
        for piece in (*self._doubtful, part) if self._doubtful else (part,):
            self._size += sum(map(len, piece.raw)) + len(piece.raw)
            if self._size > MAX_REPORT:
                self.cut = True
                self.pieces.append(piece.without_last(self._size - MAX_REPORT))
                return
            self._lines += len(piece.raw)
            self.pieces.append(piece)
        if self._doubtful:
            self._doubtful = []
            self._strikes = self._blank = 0


def _blank_lines(text: bytes, at: int = 0) -> int:
    """Count the blank lines from `at` on, where a newline stands."""
    found = _NEWLINES.match(text, at)
    end = found.end() if found else at
    return end - at if end == len(text) else end - at - 1


def _line_end(text: bytes, at: int) -> int:
    """Give the end of the line that begins after the newline at `at`."""
    end = text.find(b"\n", at + 1)
    return end if end >= 0 else len(text)
