# SPDX-License-Identifier: GPL-2.0-or-later
"""A report while its lines come in."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from harness.dmesg import stack
from harness.dmesg.line import MAX_LINE
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
_UNPROVEN = 80
"""Lines that a report may have whose headline is lost before it must have shown what it is.

The longest that stands between are 48 held locks (`MAX_LOCK_DEPTH`). What the kernel dumps on request looks
like parts of a report, for thousands of lines.
"""
_MAX_BLANK = 40
"""More blank lines in a row end any report."""

_BANNER = re.compile(rb"(?!={77}\Z)={20,}+\Z")
"""Not the one of 77 that `slab_bug()` in mm/slub.c prints, until 4.8 in the middle of KASAN's reports."""
_END_MARK = b"---[ end "
_LAST_STACK = b"stack backtrace:"
_TASK_END = b" </TASK>"
MARKS = (_END_MARK, b"=" * 20, _LAST_STACK, _TASK_END)
"""Every line at which a report may end has one of these in it.

A set of them is a number, with a bit for each.
"""
_AT_END_MARK, _AT_BANNER, _AT_LAST_STACK, _AT_TASK_END = (1 << bit for bit in range(len(MARKS)))
_AT = {
    End.TRACE_MARK: _AT_END_MARK,
    End.BANNER: _AT_BANNER,
    End.MARK_OR_BANNER: _AT_END_MARK | _AT_BANNER,
}
_TWO_STACKS = "Nested lock was not taken"
"""`print_lock_nested_lock_not_held()` prints two of them: the end of the first is not the report's."""
_A_PART = re.compile(rf"{PART}|{stack.NAMING}".encode(), re.VERBOSE)


@dataclass(slots=True)
class Lines:
    """Lines without their stamps, as they came, and by their numbers in the log."""

    texts: list[bytes] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def take(self, others: Lines, start: int, end: int) -> None:
        """Append the lines of others from `start` to `end`."""
        self.texts += others.texts[start:end]
        self.raw += others.raw[start:end]
        self.numbers += others.numbers[start:end]

    def without(self, quote: bytes, start: int, end: int) -> Lines:
        """Give the lines from `start` to `end`, without what stands before each of them."""
        texts = [text.removeprefix(quote) for text in self.texts[start:end]]
        return Lines(texts, self.raw[start:end], self.numbers[start:end])

    def drop(self, start: int) -> None:
        """Remove the lines from `start` on."""
        del self.texts[start:], self.raw[start:], self.numbers[start:]

    def text(self) -> str:
        """Give the lines without stamps, joined by newlines."""
        return b"\n".join(self.texts).decode("utf-8", "replace")


