# SPDX-License-Identifier: GPL-2.0-or-later
"""Hangs: hung tasks, soft and hard lockups, RCU stalls, workqueue lockups, stuck cross-CPU calls.

Sources: `hung_task_info()`/`check_hung_task()` in kernel/hung_task.c, kernel/watchdog.c and watchdog_hld.c,
arch/powerpc/kernel/watchdog.c, kernel/rcu/tree_stall.h, tree_exp.h and tasks.h, `wq_watchdog_timer_fn()` in
kernel/workqueue.c, `csd_lock_wait_toolong()` in kernel/smp.c, `netdev_wait_allrefs_any()` in net/core/dev.c.
"""

from __future__ import annotations

import re

from harness.dmesg import stack
from harness.dmesg.machinery import IDLERS, STALLERS, WAITERS
from harness.dmesg.names import function_name
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of
from harness.words import Kind

_WORKER = re.compile(r"^(kworker|ksoftirqd|migration|cpuhp)/.*")
_IN_FLIGHT = re.compile(r"\n\s*in-flight: (?:\d+(?:\(RESCUER\))?:)?(\w+)")


def _comm(comm: str) -> str:
    """Give a worker's name without its numbers: `kworker/0:1` is `kworker`."""
    return _WORKER.sub(r"\1", comm)


def _hung(found: Found) -> Findings:
    comm = found.match["comm"]
    function = stack.guilty(found.text, WAITERS)
    return Findings(
        "io_wait" if found.match["io"] else "",
        f"task hung in {function}" if function else f"task {_comm(comm)} hung",
        function,
        (function or _comm(comm),),
        pid_of(found.match["pid"]),
        comm,
    )


def _sits(found: Found) -> str | None:
    """Name the function in which a CPU is stuck: the innermost from its instruction pointer on.

    The trace before that pointer is the watchdog's own interrupt. CPUs that idle are dumped as well; they are
    looked at only if there is no other.
    """
    for name, start in stack.pointers(found.text):
        if not IDLERS.match(name):
            return _busy(found.text, start)
    return _busy(found.text, 0)


def _busy(text: str, start: int) -> str | None:
    return stack.operation(text, STALLERS, start) or stack.guilty(text, STALLERS, start=start)


def _soft(found: Found) -> Findings:
    function = _sits(found)
    return Findings(
        "",
        f"soft lockup in {function}" if function else "soft lockup",
        function,
        (function or "",),
        pid_of(found.match["pid"]),
        found.match["comm"],
        pid_of(found.match["cpu"] or found.match["cpu2"]),
    )


def _hard(found: Found) -> Findings:
    function = stack.guilty(found.text, STALLERS, first=(found.match["name"],))
    if found.match["name"] is None:
        function = _sits(found)
    title = f"hard lockup in {function}" if function else "hard lockup"
    return Findings("", title, function, (function or "",), cpu=pid_of(found.match["cpu"]))


def _rcu(found: Found) -> Findings:
    text = found.match[0]
    if "rcu_tasks" in text:
        subtype = "tasks"
    elif "starved" in text or "timer wakeup" in text:
        subtype = "starved"
    elif "expedited" in text:
        subtype = "expedited"
    else:
        subtype = "self" if "self-detected" in text else "detected"
    function = stack.guilty(found.text, WAITERS) if subtype == "tasks" else _sits(found)
    return Findings(
        subtype, f"RCU stall in {function}" if function else "RCU stall", function, (function or "",)
    )


def _workqueue(found: Found) -> Findings:
    """Name the work that keeps the pool's worker, as `show_one_worker_pool()` and `show_pwq()` list it."""
    works = _IN_FLIGHT.search(found.text)
    function = function_name(works[1]) if works else None
    where = f" in {function}" if function else ""
    return Findings("", f"workqueue lockup{where}", function, (function or "",))


def _csd(found: Found) -> Findings:
    function = function_name(found.match["name"])
    return Findings("csd_lock", f"unanswered cross-CPU call of {function}", function, (function,))


RULES = (
    Rule(
        Kind.HUNG_TASK,
        re.compile(
            r"INFO: task (?P<comm>.{1,32}?):(?P<pid>\d+) "
            r"(?:blocked(?P<io> in I/O wait)? for\b|can't die for\b)"
        ),
        (b" blocked for", b" blocked in I/O wait for", b" can't die for"),
        _hung,
    ),
    Rule(
        Kind.SOFT_LOCKUP,
        re.compile(
            r"(?:NMI )?(?:watchdog: )?BUG: soft lockup (?:- CPU#(?P<cpu>\d+) stuck for \d+s!"
            r"(?: \[(?P<comm>.{0,32}?):(?P<pid>\d+)\])?|detected on CPU#(?P<cpu2>\d+))"
        ),
        (b"BUG: soft lockup",),
        _soft,
    ),
    Rule(
        Kind.HARD_LOCKUP,
        re.compile(
            r"(?:NMI )?(?:watchdog: )?(?:BUG: )?(?:CPU ?\d+:? )?(?:NMI )?"
            r"(?:self-detected|[Ww]atchdog detected|detected)"
            r" (?:hard )?LOCKUP(?: on (?:other )?(?:cpu |CPU ?|CPUs )(?P<cpu>\d+)| @ (?P<name>[\w.$]+)\+0x)?"
        ),
        (
            b"LOCKUP on ",
            b" hard LOCKUP",
        ),
        _hard,
        absorbs=re.compile(r"(?:watchdog: )?CPU \d+ Hard LOCKUP"),
    ),
    Rule(
        Kind.RCU_STALL,
        re.compile(
            r"(?:rcu: )?INFO: (?:rcu_\w+|RCU) (?:self-)?detected"
            r"(?: (?:expedited )?stalls?(?:\?| on|,)| CPU (?:\d+ )?stalls?|[ \w]{0,24}$)"
        ),
        (b"INFO: rcu_", b"INFO: RCU detected"),
        _rcu,
        absorbs=re.compile(r"(?:rcu: )?INFO: (?:rcu_\w+|RCU) (?:self-)?detected (?:expedited )?stall"),
    ),
    # Part of a stall's report; alone where the beginning is lost.
    Rule(
        Kind.RCU_STALL,
        re.compile(r"(?:rcu: )?rcu_\w+ kthread (?:starved for|timer wakeup didn't happen for) \d+ jiffies"),
        (b" kthread starved", b" kthread timer"),
        _rcu,
        minor=True,
    ),
    Rule(
        Kind.WORKQUEUE_LOCKUP,
        re.compile(r"(?:workqueue: )?BUG: workqueue lockup - pool"),
        (b"BUG: workqueue lockup",),
        _workqueue,
        absorbs=re.compile(r"(?:workqueue: )?BUG: workqueue lockup"),
        complete=lambda found: "\nShowing busy workqueues" in found.text,
    ),
    Rule(
        Kind.OTHER,
        re.compile(
            r"(?:smp: )?csd: Detected non-responsive CSD lock .{1,60} waiting \d+ ns for CPU#\d+ "
            r"(?P<name>[^\s(+]+)(?:\+0x[0-9a-f/x]+)?(?: \[[\w-]+\])?\("
        ),
        (b"non-responsive CSD lock",),
        _csd,
        complete=lambda found: True,
    ),
    Rule(
        Kind.OTHER,
        re.compile(r"unregister_netdevice: waiting for \S+ to become free"),
        (b"unregister_netdevice: waiting for",),
        lambda found: Findings("netdev_reference", "network device is never released", None),
        End.LINE,
    ),
)
