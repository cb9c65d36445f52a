# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports without a headline: the log begins below it, or noise hit it. What stands below tells the kind.

Every rule here is a part of whatever report is open, and begins one only where none is. Call traces and
registers alone are no sign: the kernel prints them on request (sysrq, fault injection), and file systems
print them with errors that they handle. Who is to blame is named only where the trace of the access stands
below the sign. Sources: as in the rules of the headlines.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS, MACHINERY, SLEEPERS, STALLERS, WAITERS, Names
from harness.dmesg.names import HIDDEN
from harness.dmesg.rules import locking, sanitizers
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of, where
from harness.words import Kind

Read = Callable[[Found], Findings]


def _traced(found: Found) -> bool:
    return found.has_frames


def begun(label: str, subtype: str = "", skip: Names = MACHINERY, name: str = "") -> Read:
    """Make the reader of a report whose trace follows the sign; `name` is the identity without a function."""

    def read(found: Found) -> Findings:
        function = stack.guilty(found.text, skip)
        return Findings(subtype, f"{label}{where(function)}", function, (function or name,), truncated=True)

    return read


def _late(label: str, subtype: str = "") -> Read:
    """Make the reader of a report whose trace stands above the sign, and is lost."""

    def read(found: Found) -> Findings:
        return Findings(subtype, label, None, ("",), truncated=True)

    return read


def _access(found: Found) -> Findings:
    return begun(f"KASAN: {found.match['access']}")(found)


_RACER = re.compile(r"\S+ to 0x[0-9a-f]+ of \d+ bytes by .*")


def _race(found: Found) -> Findings:
    """Name both sides of a race, as its headline does, by the first frame below each access."""
    places = [access.end() for access in _RACER.finditer(found.text)]
    ends = [*places[1:], len(found.text)]
    sides = [stack.frames(found.text, at, end)[:1] for at, end in zip(places, ends, strict=True)]
    names = sorted(name for side in sides[:2] for name in side)
    title = f"KCSAN: data-race in {' / '.join(names)}"
    return Findings("", title, names[0] if names else None, tuple(names), truncated=True)


def _ubsan(found: Found) -> Findings:
    what = sanitizers.undefined(found.match[0])
    return begun(f"UBSAN: {what}", what.replace("-", "_"))(found)


_TASK = re.compile(r"\ntask:(?P<comm>.{1,32}?) +state:.*? pid: *(?P<pid>\d+)")


def _hung(found: Found) -> Findings:
    findings = begun("task hung", skip=WAITERS)(found)
    task = _TASK.search(found.text)
    if task is None:
        return findings
    return dataclasses.replace(findings, comm=task["comm"], pid=pid_of(task["pid"]))


_CR2 = re.compile(r"^CR2: ([0-9a-f]{8,16})$", re.MULTILINE)
_PAGE = 1 << 12


def _fault(found: Found) -> Findings:
    """Sort a page fault as `show_fault_oops()` does: the first page is for NULL pointers."""
    address = _CR2.search(found.text)
    if address is None:
        return begun("page fault")(found)
    if int(address[1], 16) < _PAGE:
        return begun("NULL pointer dereference", "null_pointer")(found)
    return begun("page fault", "page_fault")(found)


_DEPENDS = re.compile(
    r"^(?:which lock already depends on|the existing dependency chain|-> #\d)|^ +CPU0 +CPU1$", re.MULTILINE
)
_NOT_NESTED = re.compile(r"^but this task is not holding:", re.MULTILINE)
_LOCKDEP = (
    r"(?P<circular>.{1,32}/\d+ is trying to acquire lock:$|which lock already depends on the new lock"
    r"|the existing dependency chain \(in reverse order|but task is already holding lock:$"
    r"|[ ]*Possible unsafe locking scenario)"
    r"|(?P<recursive>[ ]*May be due to missing lock nesting notation)"
    r"|(?P<irq_order>.{1,32}/\d+ \[HC.{1,40}\] is trying to acquire:$"
    r"|which would create a new lock dependency:|but this new dependency connects a )"
    r"|(?P<inconsistent_state>inconsistent \{[\w-]{4,24}\} -> \{[\w-]{4,24}\} usage"
    r"|\{[\w-]{4,24}\} state was registered at:)"
    r"|(?P<irq_inversion>.{1,32}/\d+ just changed the state of lock:$"
    r"|but this lock (?:took|was taken by) another, |and interrupts could create inverse lock ordering)"
    r"|(?P<wait_context>.{1,32}/\d+ is trying to lock:$|context-\{\d+:\d+\}$)"
    r"|(?P<unlock_balance>.{1,32}/\d+ is trying to release lock \(|but there are no more locks to release!)"
    r"|(?P<lock_freed>.{1,32}/\d+ is freeing memory \S+, with a lock still held there!)"
    r"|(?P<suspicious_rcu>[\w./-]{1,200}:\d+ suspicious rcu_\w+\(\) usage!"
    r"|rcu_scheduler_active = \d, debug_locks = \d)"
    r"|(?P<non_static_key>[Tt]he code is fine but needs lockdep annotation)"
)
"""Sentences below each headline; of those that are common to two reports, what follows decides."""