@dataclass(slots=True)
class Report:
    """An open report: its rule and its lines so far, of which the last may be foreign ones.

    `lines` begins with the headline, `before` are those that led to it. `quote` is what stood before the
    headline on its line, and may stand before the others.
    """

    rule: Rule
    match: re.Match[str]
    time: float | None
    before: Lines
    lines: Lines
    quote: bytes
    last_number: int
    """Of the last line that was looked at."""
    marked: bool = False
    """Its own end mark was seen."""
    cut: bool = False
    over: bool = False
    """No line after the last that it was given can be its own."""
    panicked: bool = False
    """It goes on below the headline of the panic that it caused."""
    died: bool = False
    """A line such as `Oops: 0002 [#1] SMP` has followed."""
    proven: bool = field(init=False)
    """It is a report for sure: it has a headline, or shows what it is part of."""
    _doubled: bool = False
    """Each line comes twice."""
    _repeats: int = 1
    """How often the headline was said."""
    _kept: int = 1
    """Lines that belong to the report for sure: those after them do only if more of it follows."""
    _measured: int = 1
    """Lines of which `_size` is the number of bytes, and the headline."""
    _size: int = 0
    _strikes: int = 0
    """Foreign lines since the last that is kept."""
    _blank: int = 0
    """Blank lines at the end."""
    _in_stack: bool = False
    _is_lockdep: bool = field(init=False)
    _lines_of_patience: int = field(init=False)
    _end_marks: int = field(init=False)

    def __post_init__(self) -> None:
        self._lines_of_patience = _PATIENCE[self.rule.end]
        self._end_marks = _AT.get(self.rule.end, 0)
        self._is_lockdep = self.rule.kind is Kind.LOCKDEP and self.rule.end is End.STACK
        self.proven = not self.rule.is_part

    def unquoted(self, lines: Lines, start: int, end: int) -> tuple[Lines, int, int]:
        """Give lines as they are without what is quoted with them, and where they start and end there."""
        if not self.quote:
            return lines, start, end
        return lines.without(self.quote, start, end), 0, end - start

    def absorbs(self, rule: Rule, text: str) -> bool:
        """Tell whether another headline is only a part of this report."""
        if rule.minor and not self.rule.is_part:
            return True
        if self.rule.leads_to_die and rule.is_die and not self.died:
            self.died = True
            return True
        if self.rule.goes_on is not None and self.rule.goes_on.match(text) and not self._has_frames():
            self.panicked = True
            return True
        return self.rule.absorbs is not None and self.rule.absorbs.match(text) is not None

    def take_copy(self, lines: Lines, at: int) -> bool:
        """Take a headline if it is the line before it, stamp and all: two consoles write to one port.

        Without its time, it is another report that says the same.
        """
        again = self.time is not None and lines.raw[at] == self.lines.raw[-1]
        self._doubled = self._doubled or (again and len(self.lines.raw) == 1)
        if not (again and self._doubled):
            return False
        self.last_number = lines.numbers[at]
        self._keep(lines, at, at + 1)
        return True

    def repeats(self, rule: Rule, match: re.Match[str]) -> bool:
        """Tell whether a headline says the one before it again; then it is the report's.

        Symbolisers print a line for each function that was inlined, outwards: the last names the one that
        stands in a report without symbols.
        """
        if (
            rule.pattern is not self.rule.pattern
            or self._kept > self._repeats
            or not self.match.string.endswith("[inline]")
        ):
            return False
        self.match = match
        self._repeats += 1
        return True

    def _has_frames(self) -> bool:
        return any(stack.is_frame(text.decode("utf-8", "replace")) for text in self.lines.texts)

    def absorb(self, lines: Lines, at: int) -> None:
        """Take a headline that belongs to this report, and may be its last line."""
        self.last_number = lines.numbers[at]
        self._keep(lines, at, at + 1)
        self.over = self.cut or self.rule.kind is Kind.OOM_KILL

    @property
    def room(self) -> int:
        """Lines that it may take before it must be proven."""
        return sys.maxsize if self.proven else _UNPROVEN - len(self.lines.texts)

    @property
    def marks(self) -> int:
        """The `MARKS` at which it may end now, as far as is known."""
        if self._is_lockdep:
            return _AT_TASK_END if self._in_stack else _AT_LAST_STACK
        return self._end_marks

    def add_marked(self, lines: Lines, at: int) -> None:
        """Take a line with one of the `MARKS`, at which it may end."""
        if not self._may_end(lines.texts[at]):
            self.add(lines, at, at + 1)
            return
        self.absorb(lines, at)
        if self._is_lockdep and not self._in_stack:
            self._in_stack = True
        else:
            self.marked = self._kept > 2 or lines.texts[at].startswith(_END_MARK)
        self.over = self.cut or self.marked

    def _may_end(self, text: bytes) -> bool:
        end = self.rule.end
        if self._is_lockdep:
            if self._in_stack:
                return text.startswith(_TASK_END) and _TWO_STACKS not in self.match[0]
            return text.startswith(_LAST_STACK)
        if end in (End.TRACE_MARK, End.MARK_OR_BANNER) and text.startswith(_END_MARK):
            return True
        return end in (End.BANNER, End.MARK_OR_BANNER) and _BANNER.match(text) is not None

    def add(self, lines: Lines, start: int, end: int) -> int:
        """Take lines of the same stream, none of them a headline, and give the end of those that were taken.

        How lines are divided among calls makes no difference.
        """
        if self.rule.end is End.LINE:
            self.over = True
            return start + 1
        at = start
        while at < end and not self.over:
            to = at if self._kept < len(self.lines.texts) else self._leap(lines.texts, at, end)
            if to > at:
                self._keep(lines, at, to)
                at = to
            else:
                self._take_one(lines, at)
                at += 1
        self.last_number = lines.numbers[at - 1]
        return at

    def _leap(self, texts: list[bytes], at: int, end: int) -> int:
        """Give the end of lines that all belong to the report, without a look at each of them.

        From one part to another is no more than the report's patience, so what stands between them does not
        matter.
        """
        width = 1 + (_STACK_PATIENCE if self._in_stack else min(self._patience, _MAX_BLANK))
        to = min(at + width, end)
        while to > at:
            if is_part(texts[to - 1]):
                at, to = to, min(to + width, end)
            else:
                to -= 1
        return at

    def _take_one(self, lines: Lines, at: int) -> None:
        """Take a line, which may be a foreign one."""
        text = lines.texts[at]
        if text and is_part(text):
            self._keep(lines, at, at + 1)
            return
        self.lines.take(lines, at, at + 1)
        if text:
            self._strikes += 1
            self._blank = 0
        else:
            self._blank += 1
        self.over = self._strikes > self._patience or self._blank > _MAX_BLANK

    @property
    def _patience(self) -> int:
        if not self._is_lockdep:
            return self._lines_of_patience
        if self._in_stack and stack.is_frame(self.lines.texts[self._kept - 1].decode("utf-8", "replace")):
            return _STACK_PATIENCE
        return _LOCKDEP_PATIENCE

    def _keep(self, lines: Lines, start: int, end: int) -> None:
        """Take lines, and those before them that were in doubt, as far as there is room."""
        self.lines.take(lines, start, end)
        self._kept = len(self.lines.raw)
        self._strikes = self._blank = 0
        if self._kept > MAX_REPORT // (MAX_LINE + 1):
            self._fit()

    def _fit(self) -> None:
        raw = self.lines.raw
        self._size += sum(map(len, raw[self._measured :])) + self._kept - self._measured
        while self._size > MAX_REPORT:
            self.cut = self.over = True
            self._kept -= 1
            self._size -= len(raw[self._kept]) + 1
        self._measured = self._kept

    def give_back_banner(self) -> None:
        """Give up last lines that begin what stands below them: a banner and the blank lines above it.

        The headline is none, whatever it looks like.
        """
        texts = self.lines.texts
        own = self._end_marks & _AT_BANNER
        if own or not 1 < self._kept == len(texts) or not texts[-1].startswith(MARKS[1]):
            return
        self._kept -= 1
        while self._kept > 1 and not texts[self._kept - 1]:
            self._kept -= 1

    def close(self) -> None:
        """Give up the lines that are in doubt, and the texts of second copies."""
        self.lines.drop(self._kept)
        if self._doubled:
            raw = self.lines.raw
            self.lines.texts = [
                text
                for text, own, before in zip(self.lines.texts, raw, [b"", *raw], strict=False)
                if own != before
            ]


def is_part(text: bytes) -> bool:
    """Tell whether a line looks like one of a report, on any architecture."""
    return text[:1] in (b" ", b"\t") or _A_PART.match(text) is not None
