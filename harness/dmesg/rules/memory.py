# SPDX-License-Identifier: GPL-2.0-or-later
"""Failed page and vmalloc allocations, and the OOM killer.

Sources: `warn_alloc()` in mm/page_alloc.c and its callers there and in mm/vmalloc.c, `slab_out_of_memory()`
in mm/slub.c, `dump_header()` and `__oom_kill_process()` in mm/oom_kill.c.
"""

from __future__ import annotations

import re

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS
from harness.dmesg.names import message
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of, where
from harness.words import Kind


def _page(found: Found) -> Findings:
    function = stack.guilty(found.text, ALLOCATORS)
    stalled = "stall" in (found.match["what"] or "")
    what = "stall" if stalled else "failure"
    order = found.match["order"] or found.match["first"]
    return Findings(
        "stall" if stalled else f"order_{order}",
        f"page allocation {what}, order {order}{where(function)}",
        function,
        (function or "",),
        comm=found.match["comm"],
    )


def _slab(found: Found) -> Findings:
    function = stack.guilty(found.text, ALLOCATORS)
    return Findings("slab", f"slab allocation failure{where(function)}", function, (function or "",))


def _vmalloc(found: Found) -> Findings:
    function = stack.guilty(found.text, ALLOCATORS)
    what = message(found.match["what"])
    title = f"vmalloc failure{where(function)}"
    return Findings("", title, function, (function or what,), comm=found.match["comm"])


_OF_MEMCG = ("emory cgroup out of memory", "CONSTRAINT_MEMCG", "\nMemory cgroup stats for ")
"""What `oom_kill_process()` and `mem_cgroup_print_oom_meminfo()` print for a memory cgroup only."""


_VICTIM = re.compile(r"[Kk]illed process (?P<pid>\d+),? (?:\((?P<comm>.*?)\)(?: |\.?$))?")


def _oom(found: Found) -> Findings:
    """Say who was killed; who asked for one page too many is chance, and so not part of the identity."""
    last = found.text.rfind("\n", 0, max(found.text.rfind("illed process"), 0)) + 1
    killed = _VICTIM.search(found.text, last)
    memcg = any(sign in found.text for sign in _OF_MEMCG)
    comm = killed["comm"] if killed else None
    return Findings(
        "memcg" if memcg else "global",
        f"{'memory cgroup ' if memcg else ''}out of memory" + (f": killed {comm}" if comm else ""),
        stack.guilty(found.text, ALLOCATORS),
        ("memcg" if memcg else "global",),
        pid_of(killed["pid"]) if killed else None,
        comm,
    )


_KILLED = re.compile(
    r"(?:Out of [Mm]emory|Memory cgroup out of memory)[^:]*: (?:OOM victim|[Kk]ill(?:ed)? process) "
)


def _names_victim(found: Found) -> bool:
    """Tell whether one of the last lines does, or what `dump_oom_victim()` says just above."""
    last = found.text.rsplit("\n", 3)[-3:]
    return _KILLED.match(last[-1]) is not None or "oom-kill:" in "".join(last)


RULES = (
    Rule(
        Kind.PAGE_ALLOC_FAILURE,
        re.compile(
            r"(?P<comm>\S.{0,31}?): page allocation (?P<what>failure|stalls? for)\b.*?\border:(?P<order>\d+)"
            r"|__alloc_pages: (?P<first>\d)-order allocation failed"
        ),
        (b"llocation fail", b"allocation stall"),
        _page,
        complete=lambda found: found.match["first"] is not None or found.has_frames,
    ),
    Rule(
        Kind.PAGE_ALLOC_FAILURE,
        re.compile(r"SL[AU]B: Unable to allocate memory on "),
        (b"Unable to allocate memory on",),
        _slab,
        complete=lambda found: bool(found.below(1)),
    ),
    Rule(
        Kind.VMALLOC_FAILURE,
        re.compile(
            r"(?P<comm>\S.{0,31}?): (?P<what>vmalloc(?: error: |: allocation failure).*?), mode:"
            r"|(?:vmap_\w+: |vmalloc: )?"
            r"(?P<range>(?:vmap allocation|vmalloc_node_range) for size \d+ failed"
            r"|allocation failed: out of vmalloc space)"
        ),
        (b"llocation fail", b"vmalloc error: ", b" for size "),
        lambda found: _vmalloc(found) if found.match["what"] else _range(found),
        complete=lambda found: found.match["range"] is not None or found.has_frames,
    ),
    Rule(
        Kind.OOM_KILL,
        re.compile(r"\S.{0,31}? invoked oom-killer: |oom-killer: gfp_mask=0x"),
        (b"oom-killer: ",),
        _oom,
        End.VICTIM,
        absorbs=_KILLED,
        complete=_names_victim,
    ),
    Rule(
        Kind.OOM_KILL,
        _KILLED,
        (b"ut of memory", b"Out of Memory: "),
        _oom,
        End.LINE,
    ),
)


def _range(found: Found) -> Findings:
    """Read the line that `alloc_vmap_area()` prints, which has no call trace of its own."""
    return Findings("address_space", "vmalloc address space exhausted", None, ("address_space",))
