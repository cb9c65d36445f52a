# SPDX-License-Identifier: GPL-2.0-or-later
"""WARN, BUG, oops, panic, and sleeping where one must not.

Sources: `__warn()` and `vpanic()` in kernel/panic.c, lib/bug.c, `show_fault_oops()` in arch/x86/mm/fault.c
and its kin in other architectures, `__die_header()` in arch/x86/kernel/dumpstack.c, `__die()` in
arch/arm64/kernel/traps.c, `__might_resched()`, `__schedule_bug()`, `__cant_sleep()` in kernel/sched/core.c,
kernel/locking/spinlock_debug.c, `slab_bug()` in mm/slub.c, `bad_page()` in mm/page_alloc.c.
"""

from __future__ import annotations

import re

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS, PANICKERS, SLEEPERS
from harness.dmesg.names import message
from harness.dmesg.rules import locking
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of
from harness.words import Kind


def _where(function: str | None) -> str:
    return f" in {function}" if function else ""


def _warning(found: Found) -> Findings:
    """Read a WARN; lockdep's own doubts about itself are told by the message next to the headline."""
    if locking.SELF_CHECK.search("\n".join((*found.before, *found.texts[1:3]))):
        return locking.gave_up(found)
    match = found.match
    function = stack.guilty(found.text, first=(match["name"],))
    place = re.sub(r":\d+$", "", match["file"] or "")
    title = f"WARNING{_where(function) or f' at {place}'}"
    return Findings(
        "", title, function, (function or place,), pid_of(match["pid"] or match["pid2"]), match["comm"],
        pid_of(match["cpu"] or match["cpu2"]),
    )  # fmt: skip


def _kernel_bug(found: Found) -> Findings:
    function = stack.guilty(found.text, first=(found.match["name"],))
    place = found.match["file"] or ""
    return Findings("", f"kernel BUG{_where(function) or f' at {place}'}", function, (function or place,))


_OOPS_SORTS = (
    (re.compile(r"NULL pointer dereference", re.I), "null_pointer", "NULL pointer dereference"),
    (
        re.compile(r"paging request|page fault|data access|instruction fetch|pagetable|page table", re.I),
        "page_fault",
        "page fault",
    ),
    (re.compile(r"general protection", re.I), "general_protection", "general protection fault"),
    (re.compile(r"divide error", re.I), "divide_error", "divide error"),
    (re.compile(r"double fault", re.I), "double_fault", "double fault"),
    (
        re.compile(r"stack guard|stack segment|stack overflow|Insufficient stack", re.I),
        "stack",
        "stack fault",
    ),
    (
        re.compile(r"invalid opcode|illegal operation|undefined instr|Illegal instr", re.I),
        "invalid_opcode",
        "invalid opcode",
    ),
    (re.compile(r"abort|SError|bus error", re.I), "external_abort", "external abort"),
)


def _oops(found: Found) -> Findings:
    """Sort by the headline, then by the die line, where `Unable to handle kernel access` alone says too
    little.
    """
    function = stack.guilty(found.text)
    for text in found.texts[:12]:
        for pattern, subtype, label in _OOPS_SORTS:
            if pattern.search(text):
                return Findings(subtype, f"{label}{_where(function)}", function, (function or "",))
    return Findings("", f"oops{_where(function)}", function, (function or "",))


def _panic(found: Found) -> Findings:
    what = found.match["what"].strip()
    return Findings("", f"panic: {what}", stack.guilty(found.text, PANICKERS), (message(what),))


def _sleep(found: Found) -> Findings:
    function = stack.guilty(found.text, SLEEPERS)
    text = found.match[0]
    subtype, label = "sleeping", "sleeping function called from invalid context"
    if "scheduling" in text:
        subtype, label = "scheduling", "scheduling while atomic"
    elif "assuming" in text:
        subtype, label = "assuming", text.removeprefix("BUG: ").rstrip()
    comm, pid = found.match["comm"], found.match["pid"]
    for line in found.texts[1:3]:
        named = re.search(r"pid: (\d+), name: (.*)$", line)
        if named:
            pid, comm = named[1], named[2]
    return Findings(subtype, f"{label}{_where(function)}", function, (function or "",), pid_of(pid), comm)


_BUG_NAMES = (
    (re.compile(r"spinlock|rwlock"), "spinlock"),
    (re.compile(r"Bad (?:page|rss|swap)|non-zero pgtables|mempool element"), "bad_page"),
    (re.compile(r"using \w*(?:smp_processor_id|__this_cpu)"), "preemptible"),
    (re.compile(r"workqueue leaked"), "workqueue_leak"),
)


