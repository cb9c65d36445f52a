# SPDX-License-Identifier: GPL-2.0-or-later
"""One cell's verdict over its trials, held against what history expects."""

from __future__ import annotations

from collections.abc import Sequence

from harness.verdict.known import known
from harness.words import Cell, Expectation, Outcome, Trial

# One failing trial makes the cell fail: a failure is never outvoted by trials that did not show it.
_UNSURE = (Outcome.INCONCLUSIVE, Outcome.INFRA)
_WORST_FIRST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.INFRA, Outcome.PASS)


def control_failed_as_it_should(control: Trial | None, evidence: Sequence[str]) -> bool:
    """Tell whether the workload's sabotaged run was caught, and for the stated reason."""
    return control is not None and control.outcome is Outcome.FAIL and _explained([control], evidence)


def is_as_expected(
    verdict: Outcome, trials: Sequence[Trial], expected: Expectation | None, *, must_pass: bool = True
) -> bool:
    """Hold a verdict against history: a failure must consist of just what was expected, over all failing
    trials.

    Where history knows nothing of a variant (`expected` is None), it must pass: nobody foresaw a failure. Of
    a part of a series, which need not pass, only a verdict is asked.
    """
    if expected is None:
        return verdict is Outcome.PASS or (verdict is Outcome.FAIL and not must_pass)
    if verdict is not expected.outcome or any(trial.outcome in _UNSURE for trial in trials):
        return False
    return _explained([trial for trial in trials if trial.outcome is Outcome.FAIL], expected.evidence)


def _explained(failing: Sequence[Trial], evidence: Sequence[str]) -> bool:
    """Tell whether these failures consist of just this evidence, and nothing that they need is missing.

    What ends with a question mark may be there; of what `|` joins one must be.
    """
    wanted = [one.partition(":") for item in evidence for one in item.removesuffix("?").split("|")]
    needed = [
        {one.partition(":")[0] for one in item.split("|")} for item in evidence if not item.endswith("?")
    ]
    found = {item for trial in failing for item in trial.evidence}
    events = [event for trial in failing for event in trial.events]
    return (
        not any(trial.missing for trial in failing)
        and all(found & alternatives for alternatives in needed)
        and found <= {base for base, _, _ in wanted}
        and all(
            lock in event.cycle
            for base, _, lock in wanted
            for event in events
            if lock and f"{event.kind}/{event.subtype}" == base
        )
    )


def judge_cell(
    variant: str,
    workload: str,
    trials: Sequence[Trial],
    expected: Expectation | None,
    *,
    unproved: str = "",
    build_failure: str | None = None,
    until: float | None = None,
    must_pass: bool = True,
) -> Cell:
    """Judge a cell from its trials.

    Without trials (a kernel that did not build: `build_failure` is its first error line) nothing was
    measured. Without a positive control that failed as it should, a pass proves nothing: `unproved` says what
    was wrong with the control, and is empty when nothing was. `until` is the bound that the failure rate was
    held against after every trial. `must_pass` is false where a failure that history does not foresee is no
    surprise.
    """
    reasons: tuple[str, ...]
    if build_failure is not None or not trials:
        verdict = Outcome.INCONCLUSIVE
        reasons = (f"does not build: {build_failure}" if build_failure is not None else "no trial was run",)
    else:
        outcomes = {trial.outcome for trial in trials}
        verdict = next(outcome for outcome in _WORST_FIRST if outcome in outcomes)
        reasons = tuple(
            dict.fromkeys(reason for trial in trials if trial.outcome is verdict for reason in trial.reasons)
        )
        if verdict is Outcome.PASS and unproved:
            verdict = Outcome.INCONCLUSIVE
            reasons = (unproved,)
    return Cell(
        variant=variant,
        workload=workload,
        verdict=verdict,
        expected=expected,
        as_expected=is_as_expected(verdict, trials, expected, must_pass=must_pass),
        reasons=reasons,
        trials=tuple(trials),
        known=known(trials, until),
    )
