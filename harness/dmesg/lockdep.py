# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a lockdep report, and how it is read.

Source: the `print_*()` functions of kernel/locking/lockdep.c, from 4.x to 7.x. `print_lock()` writes
`ffff8881 (NAME){USAGE}-{OUTER:INNER}, at: FUNCTION`; old kernels left address and wait types out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.dmesg.names import function_name, lock_name, rotate
from harness.dmesg.stack import Trace
from harness.words import Event

_CLASS = re.compile(
    r"\((?P<name>[^\n]{1,256}?)\)\{(?P<usage>[-.+?]{2,12})\}(?:-\{(?P<outer>-?\d+):(?P<inner>-?\d+)\})?"
    r"(?:,? at: (?:\[<[0-9a-f]+>\] )?(?P<at>[A-Za-z_$.][\w$.]*))?"
)
_CLASS_SIGN = "){"
_LINK = re.compile(r"-> #(?P<depth>\d+)")
_HELD = re.compile(r"\s*#(?P<index>\d+): ")
_CHANGE = re.compile(r"inconsistent \{(?P<old>[^}]*)\} -> \{(?P<new>[^}]*)\} usage")
_RELEASED = re.compile(r"trying to (?:release|contend) lock \((?P<name>.*?)\) at:")
_TASK = re.compile(r"^(?P<comm>\S.{0,31}?)/(?P<pid>\d+)(?: \[HC| is | just | takes|: )")
_DEPENDENCY = re.compile(r"\s*-> \(.*\{$")
_LAST_STACK = "\nstack backtrace:"
_MORE = "\nother info that might help"
_ACQUIRING = (
    "is trying to acquire lock",
    "is trying to lock",
    "just changed the state of lock",
    " takes:",
    "is freeing memory ",
)
_OPENING = re.compile(
    r"""
      (?P<holding>(?:but|and[ ]this)[ ]task[ ]is[ ]already[ ]holding)
    | (?P<dependency>which[ ]would[ ]create[ ]a[ ]new[ ]lock[ ]dependency)
    | (?P<safe>but[ ]this[ ](?:new[ ]dependency[ ]connects[ ].*-safe[ ]lock|lock[ ]was[ ]taken[ ]by))
    | (?P<unsafe>to[ ]a[ ].*-unsafe[ ]lock:|but[ ]this[ ]lock[ ]took[ ]another)
    | (?P<nest>but[ ]this[ ]task[ ]is[ ]not[ ]holding:)
    | (?P<chain>the[ ]existing[ ]dependency[ ]chain)
    | (?P<near>the[ ](?:shortest[ ])?dependencies[ ]between[ ](?:.*-safe[ ]lock[ ]and|2nd[ ]lock))
    | (?P<far>the[ ]dependencies[ ]between[ ]the[ ]lock[ ]to[ ]be[ ]acquired)
    | (?P<info>other[ ]info[ ]that[ ]might[ ]help)
    | (?P<scenario>Chain[ ]exists[ ]of:|[ ]*+Possible[ ].*unsafe[ ]locking[ ]scenario)
    | (?P<held>\d++[ ]locks?[ ]held[ ]by[ ]|locks[ ]held[ ]by[ ]|no[ ]locks[ ]held[ ]by[ ])
    """,
    re.VERBOSE,
)
"""The sentences of kernel/locking/lockdep.c that say what comes next."""
_NEVER_OPENING = (" #", "-> ", "...", "[<")
"""Lines that are different in every report: not worth to be remembered as no sentences."""
_USE = re.compile(
    r"\n(?:\.\.\. which became \S{4,24}-irq-(?P<sort>safe|unsafe)|\{[\w-]{4,24}\} state was registered) at:"
)
"""What stands above the call trace of a use."""
_STAMP_INSIDE = re.compile(r"(?<=[({, ])\[ *+\d{1,10}\.\d{6}\](?:\[ *+[TC]\d{1,10}\])? ?")
_IN_PIECES = re.compile(
    r"(?P<index>(?:\n[ ]*(?:->[ ]\#\d++|\#\d++:))?)[ ]*\n[ ]*\([ ]*\n(?P<name>[^\n]++)\n\)"
    r"(?P<usage>\{[^\n}]{1,16}\})\n?(?P<end>:(?=\n)|,[ ]at:)(?:(?<=at:)\n)?"
)


