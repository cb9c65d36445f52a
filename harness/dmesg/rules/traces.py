# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports without a headline that are known by their trace: who reported stands in it, or what follows tells.

The last of the rules: any dump of a stack looks like them, and is an event only with proof.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS, MACHINERY, REPORTING, SLEEPERS, STALLERS, Names
from harness.dmesg.rules import locking
from harness.dmesg.rules.headless import begun, part
from harness.dmesg.rules.rule import End, Findings, Found
from harness.words import Kind

_SHADOW = re.compile(r"\n(?:(?:Allocated|Freed) by task \d|The buggy address |Memory state around the buggy)")
_END_TRACE = "\n---[ end trace "


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Functions that stand in a trace only because they reported, and the report."""

    functions: Names
    kind: Kind
    subtype: str
    label: str
    skip: Names = MACHINERY


_WARN = _Reporter(Names("__warn|warn_slowpath_(?:common|fmt|null)"), Kind.WARNING, "", "WARNING")
_REPORTERS = (
    _Reporter(Names("kasan_report|print_address_description"), Kind.KASAN, "", "KASAN: invalid access"),
    _Reporter(Names("__schedule_bug"), Kind.ATOMIC_SLEEP, "scheduling", "scheduling while atomic", SLEEPERS),
    _Reporter(
        Names("__might_resched|_{2,3}might_sleep"),
        Kind.ATOMIC_SLEEP,
        "sleeping",
        "sleeping function called from invalid context",
        SLEEPERS,
    ),
    _Reporter(Names("check_preemption_disabled"), Kind.BUG, "preemptible", "BUG: preemptible"),
    _Reporter(Names("spin_(?:bug|dump)|rwlock_bug"), Kind.BUG, "spinlock", "BUG: spinlock"),
    _Reporter(Names("bad_page"), Kind.BUG, "bad_page", "BUG: Bad page"),
    _Reporter(
        Names("__vmalloc_(?:node_range|area_node)(?:_noprof)?"),
        Kind.VMALLOC_FAILURE,
        "",
        "vmalloc failure",
        ALLOCATORS,
    ),
    _Reporter(
        Names("warn_alloc|warn_alloc_failed"),
        Kind.PAGE_ALLOC_FAILURE,
        "",
        "page allocation failure",
        ALLOCATORS,
    ),
    _Reporter(Names("print_(?:other_)?cpu_stall"), Kind.RCU_STALL, "", "RCU stall", STALLERS),
    _Reporter(Names("__report_bad_irq"), Kind.OTHER, "irq_nobody_cared", "interrupt that nobody handles"),
    _Reporter(Names(r"print_circular_bug"), Kind.LOCKDEP, "circular", ""),
    _Reporter(Names(r"print_deadlock_bug"), Kind.LOCKDEP, "recursive", ""),
    _Reporter(Names(r"print_irq_inversion_bug"), Kind.LOCKDEP, "irq_inversion", ""),
    _Reporter(Names(r"print_bad_irq_dependency"), Kind.LOCKDEP, "irq_order", ""),
    _Reporter(Names(r"print_usage_bug"), Kind.LOCKDEP, "inconsistent_state", ""),
    _Reporter(Names(r"print_lock_invalid_wait_context"), Kind.LOCKDEP, "wait_context", ""),
    _Reporter(Names(r"print_unlock_imbalance_bug"), Kind.LOCKDEP, "unlock_balance", ""),
    _Reporter(Names(r"print_lock_contention_bug"), Kind.LOCKDEP, "contention", ""),
    _Reporter(Names(r"lockdep_rcu_suspicious"), Kind.LOCKDEP, "suspicious_rcu", ""),
    _Reporter(Names(r"print_freed_lock_bug|debug_check_no_locks_freed"), Kind.LOCKDEP, "lock_freed", ""),
    _Reporter(Names(r"print_held_locks_bug|debug_check_no_locks_held"), Kind.LOCKDEP, "still_held", ""),
    _WARN,
)
_REPORTING = Names(REPORTING, *(known.functions for known in _REPORTERS))
_DUMPERS = Names(r"_*dump_stack\w*|show_stack\w*|(?:dump|unwind)_backtrace")
"""What prints a trace on its caller's behalf: without it, a reporter may have been interrupted."""


def _reporter(found: Found) -> _Reporter | None:
    """Tell who reported: it stands right below what dumped the stack.

    Further below, somebody else dumped it while the reporter was at work: a failure that was injected, say.
    """
    names = stack.frames(found.text, sure=True)
    if not names or not _DUMPERS.match(names[0]):
        return next((_WARN for name in names if _WARN.functions.match(name)), None)
    reporting = list(itertools.takewhile(_REPORTING.match, names))
    return next((known for known in _REPORTERS if any(map(known.functions.match, reporting))), None)


def _body(found: Found) -> Findings:
    """Tell by who reported, by KASAN's shadow further below, or by the mark at the end of an oops."""
    known = _reporter(found)
    if known and known.kind is Kind.LOCKDEP:
        findings = locking.SORTS[known.subtype].read(found)
        return dataclasses.replace(findings, kind=known.kind, truncated=True)
    if known:
        findings = begun(known.label, known.subtype, known.skip)(found)
        return dataclasses.replace(findings, kind=known.kind)
    if _SHADOW.search(found.text):
        return dataclasses.replace(begun("KASAN: invalid access")(found), kind=Kind.KASAN)
    if found.before:
        return dataclasses.replace(begun("WARNING")(found), kind=Kind.WARNING)
    return begun("oops")(found)


def _is_body(found: Found) -> bool:
    """Tell whether there is proof: dump_stack() prints the like, on its own."""
    sign = found.before or _END_TRACE in found.text or _SHADOW.search(found.text)
    return found.has_frames and (bool(sign) or _reporter(found) is not None)


RULES = (
    part(
        Kind.OOPS,
        r"Modules linked in:|CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: ",
        (b"Modules linked in:", b"CPU: "),
        _body,
        End.MARK_OR_BANNER,
        proof=_is_body,
    ),
)
