# SPDX-License-Identifier: GPL-2.0-or-later
"""A report while its lines come in, and the event that is made of it in the end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.dmesg import stack
from harness.dmesg.line import Line
from harness.dmesg.lockdep import Holder, LockClass, LockdepEvent, LockdepModel
from harness.dmesg.names import fingerprint
from harness.dmesg.parts import PART
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of
from harness.words import Event, Kind

MAX_LINES = 20_000
"""Lines of one report that are kept; what is longer is cut off and counts as truncated."""

_PATIENCE = {End.LINE: 0, End.STACK: 6, End.TRACE_MARK: 40, End.MARK_OR_BANNER: 40, End.BANNER: 60}
"""How many lines in a row may look foreign (another CPU, user space) before the report counts as over."""
_LOCKDEP_PATIENCE = 30

_PART = re.compile(PART, re.VERBOSE)
_PROCESS = re.compile(
    r"(?:.*?\b)?CPU: (?P<cpu>\d{1,6})(?: UID: \d+)? PID: (?P<pid>\d{1,10})"
    r"(?: Comm: (?P<comm>.{1,32}?)(?: Kdump: \w+)? (?:Not tainted|Tainted)|\b)"
)
_OLD_PROCESS = re.compile(r"Pid: (?P<pid>\d{1,10}), comm: (?P<comm>\S{1,32})")
_END_TRACE = re.compile(r"---\[ end (?:trace|Kernel panic)")
_DIE = re.compile(r".*\[#\d+\]")


@dataclass(slots=True)
class Report:
    """An open report: its rule, its lines so far, and the foreign ones since the last that fits."""

    rule: Rule
    match: re.Match[str]
    lines: list[Line]
    before: tuple[Line, ...] = ()
    marked: bool = False
    """Its own end mark was seen."""
    cut: bool = False
    died: bool = False
    _doubtful: list[Line] = field(default_factory=list)
    _strikes: int = 0
    _in_stack: bool = False

    @property
    def last_number(self) -> int:
        """Give the number of the last line looked at."""
        return (self._doubtful or self.lines)[-1].number

    def absorbs(self, rule: Rule, line: Line) -> bool:
        """Tell whether another headline is only a part of this report."""
        if rule.minor:
            return True
        if self.rule.leads_to_die and rule.is_die and not self.died:
            self.died = True
            return True
        return self.rule.absorbs is not None and self.rule.absorbs.match(line.text) is not None

    def add(self, line: Line) -> bool:
        """Take a line of the same stream; True when the report is over with it."""
        if self.rule.end is End.LINE:
            return True
        text = line.text
        if self._ends(text):
            self._accept(line)
            self.marked = True
            return True
        if not text or not (_PART.match(text) or stack.is_frame(text)):
            self._doubtful.append(line)
            self._strikes += bool(text)
            return self._strikes > self._patience()
        self._accept(line)
        if self.rule.kind is Kind.LOCKDEP and text.startswith("stack backtrace:"):
            self._in_stack = True
        return self.cut

    def absorb(self, line: Line) -> bool:
        """Take a headline that belongs to this report; True when it is the report's last line."""
        self._accept(line)
        return self.rule.kind is Kind.OOM_KILL

    def _accept(self, line: Line) -> None:
        if len(self.lines) + len(self._doubtful) >= MAX_LINES:
            self.cut = True
            return
        self.lines += self._doubtful
        self.lines.append(line)
        self._doubtful = []
        self._strikes = 0

    def _ends(self, text: str) -> bool:
        if self.rule.end in (End.TRACE_MARK, End.MARK_OR_BANNER) and _END_TRACE.match(text):
            return True
        if self.rule.end in (End.BANNER, End.MARK_OR_BANNER):
            return len(self.lines) > 1 and text.startswith("=" * 20) and text == "=" * len(text)
        return self._in_stack and text == " </TASK>" and "Nested lock" not in self.match[0]

    def _patience(self) -> int:
        if self.rule.kind is Kind.LOCKDEP and self.rule.end is End.STACK:
            return 3 if self._in_stack and stack.is_frame(self.lines[-1].text) else _LOCKDEP_PATIENCE
        return _PATIENCE[self.rule.end]

    def event(self, *, interrupted: bool = False) -> Event | None:
        """Make the event, or None where the rule asks for evidence and there is none.

        `interrupted` says that a panic ended the report early: it is not truncated by that.
        """
        found = Found(
            self.match,
            "\n".join(line.text for line in self.lines),
            tuple(line.text for line in self.before),
        )
        if self.rule.needs_evidence and not any(
            _PROCESS.match(text) or stack.is_frame(text) or _OLD_PROCESS.match(text)
            for text in found.texts[1:40]
        ):
            return None
        findings = self.rule.read(found)
        truncated = self.cut or not (
            self.marked or (interrupted and found.has_frames) or self._complete(found)
        )
        return _event(self, findings, found, truncated)

    def _complete(self, found: Found) -> bool:
        """Without its end mark, a report that has one is cut off.

        The panic's own depends on the machine's reboot.
        """
        marks = (End.TRACE_MARK, End.MARK_OR_BANNER, End.BANNER)
        if self.rule.end in marks and self.rule.kind is not Kind.PANIC:
            return False
        return self.rule.complete(found)


def _event(report: Report, findings: Findings, found: Found, truncated: bool) -> Event:
    head = report.lines[0]
    kind = findings.kind or report.rule.kind
    cpu, pid, comm = findings.cpu, findings.pid, findings.comm
    for text in found.texts:
        process = _PROCESS.match(text) if "PID: " in text else _OLD_PROCESS.match(text)
        if process:
            pid = pid if pid is not None else pid_of(process["pid"])
            comm = comm or process["comm"]
            if cpu is None and "cpu" in process.re.groupindex:
                cpu = pid_of(process["cpu"])
            if comm is not None:
                break
    plain = Event(
        kind=kind,
        subtype=findings.subtype,
        title=" ".join(findings.title.split())[:300],
        fingerprint=fingerprint(kind, findings.subtype, *findings.identity),
        line=head.number,
        end_line=report.lines[-1].number,
        raw="\n".join(line.raw.decode("utf-8", "replace") for line in (*report.before, *report.lines)),
        time=head.time,
        cpu=cpu,
        pid=pid,
        comm=comm,
        function=findings.function,
        truncated=truncated,
        cycle=findings.cycle,
    )
    return plain if findings.lockdep is None else _lockdep_event(plain, findings.lockdep)


def _lockdep_event(plain: Event, model: LockdepModel) -> LockdepEvent:
    classes: dict[str, LockClass] = {}
    holders: list[Holder] = [holder for holder in (model.acquiring, model.holding, *model.held) if holder]
    named = [holder.lock for holder in holders] + [link.lock for link in model.chain] + model.near + model.far
    for lock in (*named, model.safe, model.unsafe):
        if lock is not None:
            classes.setdefault(lock.name, lock)
    safe, unsafe = model.safe, model.unsafe
    if plain.subtype == "irq_inversion" and model.acquiring is not None:
        safe, unsafe = safe or model.acquiring.lock, unsafe or model.acquiring.lock
    fields = {name: getattr(plain, name) for name in Event.__dataclass_fields__}
    return LockdepEvent(
        **fields,
        classes=tuple(classes.values()),
        holders=tuple(model.held),
        chain=tuple(model.chain),
        safe=safe.name if safe else None,
        unsafe=unsafe.name if unsafe else None,
        usage_change=model.change,
        scenario=tuple(model.scenario),
        stack=tuple(model.stack),
    )
