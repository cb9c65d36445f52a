# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel finds wrong with its own state: sleeping where one must not, corrupted objects, leaks.

Sources: `__might_resched()`, `__schedule_bug()`, `__cant_sleep()` in kernel/sched/core.c,
kernel/locking/spinlock_debug.c, lib/smp_processor_id.c, `slab_bug()` in mm/slub.c, mm/slab.c of 6.1,
`bad_page()` in mm/page_alloc.c, `print_bad_page_map()` in mm/memory.c, `check_mm()` in kernel/fork.c,
`generic_shutdown_super()` in fs/super.c, `__report_bad_irq()` in kernel/irq/spurious.c, lib/kobject.c.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS, MACHINERY, SLEEPERS, Names
from harness.dmesg.names import HIDDEN, message
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of, where
from harness.words import Kind

_DISABLED_AT = re.compile(r"\nPreemption disabled at:\s*\n[^\n]*")
"""One address, with the look of a frame, of who is not to blame for the sleep."""


_NAMED = re.compile(r"pid: (\d+), name: (.*)$")


def _sleep(found: Found) -> Findings:
    before = _DISABLED_AT.search(found.text)
    function = stack.guilty(found.text, SLEEPERS, start=before.end() if before else 0)
    text = found.match[0].removeprefix("BUG: ")
    subtype, label = "sleeping", "sleeping function called from invalid context"
    if "idle thread" in text:
        subtype, label = "scheduling", "scheduling from the idle thread"
    elif "scheduling" in text:
        subtype, label = "scheduling", "scheduling while atomic"
    elif "assuming" in text:
        subtype, label = "assuming", text.rstrip()
    comm, pid = found.match["comm"], found.match["pid"]
    for line in found.below(2):
        named = _NAMED.search(line)
        if named:
            pid, comm = named[1], named[2]
    return Findings(subtype, f"{label}{where(function)}", function, (function or "",), pid_of(pid), comm)


_BUG_NAMES = (
    (re.compile(r"spinlock|rwlock|(?:read|write)-lock"), "spinlock"),
    (re.compile(r"Bad (?:page|rss)|non-zero|mempool element"), "bad_page"),
    (re.compile(r"using \w*(?:smp_processor_id|__this_cpu)"), "preemptible"),
    (re.compile(r"workqueue leaked"), "workqueue_leak"),
)
_VARIABLE = re.compile(
    r" (?:on CPU#|in process|mm:|code: |at 0x|: \S+/|\[[0-9a-f]+\]).*|(?:[!:,.]|\{) .*|\{.*"
)
"""From here on a message is different each time."""


_CUT_OFF = re.compile(
    r"(?P<oops>unable |kernel NULL)|(?P<atomic_sleep>sleeping|scheduling|assuming)|(?P<soft_lockup>soft lo)"
    r"|(?P<kasan>KAS)|(?P<kmsan>KMS)|(?P<kcsan>KCS)|(?P<kfence>KFE)"
)
"""How messages of other kinds begin: here they arrive when the rest of the line was lost."""


def _any_bug(found: Found) -> Findings:
    """Read any other message: what it begins with may tell its kind even so."""
    findings = _bug(found)
    known = _CUT_OFF.match(found.match["what"])
    return dataclasses.replace(findings, kind=Kind(known.lastgroup or "")) if known else findings


_BLAMED = re.compile(
    r"\n(?:caller is (?P<caller>[A-Za-z_$.][\w.$]*)\+0x"  # check_preemption_disabled()
    r"|[ ]{5}(?:last function: |preempt=.{1,80} workfn=)(?P<work>[A-Za-z_$.][\w.$]*))"  # process_one_work()
)


def _bug(found: Found) -> Findings:
    blamed = _BLAMED.search(found.text)
    function = stack.guilty(found.text, first=blamed.groups() if blamed else ())
    what = message(_VARIABLE.sub("", found.match["what"]))
    subtype = next((name for pattern, name in _BUG_NAMES if pattern.search(found.match["what"])), "")
    return Findings(subtype, f"BUG: {what}{where(function)}", function, (function or what,))


