# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a lockdep report, and how it is read.

Source: the `print_*()` functions of kernel/locking/lockdep.c, from 4.x to 7.x. `print_lock()` writes
`ffff8881 (NAME){USAGE}-{OUTER:INNER}, at: FUNCTION`; old kernels left address and wait types out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.dmesg import stack
from harness.dmesg.late import Late
from harness.dmesg.names import HIDDEN, function_name, lock_name, rotate
from harness.words import Event

_CLASS = re.compile(
    r"\((?:(?:_{0,4}ptrval_{0,4}|null)\) \()?(?P<name>[^\n]{1,256}?)\)"
    r"\{(?P<usage>[-.+?]{2,12})\}(?:-\{(?P<outer>-?\d+):(?P<inner>-?\d+)\})?"
    rf"(?:,? at: (?:\[<(?:[0-9a-f]+|{HIDDEN})>\] )?(?P<at>[A-Za-z_$.][\w$.]*))?"
)
_CLASS_SIGN = "){"
_LINK = re.compile(r"-> #(?P<depth>\d+)")
_ANOTHER_LINK = "\n-> #"
_BLANK = (" ", "\t")
_USUAL_FRAMES = re.compile(
    r"(?:\n[ \t][ \tA-Za-z0-9_.$?\[\]<>/-]*+\+0x[ \tA-Za-z0-9_.$?\[\]<>/-]*+(?=\n|\Z))++"
)
_HELD = re.compile(r"\s*#(?P<index>\d+): ")
_CHANGE = re.compile(r"inconsistent \{(?P<old>[^}]*)\} -> \{(?P<new>[^}]*)\} usage")
_RELEASED = re.compile(r"trying to (?:release|contend) lock \((?P<name>.*?)\) at:")
_TASK = re.compile(r"^(?P<comm>\S.{0,31}?)/(?P<pid>\d+)(?: \[HC| is | just | takes|: )")
_DEPENDENCY = re.compile(r"\s*-> \(.*\{$")
_LAST_STACK = "\nstack backtrace:"
_MORE = "\nother info that might help"
_DEPENDENCIES = "dependencies between"
"""What follows the held locks in reports of interrupts."""
_ACQUIRING = (
    "is trying to acquire",
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
    held: Sequence[Holder] = ()
    chain: list[Link] = field(default_factory=list)
    safe: LockClass | None = None
    unsafe: LockClass | None = None
    dependency: tuple[LockClass, LockClass] | None = None
    near: list[LockClass] = field(default_factory=list)
    far: list[LockClass] = field(default_factory=list)
    change: tuple[str, str] | None = None
    uses: dict[str, Sequence[str]] = field(default_factory=dict)
    scenario: Sequence[str] = ()
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

    classes: Sequence[LockClass] = ()
    holders: Sequence[Holder] = ()
    chain: tuple[Link, ...] = ()
    safe: str | None = None
    unsafe: str | None = None
    safe_use: Sequence[str] = ()
    unsafe_use: Sequence[str] = ()
    usage_change: tuple[str, str] | None = None
    registered_use: Sequence[str] = ()
    scenario: Sequence[str] = ()
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
    return _Reading(text).read()


def _mended(text: str, start: int, end: int) -> str:
    """Put lines together again that were printed in pieces, if some are between `start` and `end`.

    From 4.9 on, printk() began a new line for each piece without KERN_CONT; lockdep.c got its KERN_CONT and
    pr_cont() only by and by.
    """
    if text.find("(\n", start, end) < 0 and text.find("([", start, end) < 0:
        return text
    return text[:start] + _IN_PIECES.sub(_joined, _STAMP_INSIDE.sub("", text[start:]))


def _joined(pieces: re.Match[str]) -> str:
    return f"{pieces['index'] or chr(10)} ({pieces['name']}){pieces['usage']}{pieces['end']} "


@functools.lru_cache(maxsize=1 << 10)
def _opened(line: str) -> str:
    """Name the section that a sentence opens, or nothing: the sentences are the same in all reports."""
    opening = _OPENING.match(line)
    return (opening.lastgroup or "") if opening else ""


class _Reading:
    """Where in the report the reader stands: the section that the last known sentence opened.

    Read at once is what tells one report from another; what most reports say after that, and call traces, are
    read when they are asked for. Lines are known by where they begin in the text.
    """

    def __init__(self, text: str) -> None:
        self._model = LockdepModel()
        self._text = text
        self._read_to = 0
        self._whole = False
        self._held: list[Holder] = []
        self._scenario: list[str] = []
        self._section = ""
        self._link: tuple[int, LockClass] | None = None
        self._depth: int | None = None
        self._link_at = 0

    def read(self) -> LockdepModel:
        """Go through the lines below the headline as far as needed."""
        self._read_to = self._beginning()
        mended = _mended(self._text, 0, self._read_to)
        if mended is not self._text:
            self._text = mended
            self._read_to = self._beginning()
        self._lines(self._find("\n", 0) + 1, self._read_to)
        if self._text.find(_DEPENDENCIES, self._read_to) >= 0:
            self._rest()
        if "became " in self._text or "state was registered" in self._text:
            self._uses()
        model, self._model = self._model, LockdepModel()  # else the two would hold each other
        model.held = Late(self._all_held)
        model.scenario = Late(self._whole_scenario)
        model.stack = Late(self._stack)
        return model

    def _beginning(self) -> int:
        """Give the end of what is read at once."""
        more = self._find(_MORE, 0)
        last = self._text.find(_LAST_STACK, 0, more)
        return last if last >= 0 else more

    def _rest(self) -> None:
        self._text = _mended(self._text, self._read_to, len(self._text))
        for start, end, _ in self._parts():
            self._lines(start, end)
        self._whole = True

    def _all_held(self) -> list[Holder]:
        if not self._whole:
            self._rest()
        return self._held

    def _whole_scenario(self) -> list[str]:
        if not self._whole:
            self._rest()
        return self._scenario

    def _stack(self) -> Iterator[str]:
        for _, start, end in self._parts():
            yield from stack.frames(self._text, start + 1, end, sure=True)

    def _parts(self) -> Iterator[tuple[int, int, int]]:
        """Give where lines begin that were not read, where the stack below them does, and where that ends."""
        at = self._read_to
        while at < len(self._text):
            last = self._find(_LAST_STACK, at)
            more = self._find(_MORE, last)
            yield at + 1, last, more
            at = more

    def _find(self, sentence: str, start: int) -> int:
        """Give the place before the next line that begins so, or the end of the text."""
        at = self._text.find(sentence, start)
        return at if at >= 0 else len(self._text)

    def _lines(self, start: int, end: int) -> None:
        """Read lines, without looking closely at frames of call traces.

        From one link of the chain to the next there are only frames.
        """
        at = start
        while at < end:
            after = self._text.find("\n", at, end)
            line = self._text[at : after if after >= 0 else end]
            if line.startswith(_BLANK) and (frames := _USUAL_FRAMES.match(self._text, at - 1, end)):
                at = frames.end() + 1
                continue
            if line:
                self._line(line, at)
                begins_link = self._link is not None and self._link_at == at
                if begins_link and (link := self._text.find(_ANOTHER_LINK, at, end)) >= 0:
                    at = link + 1
                    continue
            at += len(line) + 1
        self._end_link(end)

    def _uses(self) -> None:
        for use in _USE.finditer(self._text):
            end = self._find("\n\n", use.end())
            self._model.uses[use["sort"] or "registered"] = stack.trace(self._text, use.end(), end)

    def _line(self, text: str, at: int) -> None:
        if _CLASS_SIGN in text:
            self._classes(text, at)
        elif section := self._opened(text):
            self._end_link(at)
            self._section = section
            if section == "scenario":
                self._scenario.append(text)
        else:
            self._said(text, at)

    def _opened(self, text: str) -> str:
        """Name the section that a sentence opens, or nothing."""
        task = _TASK.match(text) if "/" in text and "+0x" not in text else None
        if task and self._model.pid is None:
            self._model.comm, self._model.pid = task["comm"], int(task["pid"][:10])
        if task and any(map(text.__contains__, _ACQUIRING)):
            return "acquiring"
        return "" if text.startswith(_NEVER_OPENING) else _opened(text)

    def _classes(self, text: str, at: int) -> None:
        """Read a line with lock classes."""
        if self._section == "chain":
            self._chained(text, at)
        elif self._section in ("acquiring", "holding", "safe", "unsafe", "dependency"):
            self._named(text)
        elif self._section == "held" and _HELD.match(text):
            self._held.extend(classes_in(text))
        elif self._section in ("near", "far") and _DEPENDENCY.match(text):
            locks = self._model.near if self._section == "near" else self._model.far
            locks.extend(held.lock for held in classes_in(text))
        else:
            self._said(text, at)

    def _said(self, text: str, at: int) -> None:
        """Read another line: what of it matters is told by the section that it is in."""
        model = self._model
        if "trying to " in text and (released := _RELEASED.search(text)):
            model.acquiring = Holder(LockClass(lock_name(released["name"]), released["name"]), None)
            self._section = "released"
        elif text.startswith("inconsistent {") and (change := _CHANGE.match(text)):
            model.change = (change["old"], change["new"])
        elif self._section == "chain":
            self._chained(text, at)
        elif self._section == "nest":
            model.nest, self._section = lock_name(text), ""
        elif self._section == "released" and model.acquiring is not None:
            function = next(iter(stack.frames(f"\n{text}")), None)
            model.acquiring, self._section = Holder(model.acquiring.lock, function), ""
        elif self._section == "scenario":
            self._scenario.append(text)

    def _named(self, text: str) -> None:
        found = classes_in(text)
        if not found:
            return
        model = self._model
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
            trace = stack.trace(self._text, self._link_at, end)
            self._model.chain.append(Link(self._link[0], self._link[1], trace))
        self._link = None
        self._depth = None
