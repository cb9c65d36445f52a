# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cell or a control comes to for a reader who knows only passed, failed and broken."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from harness.report.fold import folded
from harness.report.results import Results
from harness.words import Cell, Outcome, Trial

CONTROLS = "(control)"
"""What stands for the variant where reports tell of the positive controls."""

_REASONS_SHOWN = 6


class Sort(enum.Enum):
    """As test reports know it. `BROKEN` is what proves nothing, and is never a pass nor a skip."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a test report.

    `headline` is a verdict next to what it must be, `reasons` are sentences that say why, `folder` is where
    the evidence lies below the run's folder (empty where nothing was run), `seconds` the wall time of the
    trials.
    """

    suite: str
    name: str
    sort: Sort
    verdict: Outcome
    headline: str
    reasons: tuple[str, ...]
    folder: str
    seconds: float

    @property
    def details(self) -> tuple[str, ...]:
        """Return the reasons, and where to look."""
        return (*self.reasons, f"see {self.folder}") if self.folder else self.reasons


def findings(results: Results) -> Iterator[Finding]:
    """Yield every cell, variant after variant, and then the controls."""
    for variant in results.variants:
        for cell in results.cells:
            if cell.variant == variant.name:
                yield of_cell(cell)
    for control in results.controls:
        yield _of_control(control, proved=results.controls_proved[control.workload])


def of_cell(cell: Cell) -> Finding:
    """Tell a cell: what is as expected passed, whatever the kernel did; nothing else did."""
    if cell.as_expected:
        sort = Sort.PASSED
    elif cell.verdict in (Outcome.INCONCLUSIVE, Outcome.INFRA):
        sort = Sort.BROKEN
    else:
        sort = Sort.FAILED
    return Finding(
        suite=cell.variant,
        name=cell.workload,
        sort=sort,
        verdict=cell.verdict,
        headline=_headline(cell),
        reasons=tuple(_reasons(cell)),
        folder=_worst(cell).folder if cell.trials else "",
        seconds=sum(trial.seconds for trial in cell.trials),
    )


def wanted(cell: Cell) -> str:
    """Say what history says of a cell."""
    if cell.expected is None:
        return "pass, history says nothing of it"
    evidence = ", ".join(cell.expected.evidence)
    return f"{cell.expected.outcome} by {evidence}" if evidence else str(cell.expected.outcome)


def rate(cell: Cell) -> str:
    """Say how often the kernel misbehaved and what that bounds, empty for a single trial."""
    if cell.known is not None:
        return str(cell.known)
    if len(cell.trials) < 2:
        return ""
    # scipy takes a second to import, and a run of single trials needs none of it.
    from harness.verdict.statistics import Rate

    return str(Rate(cell.failures, len(cell.trials)))


def tallies(cell: Cell) -> str:
    """Write how much each trial found, as in `24, 153, 84 of 193`; empty when nothing was lost."""
    found = [trial.observation.tally for trial in cell.trials]
    known = [tally for tally in found if tally]
    if all(tally.found == tally.wanted for tally in known):
        return ""
    return f"{', '.join(str(tally.found) if tally else '?' for tally in found)} of {known[0].wanted}"


def _headline(cell: Cell) -> str:
    if not cell.as_expected:
        told = f"{cell.verdict}, expected {wanted(cell)}"
    else:
        told = f"{cell.verdict}, as expected" if cell.expected else str(cell.verdict)
    told = f"{told}; failed in {counted}" if (counted := rate(cell)) else told
    return f"{told}; found {found}" if (found := tallies(cell)) else told


def _reasons(cell: Cell) -> Iterator[str]:
    reasons = [*cell.reasons, *(text for trial in cell.trials for text in trial.missing)]
    if cell.verdict is not Outcome.INFRA:
        reasons += [text for trial in cell.trials if trial.outcome is Outcome.INFRA for text in trial.reasons]
    yield from _first(folded(reasons))


def as_expected(results: Results) -> str:
    """Say how many cells are what history says, and how many pass of which it says nothing."""
    known = [cell for cell in results.cells if cell.expected]
    good = sum(cell.as_expected for cell in known)
    text = f"{good} of {len(known)} cells are as expected"
    others = [cell for cell in results.cells if not cell.expected]
    passed = sum(cell.verdict is Outcome.PASS for cell in others)
    return f"{text}; of {len(others)} more, of which history says nothing, {passed} pass" if others else text


def notes(cell: Cell) -> list[str]:
    """Return what is neither failure nor silence."""
    return folded(note for trial in cell.trials for note in trial.observation.notes)


def _worst(cell: Cell) -> Trial:
    """Return the trial that shows the verdict, the last one where none does."""
    showing = [trial for trial in cell.trials if trial.outcome is cell.verdict]
    return (showing or list(cell.trials))[-1]


def _first(reasons: list[str]) -> Iterator[str]:
    yield from reasons[:_REASONS_SHOWN]
    if len(reasons) > _REASONS_SHOWN:
        yield f"and {len(reasons) - _REASONS_SHOWN} more in results.json"


def _of_control(control: Trial, *, proved: bool) -> Finding:
    headline = "fail, as it should" if proved else f"{control.outcome}, not the failure that it should be"
    return Finding(
        suite=CONTROLS,
        name=control.workload,
        sort=Sort.PASSED if proved else Sort.BROKEN,
        verdict=control.outcome,
        headline=headline,
        reasons=tuple(_first(list(control.reasons))),
        folder=control.folder,
        seconds=control.seconds,
    )