def _poison(found: Found) -> Findings:
    """Name who got the page, if nobody better: who wrote to it when it was free is long gone."""
    function = stack.guilty(found.text, ALLOCATORS)
    title = f"BUG: freed page was written to, found{where(function)}"
    return Findings("bad_page", title, function, ("poison",))


def _told(subtype: str, title: str) -> Callable[[Found], Findings]:
    """Make the reader of one line without a trace."""
    return lambda found: Findings(subtype, f"{title} {found.match['what']}", None, (found.match["what"],))


_KEEPING = Names(
    ALLOCATORS,
    r"_*kmem_cache_(?:shutdown|destroy|free\w*)|_*k[vz]?free\w*|\w*slab_free\w*|free_to_partial_list|discard_slab",
    r"cache_free_debugcheck|____?cache_free|check_poison_obj",
    r"check_slab|on_freelist|slab_pad_check|validate_slab\w*|\w+_(?:consistency_checks|debug_processing)",
)
"""As above, and what frees, checks or gives up a slab."""
_OF_A_CGROUP = re.compile(r"\(\d+:.*\)")
"""What follows the name of a memory cgroup's slab cache."""


def _slab(found: Found) -> Findings:
    """Name the cache: who steps on a corrupted object first is chance."""
    what = message(found.match["what"] or found.match["sort"])
    cache = _OF_A_CGROUP.sub("", found.match["cache"] or found.match["old"] or "?")
    function = stack.guilty(found.text, _KEEPING)
    return Findings("slab", f"slab {cache}: {what}", function, ("slab", cache, what))


_TELLING = Names(
    MACHINERY,
    r"sysfs_warn_dup|sysfs_create_\w+|__report_bad_irq|note_interrupt|handle_irq\w*|kobject_(?:init|add)\w*",
)


def _named(subtype: str, title: str) -> Callable[[Found], Findings]:
    """Make the reader of a report of which the message alone says what is wrong."""

    def read(found: Found) -> Findings:
        function = stack.guilty(found.text, _TELLING)
        return Findings(subtype, f"{title}{where(function)}", function, (subtype, function or ""))

    return read


