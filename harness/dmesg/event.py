# SPDX-License-Identifier: GPL-2.0-or-later
"""The event that is made of a report when it is over."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from harness.dmesg import stack
from harness.dmesg.late import Late
from harness.dmesg.lockdep import LockClass, LockdepEvent, LockdepModel
from harness.dmesg.names import fingerprint
from harness.dmesg.report import Report
from harness.dmesg.rules.rule import End, Findings, Found, pid_of
from harness.words import Event, Kind

_PROCESS = re.compile(
    r"CPU: (?P<cpu>\d{1,6})(?: UID: \d+)? PID: (?P<pid>\d{1,10})"
    r"(?: Comm: (?P<comm>.{1,32}?)(?: Kdump: \w+)? (?:Not tainted|Tainted)|\b)"
)
_OLD_PROCESS = re.compile(
    r"\nP(?:id: |rocess (?P<comm>\S{1,32}) \(pid: )(?P<pid>\d{1,10}),(?: CPU \d{1,6},)?"
    r"(?: comm: {1,20}(?P<name>\S{1,32}))?"
)
_OOPSED = ": Oops "
_WHO_OOPSED = re.compile(rf"\n(?P<comm>\S{{1,32}})[(\[](?P<pid>\d{{1,10}})[)\]]{_OOPSED}")
"""The die line of alpha, sparc and ia64."""
_MARKLESS = re.compile(
    r"stackpage=|ainted[^\n]{0,40}(?:\nEFLAGS: [0-9a-f]+ {1,4})?[ (]2\.(?:4\.\d|6\.(?:\d|1\d|2[0-4])(?!\d))"
    r"|\nra is at |\nFrame format=|\nFormat [0-9a-f]{2}  Vector: "
)
"""Kernels before 2.6.25, and those of alpha and m68k, which end an oops with `Code:`, without a mark."""
_NEVER_MARKED = re.compile(
    r"""
      \n(?: TSTATE:[ ] | PSR:[ ][0-9a-f]{8}[ ]PC:[ ] | psr[ ]:[ ][0-9a-f]{16}[ ]ifs[ ]:  # sparc, ia64
        | pc:[ ][0-9a-f]{8},[ ]ps: | GPR00:[ ][0-9a-f]{8}[ ]GPR01:                       # xtensa, openrisc
        | [ ]r1=[0-9A-F]{8},[ ]r2= | ea[ ]=[ ][0-9a-f]{1,8},[ ]ra[ ]=                    # microblaze, nios2
        | \[ERET[ ][ ]\]:[ ] | ECR:[ ]0x[0-9a-f]{8}[ ]EFA:                              # arc
      )
    """,
    re.VERBOSE,
)
"""Registers of architectures whose die() ends with the trace: it does not come to oops_exit()."""
_EVIDENCE = 40
"""Lines within which registers or a trace must follow a headline that asks for evidence."""


def make_event(report: Report, *, interrupted: bool = False) -> Event | None:
    """Make the event, or None where the rule asks for evidence and there is none.

    `interrupted` says that a panic ended the report early: it is not truncated by that.
    """
    found = _found(report)
    if not _proven(report, found):
        return None
    findings = report.rule.read(found)
    truncated = (
        report.cut
        or findings.truncated
        or not (report.marked or (interrupted and found.has_frames) or _complete(report, found))
    )
    return _event(report, findings, found.text, truncated)


def is_proven(report: Report) -> bool:
    """Tell whether what has come of a report shows that it is one."""
    return _proven(report, _found(report))


def _found(report: Report) -> Found:
    before = report.before.text()
    return Found(
        report.match,
        stack.with_offsets(report.lines.text()),
        tuple(before.split("\n")) if before else (),
    )


def _proven(report: Report, found: Found) -> bool:
    shown = report.died or not report.rule.needs_evidence or _has_evidence(found.text)
    return shown and report.rule.proof(found)


def _has_evidence(text: str) -> bool:
    """Tell whether registers or a call trace follow the headline closely."""
    beginning = "\n".join(["", *text.split("\n", _EVIDENCE)[1:_EVIDENCE]])
    return bool(stack.has_frames(beginning) or _PROCESS.search(beginning) or _OLD_PROCESS.search(beginning))


def _complete(report: Report, found: Found) -> bool:
    """Without its end mark, a report that has one is cut off.

    The panic's own depends on the machine's reboot.
    """
    if report.rule.end is End.LINE:
        return True
    ends_without_mark = report.rule.end in (End.STACK, End.VICTIM)
    if ends_without_mark or report.rule.kind is Kind.PANIC or report.panicked:
        return report.rule.complete(found)
    if "\nCode: " in found.text and _MARKLESS.search(found.text):
        return True
    return found.has_frames and _NEVER_MARKED.search(found.text) is not None


def _event(report: Report, findings: Findings, text: str, truncated: bool) -> Event:
    kind = findings.kind or report.rule.kind
    cpu, pid, comm = _process(findings, text)
    model = findings.lockdep
    make = Event if model is None else functools.partial(LockdepEvent, **_lockdep_fields(findings, model))
    return make(
        kind=kind,
        subtype=findings.subtype,
        title=" ".join(findings.title.split())[:300],
        fingerprint=fingerprint(kind, *findings.identity),
        line=report.lines.numbers[0],
        end_line=report.lines.numbers[-1],
        raw=b"\n".join(report.before.raw + report.lines.raw).decode("utf-8", "replace"),
        time=report.time,
        cpu=cpu,
        pid=pid,
        comm=comm,
        function=findings.function,
        truncated=truncated,
        cycle=findings.cycle,
    )


def _process(findings: Findings, text: str) -> tuple[int | None, int | None, str | None]:
    """Give CPU, pid and comm: what the rule found, else what the first line says that names the task."""
    cpu, pid, comm = findings.cpu, findings.pid, findings.comm
    at = -1
    while (at := text.find("CPU: ", at + 1)) >= 0:
        process = _PROCESS.match(text, at)
        if process is None:
            continue
        cpu = pid_of(process["cpu"]) if cpu is None else cpu
        pid = pid_of(process["pid"]) if pid is None else pid
        comm = comm or process["comm"]
        if comm is not None:
            return cpu, pid, comm
    old = _OLD_PROCESS.search(text)
    if old:
        return cpu, pid_of(old["pid"]) if pid is None else pid, comm or old["comm"] or old["name"]
    died = _WHO_OOPSED.search(text) if _OOPSED in text else None
    if died:
        return cpu, pid_of(died["pid"]) if pid is None else pid, comm or died["comm"]
    return cpu, pid, comm


def _classes(model: LockdepModel) -> Iterable[LockClass]:
    holders = [holder for holder in (model.acquiring, model.holding, *model.held) if holder]
    named = [holder.lock for holder in holders] + [link.lock for link in model.chain] + model.near + model.far
    classes: dict[str, LockClass] = {}
    for lock in (*named, model.safe, model.unsafe):
        if lock is not None:
            classes.setdefault(lock.name, lock)
    return classes.values()


def _lockdep_fields(findings: Findings, model: LockdepModel) -> dict[str, Any]:
    safe, unsafe = model.safe, model.unsafe
    if findings.subtype == "irq_inversion" and model.acquiring is not None:
        safe, unsafe = safe or model.acquiring.lock, unsafe or model.acquiring.lock
    return {
        "classes": Late(functools.partial(_classes, model)),
        "holders": model.held,
        "chain": tuple(model.chain),
        "safe": safe.name if safe else None,
        "unsafe": unsafe.name if unsafe else None,
        "safe_use": model.uses.get("safe", ()),
        "unsafe_use": model.uses.get("unsafe", ()),
        "usage_change": model.change,
        "registered_use": model.uses.get("registered", ()),
        "scenario": model.scenario,
        "stack": model.stack,
    }