def _lockdep(found: Found) -> Findings:
    subtype = found.match.lastgroup or ""
    if subtype == "circular" and not _DEPENDS.search(found.text):
        subtype = "inconsistent_state" if "<Interrupt>" in found.text else "recursive"
    elif subtype == "wait_context" and _NOT_NESTED.search(found.text):
        subtype = "nested_not_taken"
    findings = locking.SORTS[subtype].read(Found(found.match, "\n" + found.text, found.before))
    return dataclasses.replace(findings, truncated=True)


def part(
    kind: Kind,
    pattern: str,
    words: tuple[bytes, ...],
    read: Read,
    end: End = End.STACK,
    proof: Callable[[Found], bool] = _traced,
) -> Rule:
    """Make the rule of a sign that only a report prints, with `proof` below it: by default a trace."""
    return Rule(
        kind,
        re.compile(pattern),
        words,
        read,
        end,
        is_part=True,
        proof=proof,
        leads_to_die=kind is Kind.OOPS,
    )


RULES = (
    part(
        Kind.LOCKDEP,
        _LOCKDEP,
        (
            b" is trying to acquire",
            b"already depends on the new lock",
            b"the existing dependency chain",
            b"but task is already holding",
            b"unsafe locking scenario",
            b"missing lock nesting notation",
            b"would create a new lock",
            b"this new dependency connects",
            b"inconsistent {",
            b"} state was registered",
            b" just changed the state of",
            b"but this lock took",
            b"but this lock was",
            b"create inverse lock ordering",
            b" is trying to lock:",
            b"context-{",
            b" is trying to release lock",
            b"no more locks to release",
            b"with a lock still held there",
            b" suspicious rcu_",
            b"rcu_scheduler_active = ",
            b"needs lockdep annotation",
        ),
        _lockdep,
    ),
    part(
        Kind.LOCKDEP,
        r"(?P<held_returning_to_user>.{1,32}/\d+ is leaving the kernel with locks still held!)",
        (b" with locks still held",),
        _lockdep,
        proof=lambda found: True,
    ),
    part(
        Kind.LOCKDEP,
        r"(?P<still_held>\d+ locks? held by .{1,32}/\d+:$)",
        (b" held by ",),
        _lockdep,
        proof=lambda found: "debug_check_no_locks_held" in found.text,
    ),
    part(
        Kind.LOCKDEP,
        r"turning off the locking correctness validator",
        (b"the locking correctness validator",),
        lambda found: dataclasses.replace(locking.gave_up(found), truncated=True),
    ),
    part(
        Kind.KASAN,
        rf"(?P<access>Read|Write) of size \d+ at addr (?:[0-9a-f]{{8,16}}|{HIDDEN}) by task .{{1,32}}/\d+$",
        (b" at addr ",),
        _access,
        End.BANNER,
    ),
    part(
        Kind.KASAN,
        r"(?:Allocated|Freed) by task \d+(?: on cpu \d+ at [\d.]+s)?:$",
        (b"Allocated by task ", b"Freed by task "),
        _late("KASAN: invalid access"),
        End.BANNER,
    ),
    part(
        Kind.KFENCE,
        r"(?:Use-after-free|Out-of-bounds|Invalid|Corrupted)\b.{1,120}\bkfence-#\d+",
        (b"kfence-#",),
        begun("KFENCE: invalid access"),
        End.BANNER,
    ),
    part(
        Kind.KMSAN,
        r"Uninit was (?:stored to memory|created) at:$|Local variable \S+ created at:$"
        r"|Bytes? \d+(?:-\d+)? of \d+ (?:is|are) uninitialized$",
        (b"Uninit was ", b"Local variable ", b" uninitialized"),
        _late("KMSAN: uninit-value"),
        End.BANNER,
    ),
    part(
        Kind.KCSAN,
        r"(?:race at unknown origin, with )?(?:assert no accesses|assert no writes|read|write|read-write)"
        r"(?: \(marked\))? to 0x[0-9a-f]{8,16} of \d+ bytes by (?:task \d+|interrupt) on cpu \d+:$",
        (b" bytes by task ", b" bytes by interrupt "),
        _race,
        End.BANNER,
    ),
    part(
        Kind.UBSAN,
        r"shift exponent -?\d+ is |index -?\d+ is out of range for type |(?:un)?signed integer overflow:$"
        r"|load of value -?\d+ is not a valid value for type |negation of -?\d+ cannot be represented"
        r"|member access within (?:null|misaligned) |left shift of (?:negative|-?\d+ by)",
        (
            b"shift exponent ",
            b" out of range for type",
            b"signed integer overflow:",
            b"not a valid value for type",
            b"negation of ",
            b"member access within ",
            b"left shift of ",
        ),
        _ubsan,
        End.MARK_OR_BANNER,
    ),
    part(
        Kind.MEMORY_LEAK,
        r'(?:kmemleak: )?[ ]+comm ".{1,32}", pid -?\d+, jiffies \d+',
        (b", jiffies ",),
        lambda found: dataclasses.replace(sanitizers.leak(found), truncated=True),
        proof=lambda found: " backtrace" in found.text,
    ),
    part(
        Kind.ATOMIC_SLEEP,
        r"(?:BUG: )?in_atomic\(\): \d+, irqs_disabled\(\): \d|preempt_count: [0-9a-f]+, expected: [0-9a-f]+",
        (b"in_atomic(): ", b"preempt_count: "),
        begun("sleeping function called from invalid context", "sleeping", SLEEPERS),
    ),
    part(
        Kind.BUG,
        r"[ ]?lock: .{1,80}, \.magic: [0-9a-f]{8}, \.owner: ",
        (b", .magic: ",),
        begun("BUG: spinlock", "spinlock"),
    ),
    part(
        Kind.BUG,
        r"caller is [\w.$]+\+0x",
        (b"caller is ",),
        begun("BUG: using a CPU's number in preemptible code", "preemptible"),
    ),
    part(
        Kind.BUG,
        r"page dumped because: (?:non-NULL|nonzero|PAGE_FLAGS_CHECK|page still|corrupted|bad pte)",
        (b"page dumped because: ",),
        begun("BUG: Bad page", "bad_page"),
    ),
    part(
        Kind.BUG,
        r"(?:INFO: )?Slab 0x[0-9a-f]+ objects=\d|(?:INFO: )?0x[0-9a-f]+-0x[0-9a-f]+ .{0,40}\. First byte 0x"
        r"|FIX \S+: (?:Restoring|Object at|Marking)",
        (b"Slab 0x", b". First byte 0x", b"FIX "),
        begun("slab corrupted", "slab", ALLOCATORS),
    ),
    part(
        Kind.HUNG_TASK,
        r'"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this',
        (b"hung_task_timeout_secs",),
        _hung,
    ),
    part(
        Kind.RCU_STALL,
        r"(?:rcu: )?[ \t]*(?:\((?:detected by \d+, )?t=\d+ jiffies|\d+-[.O!o].{0,40} ticks this GP\))",
        (b" jiffies g=", b" jiffies, g=", b" ticks this GP"),
        begun("RCU stall", skip=STALLERS),
    ),
    part(
        Kind.RCU_STALL,
        r"(?:rcu: )?blocking rcu_node structures",
        (b"blocking rcu_node",),
        begun("RCU stall", "expedited", STALLERS),
    ),
    part(
        Kind.OOPS,
        r"\#PF: (?:supervisor|user|error_code)\b|PGD (?:[0-9a-f]{1,16}|BAD)(?: (?:P4D|PUD|PMD) |[ ]*$)",
        (b"#PF: ", b"PGD "),
        _fault,
        End.TRACE_MARK,
    ),
    part(
        Kind.OOPS,
        r"(?:Mem|Data) abort info:|(?:user|swapper) pgtable: \d+k pages|Faulting instruction address: 0x"
        r"|KASAN: .{4,40} in range \[0x",
        (b" abort info:", b" pgtable: ", b"Faulting instruction", b" in range [0x"),
        begun("oops"),
        End.TRACE_MARK,
    ),
    part(
        Kind.PANIC,
        r"---\[ end Kernel panic - not syncing(?:: ?(?P<what>.*?)(?: \]---)?)?$",
        (b"--[ end Kernel panic",),
        lambda found: Findings(
            "", f"panic: {found.match['what'] or ''}".rstrip(": "), None, ("",), truncated=True
        ),
        End.LINE,
        proof=lambda found: True,
    ),
)