RULES = (
    Rule(
        Kind.ATOMIC_SLEEP,
        re.compile(
            r"BUG: (?:sleeping function called\b|assuming (?:atomic|non migratable) context)"
            r"|Debug: sleeping function called from"
            r"|(?:BUG: )?scheduling (?:while atomic|in a non-blocking section): "
            r"(?P<comm>.{1,32}?)/(?:0x[0-9a-f]{1,16}/)?(?P<pid>\d{1,10})(?:/|$)"
            r"|bad: scheduling (?:from the idle thread|while atomic)!"
        ),
        (b"BUG: ", b"bad: scheduling", b"Debug: sleeping", b"scheduling while atomic: "),
        _sleep,
    ),
    Rule(
        Kind.BUG,
        re.compile(
            r"BUG (?P<cache>\S.{0,60}?) ?\((?:Not tainted|Tainted[^)]{0,60}|[ A-Z]{5,40})\): (?P<what>.*)"
            r"|BUG (?P<old>[\w:-]+): (?P<sort>(?:(?:Left |Right )?Redzone|Poison|Padding|Freepointer"
            r"|Freechain|Objects?|Invalid|Not a valid|Attempt to free|Wrong object|page slab pointer)\b.*)"
        ),
        (b"BUG ",),
        _slab,
        absorbs=re.compile(r"kmem_cache_destroy "),
        complete=lambda found: len(found.below(3)) == 3,
    ),
    Rule(
        Kind.BUG,
        re.compile(
            r"(?:slab error in \w+\(\): cache `|kmem_cache_destroy (?=.+: Slab cache still has objects$))"
            r"(?P<cache>[^']{1,60}?)'?: (?P<what>.*)"
            r"|(?P<sort>Slab corruption)(?: \([^)]{0,60}\))?: (?:(?P<old>\S{1,60}) )?start="
        ),
        (b"slab error in ", b"Slab corruption", b": Slab cache still has objects"),
        _slab,
        complete=lambda found: found.has_frames or (found.match["sort"] is not None and bool(found.below(1))),
    ),
    Rule(
        Kind.BUG,
        re.compile(
            r"(?:\w+: )?BUG: "
            r"(?P<what>(?:spinlock|rwlock|Bad page (?!.{0,20}messages suppressed)|Bad rss-counter"
            r"|non-zero \w+|mempool element|using \w+|workqueue leaked|arch topology|Dentry ).*)"
        ),
        (b"BUG: ",),
        _bug,
        complete=lambda found: True,
    ),
    Rule(
        Kind.BUG,
        re.compile(r"(?P<what>Bad page state (?:in process|at) .*)"),
        (b"Bad page state ",),
        _bug,
        needs_evidence=True,
    ),
    Rule(
        Kind.BUG,
        re.compile(r"pagealloc: (?:memory corruption|single bit error)$"),
        (b"pagealloc: ",),
        _poison,
    ),
    Rule(
        Kind.BUG,
        re.compile(rf"\S+\.[ch]:\d+: (?P<what>bad p(?:te|md|ud|4d|gd)) (?:[0-9a-f]{{8,}}|{HIDDEN})"),
        tuple(b": bad %s " % level for level in (b"pte", b"pmd", b"pud", b"p4d", b"pgd")),
        _told("bad_page", "BUG:"),
        End.LINE,
        minor=True,
    ),
    Rule(
        Kind.BUG,
        re.compile(r"(?:softirq: )?huh, entered softirq \d+ (?P<what>\w*)"),
        (b"huh, entered softirq ",),
        _told("softirq_leak", "preempt_count leaked by softirq"),
        End.LINE,
        minor=True,
    ),
    Rule(
        Kind.BUG,
        re.compile(r"Division by zero in kernel"),
        (b"Division by zero in",),
        _named("divide", "division by zero"),
        needs_evidence=True,
    ),
    # Anything else that says BUG: people print that too, the kernel adds registers or a trace.
    Rule(
        Kind.BUG,
        re.compile(r"BUG: (?P<what>\S.*)"),
        (b"BUG: ",),
        _any_bug,
        needs_evidence=True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(r"irq \d+: nobody cared|->handle_irq\(\):"),
        (b": nobody cared",),
        _named("irq_nobody_cared", "interrupt that nobody handles"),
        needs_evidence=True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(
            r"do_IRQ: (?:stack overflow: -?\d|\S.{0,20} has overflown the kernel stack)"
            r"|low stack detected by irq handler|Stack overflow in do_IRQ: "
        ),
        (b"do_IRQ: ", b"low stack detected by"),
        _named("stack_low", "kernel stack nearly used up"),
        needs_evidence=True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(
            rf"(?:kobject: )?'?.{{0,60}} \((?:[0-9a-fx]+|{HIDDEN})\): "
            r"(?:tried to (?:init an initialized|add an uninitialized) object"
            r"|must have a ktype to be init|invalid kobject pointer!)"
        ),
        (b"something is seriously wrong", b"must have a ktype", b"invalid kobject pointer"),
        _named("kobject", "kobject misused"),
        minor=True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(r"sysfs: cannot create duplicate filename "),
        (b"sysfs: cannot create duplicate",),
        _named("sysfs_duplicate", "duplicate sysfs file"),
        needs_evidence=True,
        minor=True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(r"VFS: (?P<what>Busy inodes after unmount|Close: file count is 0)"),
        (b"VFS: Busy inodes", b"VFS: Close: file"),
        _named("vfs", "VFS object in use after its end"),
        End.LINE,
        minor=True,
    ),
)
