# SPDX-License-Identifier: GPL-2.0-or-later
"""KASAN, KCSAN, KMSAN, KFENCE, UBSAN and kmemleak.

Sources: mm/kasan/report.c, kernel/kcsan/report.c, mm/kmsan/report.c, mm/kfence/report.c, lib/ubsan.c,
mm/kmemleak.c.
"""

from __future__ import annotations

import re

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS
from harness.dmesg.names import function_name
from harness.dmesg.rules.rule import End, Findings, Found, Rule, where
from harness.words import Kind

_NOT_OF_A_NAME = re.compile(r"[^a-z0-9]+")


def _slug(text: str) -> str:
    return _NOT_OF_A_NAME.sub("_", text.lower()).strip("_")


_INVALID_FREE = "double-free or invalid-free"
"""What KASAN calls it since 4.14; before, it was not said that it was KASAN's."""


def _sort(found: Found) -> str:
    what = found.match["what"]
    return _INVALID_FREE if what is None else " ".join(what.split())


def _in_function(found: Found, label: str, access: str = "") -> Findings:
    """Read `BUG: KASAN: slab-out-of-bounds in func+0x1/0x2` and its kin."""
    what = _sort(found)
    function = stack.guilty(found.text, first=(found.match["name"],))
    return Findings(
        _slug(what), f"{label}: {what}{access}{where(function)}", function, (function or _slug(what),)
    )


_ACCESS = re.compile(r"\n(Read|Write)(?: of size \d+)? (?:at|by)")


_UNTRACED = "\nAsynchronous fault: "
"""`kasan_report_async()` prints a stack of whoever noticed what hardware tags found a while ago."""


def _kasan(found: Found) -> Findings:
    if _UNTRACED in found.text:
        what = _sort(found)
        return Findings(_slug(what), f"KASAN: {what}", None, (_slug(what),))
    access = _ACCESS.search(found.text, 0, len(found.match[0]) + 400)
    return _in_function(found, "KASAN", f" {access[1]}" if access else "")


_IN_SLAB = re.compile(r"BUG .{1,80}: kasan: bad access detected")
"""Until 4.8, `object_err()` printed the object of a KASAN report, as if the cache had found it."""


def _kmsan(found: Found) -> Findings:
    return _in_function(found, "KMSAN")


def _kfence(found: Found) -> Findings:
    return _in_function(found, "KFENCE")


_RACER = re.compile(r"(?:^| / )([\w$.]+)")
"""A function of a race; offset and module may stand behind it."""


def _kcsan(found: Found) -> Findings:
    """The two functions of a race come in either order: which of them was watched is chance."""
    names = sorted(function_name(name) for name in _RACER.findall(found.match["names"]))
    what = found.match["what"]
    return Findings(_slug(what), f"KCSAN: {what} in {' / '.join(names)}", names[0], tuple(names))


_OLD_SORTS = (
    (re.compile(r"unsigned integer overflow"), "unsigned-integer-overflow"),
    (re.compile(r"signed integer overflow"), "signed-integer-overflow"),
    (re.compile(r"negation of"), "negation-overflow"),
    (re.compile(r"division"), "division-overflow"),
    (re.compile(r"shift exponent|left shift"), "shift-out-of-bounds"),
    (re.compile(r"index \S+ is out of range"), "array-index-out-of-bounds"),
    (re.compile(r"load of value"), "invalid-load"),
    (re.compile(r"null pointer"), "null-ptr-deref"),
    (re.compile(r"misaligned address|alignment"), "misaligned-access"),
    (re.compile(r"insufficient space"), "object-size-mismatch"),
    (re.compile(r"variable length array"), "vla-bound-not-positive"),
    (re.compile(r"__builtin_unreachable"), "unreachable"),
)
"""Until 5.6 the headline was the same for all, and the line below it told the sort: the names since then."""


