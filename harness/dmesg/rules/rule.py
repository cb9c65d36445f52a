# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule is: how one kind of report begins, goes on, ends, and what is read from it."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.dmesg import stack
from harness.dmesg.lockdep import LockdepModel
from harness.words import Kind


class End(enum.Enum):
    """How the reader knows that a report is over."""

    LINE = enum.auto()
    """It has one line only."""
    STACK = enum.auto()
    """No marker: it ends where lines stop to look like parts of a report."""
    TRACE_MARK = enum.auto()
    """`---[ end trace ... ]---`, from `print_oops_end_marker()` in kernel/panic.c and `ubsan_epilogue()`."""
    MARK_OR_BANNER = enum.auto()
    """Either: `ubsan_epilogue()` printed a line of `=` until 5.6."""
    BANNER = enum.auto()
    """A line of `=`, from the sanitizers' report functions."""
    VICTIM = enum.auto()
    """Who was killed, from `__oom_kill_process()`, often long after the stack: memory.stat stands between."""


@dataclass(frozen=True, slots=True)
class Found:
    """A report as a rule sees it.

    The headline's match; the lines from the headline on, without stamps, joined by newlines; and the lines
    just before it.
    """

    match: re.Match[str]
    text: str
    before: tuple[str, ...] = ()

    def below(self, lines: int) -> list[str]:
        """Give so many lines below the headline, or as many as there are."""
        return self.text.split("\n", lines + 1)[1 : lines + 1]

    @property
    def has_frames(self) -> bool:
        """Tell whether a call trace was printed."""
        return stack.has_frames(self.text)


@dataclass(slots=True)
class Findings:
    """What a rule read. `identity` is what, besides the kind, makes two reports the same bug.

    `kind` stands where the report turned out to be of another kind than its headline's rule says; `truncated`
    where its beginning is lost.
    """

    subtype: str
    title: str
    function: str | None = None
    identity: tuple[str, ...] = ()
    pid: int | None = None
    comm: str | None = None
    cpu: int | None = None
    cycle: tuple[str, ...] = ()
    lockdep: LockdepModel | None = None
    kind: Kind | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of report.

    `pattern` is matched at the start of a headline without stamps. `words` are byte strings of which every
    headline has at least one: the reader looks only at lines that have such a word. `leads_to_die` marks what
    is followed by a line such as `Oops: 0002 [#1] SMP` (`is_die`) that belongs to the same event.
    `goes_on` matches a panic's headline below which the report's own trace stands, if it has had none.
    `needs_evidence` drops the report unless register or trace lines follow: for patterns that people also
    print themselves; `proof` drops it unless it holds. A `minor` headline inside another report of the same
    stream is a part of that report, or what a WARN says before its own headline. `is_part` marks what is no
    headline at all, but part of a report whose headline may be lost.
    """

    kind: Kind
    pattern: re.Pattern[str]
    words: tuple[bytes, ...]
    read: Callable[[Found], Findings]
    end: End = End.STACK
    absorbs: re.Pattern[str] | None = None
    goes_on: re.Pattern[str] | None = None
    is_die: bool = False
    leads_to_die: bool = False
    needs_evidence: bool = False
    minor: bool = False
    is_part: bool = False
    proof: Callable[[Found], bool] = field(default=lambda found: True)
    complete: Callable[[Found], bool] = field(default=lambda found: found.has_frames)
    """Whether all that the kernel prints is there, where no end mark tells."""


def pid_of(digits: str | None) -> int | None:
    """Convert digits from a log, of which no more than ten can be meant."""
    return int(digits) if digits and len(digits) <= 10 else None


def where(function: str | None) -> str:
    """Give the end of a title that names the guilty function, if there is one."""
    return f" in {function}" if function else ""
