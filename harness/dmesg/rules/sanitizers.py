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
from harness.dmesg.rules.rule import End, Findings, Found, Rule
from harness.words import Kind


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _in_function(found: Found, label: str) -> Findings:
    """Read `BUG: KASAN: slab-out-of-bounds in func+0x1/0x2` and its kin."""
    what = found.match["what"]
    named = found.match["name"]
    function = stack.guilty(found.text, first=(named,))
    where = f" in {function}" if function else ""
    return Findings(_slug(what), f"{label}: {what}{where}", function, (function or "",))


def _kasan(found: Found) -> Findings:
    return _in_function(found, "KASAN")


def _kmsan(found: Found) -> Findings:
    return _in_function(found, "KMSAN")


def _kfence(found: Found) -> Findings:
    return _in_function(found, "KFENCE")


def _kcsan(found: Found) -> Findings:
    """The two functions of a race come in either order: which of them was watched is chance."""
    names = sorted(function_name(name) for name in re.split(r" / ", found.match["names"]))
    names = [re.sub(r"\+0x.*", "", name) for name in names]
    what = found.match["what"]
    return Findings(_slug(what), f"KCSAN: {what} in {' / '.join(names)}", names[0], tuple(names))


def _ubsan(found: Found) -> Findings:
    what = found.match["what"]
    if what == "Undefined behaviour":  # until 5.6 the sort stood in the next line only
        what = "undefined-behaviour"
    function = stack.guilty(found.text)
    where = f" in {function}" if function else f" in {found.match['file']}"
    return Findings(_slug(what), f"UBSAN: {what}{where}", function, (function or found.match["file"],))


_NAMED_PLACE = re.compile(r"\n\s+(?:\[<[0-9a-f]+>\] )?([a-z_]\w*) \S+:\d+")


def _named_place(text: str) -> str | None:
    """Read frames that a symboliser has rewritten: `[<ffffffff81000000>] name file.c:12`."""
    names = (named[1] for named in _NAMED_PLACE.finditer(text))
    return next((name for name in names if not ALLOCATORS.match(name)), None)


def _leak(found: Found) -> Findings:
    text = found.text.replace("\nkmemleak: ", "\n")
    function = stack.guilty(text, ALLOCATORS) or _named_place(text)
    return Findings(
        "", f"memory leak in {function}" if function else "memory leak", function, (function or "",)
    )


_SYMBOL = r"(?P<name>[\w$.]+)(?:\+0x\S*)?"

RULES = (
    Rule(
        Kind.KASAN,
        re.compile(rf"BUG: KASAN: (?P<what>[\w -]+?)(?: (?:in|on) (?:{_SYMBOL}|at addr)|$)"),
        (b"BUG",),
        _kasan,
        End.BANNER,
    ),
    Rule(
        Kind.KMSAN,
        re.compile(rf"BUG: KMSAN: (?P<what>[\w -]+?) in {_SYMBOL}"),
        (b"BUG",),
        _kmsan,
        End.BANNER,
    ),
    Rule(
        Kind.KFENCE,
        re.compile(rf"BUG: KFENCE: (?P<what>[\w -]+?) in {_SYMBOL}"),
        (b"BUG",),
        _kfence,
        End.BANNER,
    ),
    Rule(
        Kind.KCSAN,
        re.compile(r"BUG: KCSAN: (?P<what>[\w -]+?) in (?P<names>[\w$.+/ ]+)"),
        (b"BUG",),
        _kcsan,
        End.BANNER,
    ),
    Rule(
        Kind.UBSAN,
        re.compile(r"UBSAN: (?P<what>[\w -]+?) in (?P<file>[^\s:]+):\d+"),
        (b"UBSAN: ",),
        _ubsan,
        End.MARK_OR_BANNER,
    ),
    Rule(
        Kind.MEMORY_LEAK,
        re.compile(
            r"BUG: memory leak$|(?:kmemleak: )?unreferenced object (?:\(percpu\) )?0x[0-9a-f]+ \(size \d+\):"
        ),
        (b"BUG", b"unreferenced object "),
        _leak,
        absorbs=re.compile(r"unreferenced object "),
        complete=lambda found: any("backtrace" in text for text in found.texts[:-1]),
    ),
)