def undefined(said: str) -> str:
    """Give the name of a sort of undefined behaviour, by the line below the headline."""
    return next((name for pattern, name in _OLD_SORTS if pattern.search(said)), "undefined-behaviour")


def _ubsan(found: Found) -> Findings:
    what = found.match["what"]
    if what == "Undefined behaviour":
        what = undefined("".join(found.below(1)))
    function = stack.guilty(found.text, first=(found.match["name"],))
    place = found.match["file"] or ""
    end = where(function) or where(place)
    return Findings(_slug(what), f"UBSAN: {what}{end}", function, (function or place,))


_NAMED_PLACE = re.compile(r"\n\s+(?:\[<[0-9a-f]+>\] )?([a-z_]\w*) \S+:\d+")


def _named_place(text: str) -> str | None:
    """Read frames that a symboliser has rewritten: `[<ffffffff81000000>] name file.c:12`."""
    names = (named[1] for named in _NAMED_PLACE.finditer(text))
    return next((name for name in names if not ALLOCATORS.match(name)), None)


def leak(found: Found) -> Findings:
    """Read an object of kmemleak, which its allocator lost."""
    text = found.text.replace("\nkmemleak: ", "\n")
    function = stack.guilty(text, ALLOCATORS) or _named_place(text)
    return Findings(
        "", f"memory leak in {function}" if function else "memory leak", function, (function or "",)
    )


_WHERE = (
    r"(?: (?:in|on(?!.* in )) +"
    r"(?:(?!(?:address|at addr|range)\b|[0-9a-f]{8,16}\b)(?P<name>[A-Za-z_$.][\w$.]*)|\S)| ?$)"
)
"""A function, or what `%pS` makes of an address without one: `(null)`, `0x4000`."""

RULES = (
    Rule(
        Kind.KASAN,
        re.compile(
            rf"BUG: (?:KAS[Aa][Nn]|AddressSanitizer): ?(?P<what>[\w -]{{0,60}}?)"
            rf"{_WHERE}|BUG: Double free or freeing an invalid pointer$"
        ),
        (b"BUG: KASAN:", b"BUG: KASan:", b"BUG: AddressSanitizer: ", b"BUG: Double free "),
        _kasan,
        End.BANNER,
        _IN_SLAB,
    ),
    Rule(
        Kind.KMSAN,
        re.compile(rf"BUG: KMSAN: (?P<what>[\w -]{{1,60}}?){_WHERE}"),
        (b"BUG: KMSAN: ",),
        _kmsan,
        End.BANNER,
    ),
    Rule(
        Kind.KFENCE,
        re.compile(rf"BUG: KFENCE: (?P<what>[\w -]{{1,60}}?){_WHERE}"),
        (b"BUG: KFENCE: ",),
        _kfence,
        End.BANNER,
    ),
    Rule(
        Kind.KCSAN,
        re.compile(r"BUG: KCSAN: (?P<what>[\w :-]{1,60}?) in (?P<names>[A-Za-z_$.].*)"),
        (b"BUG: KCSAN: ",),
        _kcsan,
        End.BANNER,
    ),
    Rule(
        Kind.UBSAN,
        re.compile(
            r"UBSAN: (?P<what>[\w -]{1,60}?) (?:in (?P<file>[^\s:]+):\d+|at (?P<name>[A-Za-z_$.][\w.$]*)\+0x)"
        ),
        (b"UBSAN: ",),
        _ubsan,
        End.MARK_OR_BANNER,
        leads_to_die=True,
    ),
    Rule(
        Kind.MEMORY_LEAK,
        re.compile(
            r"BUG: memory leak$|(?:kmemleak: )?unreferenced object (?:\(percpu\) )?0x[0-9a-f]+ \(size \d+\):"
        ),
        (b"BUG: memory leak", b"unreferenced object "),
        leak,
        absorbs=re.compile(r"unreferenced object "),
        complete=lambda found: "backtrace" in found.text.rpartition("\n")[0],
    ),
)