def _bug(found: Found) -> Findings:
    function = stack.guilty(found.text)
    what = message(
        re.sub(r"( (?:on CPU#|in process|code: |at 0x|: \S+/).*|[!:,.] .*)", "", found.match["what"])
    )
    subtype = next((name for pattern, name in _BUG_NAMES if pattern.search(found.match["what"])), "")
    return Findings(subtype, f"BUG: {what}{_where(function)}", function, (what, function or ""))


def _slab(found: Found) -> Findings:
    what = message(found.match["what"])
    cache = found.match["cache"]
    function = stack.guilty(found.text, ALLOCATORS)
    return Findings("slab", f"slab {cache}: {what}", function, (cache, what))


_WARNING = re.compile(
    r"WARNING: (?:CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) )?(?=(?:\S+:\d+ )?at )"
    r"(?:at )?(?P<file>[\w./+-]+:\d+)?(?: at )?(?:at )?(?: ?(?P<name>[A-Za-z_$.][\w.$]*)\+0x\S*)?"
    r"(?:, CPU#(?P<cpu2>\d+): (?P<comm>.{1,32})/(?P<pid2>\d+)$)?"
)
_DIE = re.compile(
    r"(?:\w+: )?(?P<what>\S.*?)(?:: (?:0x)?[0-9a-f]{1,16})?(?:, sig: \d+| ilc:\d)? ?\[#\d+\](?: |:|$)"
    r"|Oops \[#\d+\]"
)

RULES = (
    Rule(
        Kind.WARNING,
        _WARNING,
        (b"WARNING: ",),
        _warning,
        End.TRACE_MARK,
    ),
    Rule(
        Kind.BUG,
        re.compile(
            r"(?:Kernel BUG|kernel BUG|kernel bug) at "
            r"(?:(?P<file>\S+?):\d+!|(?P<name>[\w.$]+)\+0x|\S)"
            r"|BUG: failure at (?P<f>\S+)"
        ),
        (b"BUG",),
        _kernel_bug,
        End.TRACE_MARK,
        leads_to_die=True,
    ),
    Rule(
        Kind.OOPS,
        re.compile(
            r"(?:BUG: )?(?:CPU \d+ )?"
            r"(?:[Uu]nable to handle (?:kernel|page fault|unknown|\S+ page)\b"
            r"|[Kk]ernel NULL pointer dereference)"
            r"|BUG: .*stack guard page was hit|BUG: [Uu]ser (?:stack|access)|(?:traps: )?PANIC: double fault"
        ),
        (b"BUG", b"nable to ", b"PANIC: double fault"),
        _oops,
        End.TRACE_MARK,
        leads_to_die=True,
    ),
    Rule(Kind.OOPS, _DIE, (b"[#",), _oops, End.TRACE_MARK, is_die=True),
    Rule(
        Kind.PANIC,
        re.compile(r"Kernel panic - not syncing(?:: ?| - ?|$)(?P<what>.*)"),
        (b"Kernel panic - not syncing",),
        _panic,
        End.TRACE_MARK,
        complete=lambda found: True,
    ),
    Rule(
        Kind.ATOMIC_SLEEP,
        re.compile(
            r"BUG: (?:sleeping function called from i(?:nvalid|llegal) context"
            r"|assuming (?:atomic|non migratable) context"
            r"|scheduling (?:while atomic|in a non-blocking section): (?P<comm>.{1,32}?)/(?P<pid>\d+)/)"
        ),
        (b"BUG",),
        _sleep,
    ),
    Rule(
        Kind.BUG,
        re.compile(r"BUG:? (?P<cache>[\w-]+) ?\((?:Not tainted|Tainted.*?|[ A-Z]{5,40})\): (?P<what>.*)"),
        (b"BUG",),
        _slab,
        complete=lambda found: len(found.texts) > 3,
    ),
    Rule(
        Kind.BUG,
        re.compile(
            r"(?:\w+: )?BUG: "
            r"(?P<what>(?:spinlock|rwlock|Bad page|Bad rss-counter|Bad swap|non-zero pgtables"
            r"|mempool element|using \w+"
            r"|workqueue leaked|arch topology).*)"
        ),
        (b"BUG",),
        _bug,
        complete=lambda found: True,
    ),
    # Anything else that says BUG: people print that too, the kernel adds registers or a trace.
    Rule(
        Kind.BUG,
        re.compile(r"BUG: (?!unable|KASAN|KCSAN|KMSAN|KFENCE|memory leak|MAX_)(?P<what>\S.*)"),
        (b"BUG",),
        _bug,
        needs_evidence=True,
    ),
)