@dataclass(frozen=True, slots=True)
class LockClass:
    """A class as lockdep prints it. `usage` is its state characters, `wait` its outer and inner wait type."""

    name: str
    printed: str
    usage: str = ""
    wait: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A held lock, and the function that took it."""

    lock: LockClass
    function: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """One edge of the existing dependency chain.

    `lock` was taken along `trace` while the next one was held.
    """

    depth: int
    lock: LockClass
    trace: Sequence[str] = ()


@dataclass(slots=True)
class LockdepModel:
    """What a report says. Empty fields were not printed (or cut off).

    `safe` and `unsafe` are the ends of an interrupt dependency, `path` the classes from the first to the
    second; `change` is the old and the new usage of an inconsistent state; `uses` the call traces that made a
    lock `safe` or `unsafe`, or in which the old usage was `registered`; `scenario` the drawing of the unsafe
    scenario.
    """

    acquiring: Holder | None = None
    holding: Holder | None = None
    held: list[Holder] = field(default_factory=list)
    chain: list[Link] = field(default_factory=list)
    safe: LockClass | None = None
    unsafe: LockClass | None = None
    dependency: tuple[LockClass, LockClass] | None = None
    near: list[LockClass] = field(default_factory=list)
    far: list[LockClass] = field(default_factory=list)
    change: tuple[str, str] | None = None
    uses: dict[str, Sequence[str]] = field(default_factory=dict)
    scenario: list[str] = field(default_factory=list)
    stack: Sequence[str] = ()
    nest: str | None = None
    comm: str | None = None
    pid: int | None = None

    def circle(self) -> tuple[str, ...]:
        """Give the chain as a cycle in the order of taking, or nothing when a link of it was cut off."""
        depths = [link.depth for link in self.chain]
        if not depths or sorted(depths, reverse=True) != list(range(len(depths) - 1, -1, -1)):
            return ()
        links = sorted(self.chain, key=lambda link: link.depth)
        return rotate([link.lock.name for link in links])

    def path(self) -> tuple[str, ...]:
        """Give the classes from the interrupt-safe lock to the unsafe one; the interrupt closes the cycle."""
        if self.dependency is not None:
            whole = [*self.near, *self.dependency, *reversed(self.far)]
        else:  # inversion: printed from the other lock to this one
            whole = (
                list(self.near)
                if self.safe is not None and self.unsafe is None
                else list(reversed(self.near))
            )
        ends = [self.safe, *whole, self.unsafe]
        if self.dependency is None and self.acquiring is not None:
            ends = [self.safe or self.acquiring.lock, *whole, self.unsafe or self.acquiring.lock]
        names: list[str] = []
        for lock in ends:
            if lock is not None and (not names or names[-1] != lock.name):
                names.append(lock.name)
        return tuple(names)


@dataclass(frozen=True, slots=True)
class LockdepEvent(Event):
    """A lockdep event with the model of its report.

    `classes` are all that the report names, in the order of their first mention; `holders` what the task
    held; `chain` the existing dependencies, the deepest link first, as printed. `safe`/`unsafe` only for
    `irq_*`; the uses are call traces, innermost first: for `irq_order` those that made the locks so, for
    `inconsistent_state` the one of the earlier usage.
    """

    classes: tuple[LockClass, ...] = ()
    holders: tuple[Holder, ...] = ()
    chain: tuple[Link, ...] = ()
    safe: str | None = None
    unsafe: str | None = None
    safe_use: Sequence[str] = ()
    unsafe_use: Sequence[str] = ()
    usage_change: tuple[str, str] | None = None
    registered_use: Sequence[str] = ()
    scenario: tuple[str, ...] = ()
    stack: Sequence[str] = ()


def classes_in(text: str) -> list[Holder]:
    """Read all lock classes of a line, each with the function that took it, if printed."""
    return [_holder(*parts) for parts in _CLASS.findall(text)]


@functools.lru_cache(maxsize=1 << 14)
def _holder(name: str, usage: str, outer: str, inner: str, at: str) -> Holder:
    wait = (int(outer[:4]), int(inner[:4])) if outer else None
    return Holder(LockClass(lock_name(name), name, usage, wait), function_name(at) if at else None)


def read_model(text: str) -> LockdepModel:
    """Read the text of a report, headline first.

    What does not look as expected is left out, nothing is guessed.
    """
    return _Reading(_mended(text)).read()


def _mended(text: str) -> str:
    """Put lines together again that were printed in pieces.

    From 4.9 on, printk() began a new line for each piece without KERN_CONT; lockdep.c got its KERN_CONT and
    pr_cont() only by and by.
    """
    if "(\n" not in text and "([" not in text:
        return text
    return _IN_PIECES.sub(_joined, _STAMP_INSIDE.sub("", text))


def _joined(pieces: re.Match[str]) -> str:
    return f"{pieces['index'] or chr(10)} ({pieces['name']}){pieces['usage']}{pieces['end']} "


def _is_usual_frame(line: str) -> bool:
    return line[0] in " \t" and "+0x" in line and "(" not in line and ":" not in line


@functools.lru_cache(maxsize=1 << 10)
def _opened(line: str) -> str:
    """Name the section that a sentence opens, or nothing: the sentences are the same in all reports."""
    opening = _OPENING.match(line)
    return (opening.lastgroup or "") if opening else ""


class _Reading:
    """Where in the report the reader stands: the section that the last known sentence opened.

    Lines are known by their indexes.
    """

    def __init__(self, text: str) -> None:
        self.model = LockdepModel()
        self._text = text
        self._lines = text.split("\n")
        self._section = ""
        self._link: tuple[int, LockClass] | None = None
        self._depth: int | None = None
        self._link_at = 0

    def read(self) -> LockdepModel:
        """Go through the lines below the headline, without looking closely at frames of call traces."""
        lines, at, first = self._lines, 0, 1
        stacks: list[str] = []
        while at < len(self._text):
            last, end = self._find(_LAST_STACK, at)
            for here in range(first, end):
                line = lines[here]
                if line and not _is_usual_frame(line):
                    self._line(line, here)
            self._end_link(end)
            at, first = self._find(_MORE, last)
            stacks += lines[end:first]
        self.model.stack = Trace(stacks, sure=True)
        if "became " in self._text or "state was registered" in self._text:
            self._uses()
        return self.model

    def _find(self, sentence: str, start: int) -> tuple[int, int]:
        """Give the place in the text, and the index, of the next line that begins so; or the ends of both."""
        at = self._text.find(sentence, start)
        if at < 0:
            return len(self._text), len(self._lines)
        return at, self._text.count("\n", 0, at) + 1

    def _uses(self) -> None:
        for use in _USE.finditer(self._text):
            end = self._text.find("\n\n", use.end())
            end = end if end >= 0 else len(self._text)
            lines = self._text[use.end() : end].split("\n")
            self.model.uses[use["sort"] or "registered"] = Trace(lines[1:])

    def _line(self, text: str, at: int) -> None:
        section = "" if _CLASS_SIGN in text else self._opened(text)
        if not section:
            self._content(text, at)
            return
        self._end_link(at)
        self._section = section
        if section in ("acquiring", "info", "scenario"):
            self._content(text, at)

    def _opened(self, text: str) -> str:
        """Name the section that a sentence opens, or nothing."""
        task = _TASK.match(text) if "/" in text and "+0x" not in text else None
        if task and self.model.pid is None:
            self.model.comm, self.model.pid = task["comm"], int(task["pid"][:10])
        if task and any(map(text.__contains__, _ACQUIRING)):
            return "acquiring"
        return "" if text.startswith(_NEVER_OPENING) else _opened(text)

    def _content(self, text: str, at: int) -> None:
        model = self.model
        if "trying to " in text and (released := _RELEASED.search(text)):
            model.acquiring = Holder(LockClass(lock_name(released["name"]), released["name"]), None)
            self._section = "released"
        elif text.startswith("inconsistent {") and (change := _CHANGE.match(text)):
            model.change = (change["old"], change["new"])
        elif self._section in ("acquiring", "holding", "safe", "unsafe", "dependency"):
            self._named(text)
        elif self._section == "chain":
            self._chained(text, at)
        elif self._section in ("near", "far") and _DEPENDENCY.match(text):
            locks = classes_in(text)
            (model.near if self._section == "near" else model.far).extend(held.lock for held in locks)
        elif self._section == "nest":
            model.nest, self._section = lock_name(text), ""
        elif self._section == "released" and model.acquiring is not None:
            function = next(iter(Trace([text])), None)
            model.acquiring, self._section = Holder(model.acquiring.lock, function), ""
        elif self._section == "held" and _HELD.match(text):
            model.held.extend(classes_in(text))
        elif self._section == "scenario":
            model.scenario.append(text)

    def _named(self, text: str) -> None:
        found = classes_in(text)
        if not found:
            return
        model = self.model
        if self._section == "acquiring":
            model.acquiring = found[0]
        elif self._section == "holding":
            model.holding = found[0]
        elif self._section == "safe":
            model.safe = found[0].lock
        elif self._section == "unsafe":
            model.unsafe = found[0].lock
        elif len(found) == 2:
            model.dependency = (found[0].lock, found[1].lock)
        self._section = ""

    def _chained(self, text: str, at: int) -> None:
        """Read `-> #1 (NAME){..}:`; interleaved output may put number and name on two lines."""
        link = _LINK.match(text)
        if link:
            self._end_link(at)
            self._depth = int(link["depth"][:4])
        if self._depth is not None and self._link is None:
            found = classes_in(text)
            if found:
                self._link, self._link_at = (self._depth, found[0].lock), at

    def _end_link(self, end: int) -> None:
        """Close the chain's link that is being read, if any: its trace ends here."""
        if self._link is not None:
            trace = Trace(self._lines[self._link_at + 1 : end])
            self.model.chain.append(Link(self._link[0], self._link[1], trace))
        self._link = None
        self._depth = None
