# SPDX-License-Identifier: GPL-2.0-or-later
"""Call traces, and which function of one is to blame.

Frames are printed by `printk_stack_address()` and `show_trace_log_lvl()` (arch/x86/kernel/dumpstack.c), by
`stack_trace_print()` (kernel/stacktrace.c), and by other architectures in much the same form. All of it works
on the text of a whole report, lines without stamps that are joined by newlines, `with_offsets()`. Only lines
with an offset are looked at, and of those only what stands before it: that repeats.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harness.dmesg.late import Late
from harness.dmesg.machinery import DISPATCHERS, INLINED, MACHINERY, Names
from harness.dmesg.names import HIDDEN, function_name

_NAME = r"[A-Za-z_$.][\w.$]*+"
_ADDRESSES = rf"""
  (?:(?: \(?\[<?(?:[0-9a-f]{{8,16}}|{HIDDEN}|0)>?\]\)? | \[[\w:.-]{{1,64}}\+\d{{1,10}}/\d{{1,10}}\])[ ]++)*+
"""
"""As the kernel prints them before a frame, or as klogd translated them."""
_OWNER = r":[\w-]{1,60}:"
"""The module, which stood before the function on x86-64 until 2.6.27."""
_BEFORE = r"""
  (?:Call[ ]Trace:)?(?:[ \t|`-]|\.\.\.)*+
  (?:<{1,2}/?\w++>{1,2}[ ]*+)?(?:\[[ ]*+\d++\.\d{6}\](?:\[[ ]*+[TC]\d++\])?[ ]++)?
"""
"""What may stand before a frame: its stack's name (x86 until 4.9), and a stamp after that."""
_FRAME = rf"""
  {_BEFORE}{_ADDRESSES}(?P<guess>\?[ ])?\(?(?:Caller\[[0-9a-f]++\]:[ ])?(?P<owner>{_OWNER})?(?P<name>{_NAME})
  (?: \+0x[0-9a-f]++/0x[0-9a-f]++(?P<module>[ ]\[[a-zA-Z_])?
    | \)?[ ]from[ ](?:\[<[0-9a-f]++>\][ ]\()?[\w.$]++\+0x  # arm: dump_backtrace_entry()
    | [ ]\([\w./+-]++(?<=\.[chS]):\d                          # scripts/decode_stacktrace.sh
  )
"""
_FRAMES = re.compile(_FRAME, re.VERBOSE)
_POINTER = rf"""
  [ \t]*+
  (?: [RE]?IP:[ ]++(?:[0-9a-f]{{4}}:)?{_ADDRESSES}      # x86, with addresses until 4.10
    | (?:EIP|P[CR]|pc|ip)[ ]is[ ]at[ ]                 # x86-32, arm, sh, alpha, ia64
    | pc[ ]:[ ] | epc[ ]++:[ ](?:[0-9a-f]{{8,16}}[ ]++)?  # arm64, riscv, mips
    | NIP[ ]\[[0-9a-f]++\][ ] | Krnl[ ]PSW[ ]:[ ][^\n(]*+\(  # powerpc, s390
    | ERA:[ ][0-9a-f]{{8,16}}[ ] | IAOQ\[0\]:[ ]    # loongarch, parisc
    | T?PC:[ ]<? | PC:[ ]{_ADDRESSES} | PC:[ ]0x[0-9a-f]{{8}}[ ]\(  # sparc, m68k, csky
    | \[ERET[ ]{{2}}\]:[ ] | Invalid[ ]\w{{1,8}}[ ]@[ ]0x[0-9a-f]{{8}}[ ]by[ ]insn[ ]@[ ]  # arc
  )(?P<of_old>{_OWNER})?(?P<pointer>{_NAME})
  (?: \+0x(?:[0-9a-f]++/0x[0-9a-f]++(?P<of>[ ]\[[a-zA-Z_])?)?
    | [ ]\([\w./+-]++(?<=\.[chS]):\d)
"""
_NAMING = re.compile(rf"{_POINTER}|{_FRAME}", re.VERBOSE)
"""Who may be to blame: the instruction pointer of a register dump, and frames."""
NAMING = re.sub(r"\(\?P<\w+>", "(?:", _NAMING.pattern)
"""The same, from the beginning of a line: source of a verbose regular expression without groups."""
_SYSTEM_CALL = re.compile(
    r"^(?:__(?:x64|ia32|arm64|s390x?|riscv|se|do)_(?:compat_)?|compat_)?(?:sys|SyS|SYSC)_"
)
"""What SYSCALL_DEFINE() makes of a system call's name, on one architecture or another."""
_OFFSET = "+0x"
_ANY_OFFSET = "+0x0/0x0"
"""Stands where the true one is not known."""
_WHOLE_OFFSET = re.compile(
    r"\+0x[0-9a-f]++/0x[0-9a-f]++(?: [\w./+-]++:\d++)?(?P<module> (?:\[[a-zA-Z_]|[a-zA-Z_]\w*+(?=\n|\Z)))?"
)
"""Symbolisers put the place between the offset and the module, or take the brackets off the module."""
_INLINED = re.compile(r"\n[^\n]*\[inline\](?=\n|\Z)")
"""A line that a symboliser has added for an inlined function, above the one that it was inlined into."""
_PLACE = re.compile(
    r"[ ]\([\w./+-]++(?<=\.[chS]):\d++(?!\)\{)(?:(?:[ ][\w./+-]++:\d++)*+(?:[ ]\(discriminator[ ]\d++\))?\))?"
)
"""What scripts/decode_stacktrace.sh puts in the place of an offset.

A lock class that has a place as its name is none: ` (kernel/x.c:12){+.-.}`.
"""
_DECIMAL = re.compile(
    r"(?P<pointed>[RE]IP:[ ]++(?:[0-9a-f]{4}:)?(?:\[<[0-9a-f]{8,16}>\][ ]++)?)?"
    r"(?:<[0-9a-f]{16}>\{:?|\[(?=[A-Za-z_.]))(?:(?P<owner>[\w-]+):)?(?P<name>[\w.$]+)[+-]\d+(?:\}|/\d+\])"
)
"""A frame of x86-64 until 2.6.17, or of klogd, several of which stand on one line.

`<ffffffff80181bd4>{:card:card_read+51}`, `[card:card_read+51/96]`.
"""
_LONGEST = 1024
"""Characters before an offset; `KSYM_NAME_LEN` in include/linux/kallsyms.h is 512."""


class _Named(NamedTuple):
    """Who a frame or an instruction pointer names; `sure` if the unwinder did not mark it `?`.

    `owned` if a module's name stands before it.
    """

    function: str
    sure: bool
    pointed: bool
    owned: bool


def is_frame(line: str) -> bool:
    """Tell whether a line is one of a call trace."""
    return _FRAMES.match(line) is not None


def has_frames(text: str, start: int = 0) -> bool:
    """Tell whether there is a call trace after the line at `start`."""
    return any(not named.pointed for named, _, _ in _all_named(text, start))


def frames(text: str, start: int = 0, end: int = sys.maxsize, *, sure: bool = False) -> list[str]:
    """Give the functions of the call trace after the line at `start`, innermost first.

    With `sure`, those are left out that the unwinder marked with `?`.
    """
    lines = [line.partition(_OFFSET) for line in text[start:end].split("\n")[1:]]
    heads = [head for head, offset, _ in lines if offset]
    found = [named for named in map(_named, heads) if named is not None]
    return [named.function for named in found if not named.pointed and (named.sure or not sure)]


def trace(text: str, start: int, end: int) -> Late[str]:
    """Give the same when it is asked for."""
    return Late(functools.partial(frames, text, start, end))


def pointers(text: str) -> Iterator[tuple[str, int]]:
    """Give the functions that instruction pointers name, each with the place of its line."""
    for named, _, place in _all_named(text, 0):
        if named.pointed:
            yield named.function, place


def _all_named(text: str, start: int) -> Iterator[tuple[_Named, bool, int]]:
    """Give all who are named after the line at `start`, whether a module is, and the place of the line."""
    line = text.find("\n", start)
    while line >= 0 and (at := text.find(_OFFSET, line)) >= 0:
        line = text.rfind("\n", line, at)
        named = _named(text[line + 1 : at])
        if named is not None:
            offset = _WHOLE_OFFSET.match(text, at)
            if offset is not None:
                yield named, named.owned or offset["module"] is not None, line
            elif named.pointed:
                yield named, named.owned, line
        line = text.find("\n", at)


def with_offsets(text: str) -> str:
    """Undo what a symboliser has done: give the text as it was, but for the offsets themselves.

    Lines that it has added are taken out. Where it has put files and lines in the place of offsets, offsets
    take theirs; it names C files in every trace, and others who do, such as a WARN's headline, put no bracket
    before them. Decimal offsets are put into the usual form too, each frame on a line of its own.
    """
    if "[inline]" in text:
        text = _INLINED.sub("", text)
    at = -1
    while (at := text.find(".c:", at + 1)) >= 0:
        if text.startswith("(", text.rfind(" ", 0, at) + 1):
            return _PLACE.sub(_ANY_OFFSET, text)
    return text if _OFFSET in text else _DECIMAL.sub(_hexadecimal, text)


def _hexadecimal(frame: re.Match[str]) -> str:
    before = frame["pointed"] or "\n "
    owner = f":{frame['owner']}:" if frame["owner"] else ""
    return f"{before}{owner}{frame['name']}{_ANY_OFFSET}"


@functools.lru_cache(maxsize=1 << 14)
def _named(head: str) -> _Named | None:
    """Read a line as far as its offset: the same functions are named again and again."""
    found = _NAMING.match(f"{head}+0x0/0x0") if len(head) <= _LONGEST else None
    if found is None:
        return None
    pointer, name = found["pointer"], found["name"]
    owned = bool(found["owner"] or found["of_old"])
    return _Named(function_name(pointer or name), found["guess"] is None, pointer is not None, owned)


def guilty(
    text: str, skip: Names = MACHINERY, first: Iterable[str | None] = (), start: int = 0
) -> str | None:
    """Name the function to blame: the first that is not in `skip`, after the line at `start`.

    `first` holds candidates that the headline itself names, in order. The instruction pointer counts as a
    frame. A module's frame is the module's own unless it may be `INLINED`. Frames that the unwinder doubted
    (`?`) are leftovers on the stack; they are taken only where it doubted all of them, as the guessing one
    does. Machinery is taken only if there is nothing else, and only where the headline or the instruction
    pointer names it: a trace of nothing but machinery was cut off before it came to the point.
    """
    machinery: str | None = None
    for name in map(function_name, filter(None, first)):
        if not skip.match(name):
            return name
        machinery = machinery or name
    doubted: str | None = None
    trusted = False
    for (name, sure, pointed, _), own, _ in _all_named(text, start):
        trusted = trusted or (sure and not pointed)
        if not skip.match(name) or (own and not INLINED.match(name)):
            if sure:
                return name
            doubted = doubted or name
        elif pointed:
            machinery = machinery or name
    return machinery if trusted else doubted or machinery


def operation(text: str, skip: Names, start: int = 0) -> str | None:
    """Name the operation that a CPU was in, after the line at `start`; nothing where no dispatcher tells it.

    A loop is interrupted anywhere, so its innermost function is chance; what was called through a pointer is
    not: the work, the timer, the file's or the socket's function, else the system call. A module's frames are
    few, and told by `guilty()`.
    """
    found: str | None = None
    for (name, sure, pointed, _), own, _ in _all_named(text, start):
        if (own and not INLINED.match(name)) or (pointed and found):
            return None
        if not sure:
            continue
        if found and DISPATCHERS.match(name):
            return _SYSTEM_CALL.sub("sys_", found)
        if not skip.match(name):
            found = name
    return None
