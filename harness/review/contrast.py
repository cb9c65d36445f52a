# SPDX-License-Identifier: GPL-2.0-or-later
"""Two variants under each workload: verdicts, rates, what only one of them made the kernel say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.report.comparison import Contrast, Statement
from harness.report.finding import notes
from harness.report.fold import shape
from harness.review.findings import Findings, evidence, kinds, notes_apart, splats, told_trials, why
from harness.verdict.statistics import Rate, corrected, difference
from harness.words import Cell, Outcome

_ALPHA = 0.05


def contrasts(findings: Findings, left: str, right: str) -> Iterator[Contrast]:
    """Yield a line for each workload that either variant was run under."""
    cells = {name: (findings.cell(left, name), findings.cell(right, name)) for name in findings.workloads}
    same = findings.same(left, right)
    values = {} if same else _values(cells)
    for name, (one, other) in cells.items():
        if one is not None or other is not None:
            text = (
                "one kernel, run once: the images are bit-identical" if same else _meaning(one, other, values)
            )
            yield Contrast(name, _told(one), _told(other), Statement(text, evidence(one, other)))


def rate(cell: Cell) -> Rate:
    """Return how often the kernel misbehaved in the trials that say something."""
    return Rate(cell.failures, len(told_trials(cell)))


def _values(cells: Mapping[str, tuple[Cell | None, Cell | None]]) -> dict[str, float]:
    """Return by workload how likely such different rates are by chance, all workloads being looked at."""
    compared = {
        name: difference(rate(one), rate(other))
        for name, (one, other) in cells.items()
        if one is not None and other is not None and told_trials(one) and told_trials(other)
    }
    return dict(zip(compared, corrected(list(compared.values())), strict=True))


def _told(cell: Cell | None) -> str:
    if cell is None:
        return "not run"
    if not cell.trials:
        return f"{cell.verdict}: {why(cell)}"
    reason = f": {why(cell)}" if cell.verdict is not Outcome.PASS else ""
    failures = f" (failures: {rate(cell)})" if told_trials(cell) else ""
    return f"{cell.verdict}{failures}{reason}"


def _meaning(one: Cell | None, other: Cell | None, values: Mapping[str, float]) -> str:
    if one is None or other is None:
        return "nothing to compare: one of them was not run"
    unsure = [cell for cell in (one, other) if cell.verdict not in (Outcome.PASS, Outcome.FAIL)]
    if unsure:
        return f"proves nothing: {unsure[0].variant} is {unsure[0].verdict} ({why(unsure[0])})"
    parts = [_verdicts(one, other, values[one.workload], len(values)), *_apart(one, other)]
    return "; ".join(parts)


def _verdicts(one: Cell, other: Cell, value: float, looked_at: int) -> str:
    if one.verdict is other.verdict is Outcome.PASS:
        fewest = min(rate(one).trials, rate(other).trials)
        return f"both pass (failures of either: {Rate(0, fewest)})"
    if one.verdict is other.verdict:
        same = "for the same reason" if kinds(one) == kinds(other) else "for different reasons"
        return f"both fail, {same}{_significance(one, other, value, looked_at)}"
    bad, good = (one, other) if one.verdict is Outcome.FAIL else (other, one)
    told = _significance(one, other, value, looked_at)
    return f"{bad.variant} was seen to fail and {good.variant} was not{told}"


def _significance(one: Cell, other: Cell, value: float, looked_at: int) -> str:
    rates = rate(one), rate(other)
    if rates[0].failures * rates[1].trials == rates[1].failures * rates[0].trials:
        return ""
    test = f"p = {value:.2g} by Fisher's exact test, corrected for {looked_at} workloads"
    if value < _ALPHA:
        return f"; the rates differ significantly ({test})"
    return f"; as rates they do not differ significantly ({test}), which more trials would tell"


def _apart(one: Cell, other: Cell) -> Iterator[str]:
    """Yield what only one side has: splats by fingerprint, and notes."""
    for here, there in ((one, other), (other, one)):
        elsewhere = splats(there)
        for fingerprint, event in splats(here).items():
            if fingerprint not in elsewhere:
                yield f"only {here.variant}: {event.title} [{fingerprint}]"
    steady = set(notes_apart(one, other))
    for here, there in ((one, other), (other, one)):
        seen = {shape(note) for note in notes(there)}
        for note in notes(here):
            if shape(note) not in seen:
                told = f"{here.variant}: {note}"
                yield f"noted in every trial of {told}" if told in steady else f"noted only of {told}"
