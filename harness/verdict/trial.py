# SPDX-License-Identifier: GPL-2.0-or-later
"""One trial's outcome.

Proof of misbehaviour counts first, whatever else is missing. Then come the faults of the harness, then
everything without which a pass would mean nothing. What is left is a pass.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from harness.words import Ending, Event, Kind, Observation, Outcome

_KERNEL_FAULTS = {
    Ending.PANIC: "the kernel panicked",
    Ending.RESET: "the guest reset itself (triple fault or reboot)",
    Ending.SILENT: "the guest fell silent; its task states are at the end of the console",
}
_HARNESS_FAULTS = {
    Ending.QEMU_KILLED: "QEMU was killed from outside",
    Ending.AGENT_LOST: "the agent in the guest was lost while the kernel lived",
    Ending.DISK_FULL: "the output folder is full: free some space and resume the run",
    Ending.NO_BOOT: "the guest never became ready",
}
_GOOD_ENDS = (Ending.POWEROFF, Ending.SETTLED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome, what a failure consists of (see `Expectation.evidence`), and the sentences that say why.

    `missing` holds what a failing trial lacks although its failure does not explain that.
    """

    outcome: Outcome
    evidence: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def _lockdep_gave_up(event: Event) -> bool:
    """Tell lockdep's own failure from its findings: it proves nothing of the kernel but blinds the trial."""
    return event.kind is Kind.LOCKDEP and event.subtype == "lockdep_bug"


def _misbehaviour(
    observation: Observation, events: Sequence[Event], ending: Ending, supporting: Collection[Kind]
) -> Judgement | None:
    guilty = [event for event in events if event.kind not in supporting and not _lockdep_gave_up(event)]
    evidence = {f"{event.kind}/{event.subtype}" if event.subtype else str(event.kind) for event in guilty}
    evidence |= {f"measured/{failure.what}" for failure in observation.failures}
    reasons = [failure.said for failure in observation.failures]
    reasons += dict.fromkeys(event.title for event in guilty)
    if ending in _KERNEL_FAULTS:
        evidence.add(f"ending/{ending}")
        reasons.append(_KERNEL_FAULTS[ending])
    return Judgement(Outcome.FAIL, tuple(sorted(evidence)), tuple(reasons)) if evidence else None


def _missing(observation: Observation, events: Sequence[Event], required: Sequence[str]) -> list[str]:
    """List what a pass would need and this trial lacks."""
    missing = list(observation.obstacles)
    missing += [f"lockdep gave up: {event.title}" for event in events if _lockdep_gave_up(event)]
    if not observation.complete:
        missing.append("the workload's success token is missing")
    witnesses = dict.fromkeys([*required, *observation.witnesses])
    missing += [
        f"witness missing: {name}" for name in witnesses if not observation.witnesses.get(name, False)
    ]
    return missing


def judge_trial(
    observation: Observation,
    events: Sequence[Event],
    ending: Ending,
    *,
    required: Sequence[str],
    supporting: Collection[Kind] = (),
    precluded: Collection[str] = (),
) -> Judgement:
    """Judge one trial.

    `required` names the witnesses that the workload promises (one that it does not report counts as missing);
    `supporting` are the kinds of event that this workload provokes on purpose and counts exactly by other
    means; `precluded` are witnesses that a failure may itself take away, such as a lockdep that still lives.
    """
    missing = _missing(observation, events, required)
    if failed := _misbehaviour(observation, events, ending, supporting):
        excused = {f"witness missing: {name}" for name in precluded}
        return replace(failed, missing=tuple(text for text in missing if text not in excused))
    if ending in _HARNESS_FAULTS:
        return Judgement(Outcome.INFRA, reasons=(_HARNESS_FAULTS[ending],))
    if ending not in _GOOD_ENDS:
        missing.insert(0, f"the guest did not end by itself: {ending}")
    if missing:
        return Judgement(Outcome.INCONCLUSIVE, reasons=tuple(missing))
    return Judgement(Outcome.PASS)
