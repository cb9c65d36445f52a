# SPDX-License-Identifier: GPL-2.0-or-later
"""How long callers wait with one variant and with the other, and whether that differs.

A sample is a trial: the calls of one boot depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from harness.report.comparison import Waiting
from harness.report.html.latency import duration, histograms
from harness.review.findings import Findings, told_trials
from harness.verdict.statistics import Shift, corrected, quantile_of_log2, shift
from harness.words import Cell

_SHARES = {0.5: "half", 0.99: "99 %"}
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class _Sample:
    """Quantiles in ns of both variants, one a trial."""

    workload: str
    caller: str
    share: float
    left: list[float]
    right: list[float]

    def shift(self) -> Shift | None:
        return shift(self.left, self.right)


def waiting(findings: Findings, left: str, right: str) -> Iterator[Waiting]:
    """Yield a line for each workload, kind of caller and share of the calls that was measured for both.

    Variants of one kernel have one set of measurements, and no line.
    """
    if findings.same(left, right):
        return
    samples = [sample for name in findings.workloads for sample in _samples(findings, left, right, name)]
    shifts = [sample.shift() for sample in samples]
    values = iter(corrected([found.p_value for found in shifts if found is not None]))
    looked_at = sum(found is not None for found in shifts)
    for sample, found in zip(samples, shifts, strict=True):
        told = (
            f"unknown: {len(sample.left)} and {len(sample.right)} trials are too few"
            if found is None
            else _told(found, next(values), looked_at)
        )
        yield Waiting(
            sample.workload,
            sample.caller,
            _SHARES[sample.share],
            duration(median(sample.left)),
            duration(median(sample.right)),
            told,
        )


def _samples(findings: Findings, left: str, right: str, workload: str) -> Iterator[_Sample]:
    cells = findings.sure(left, workload), findings.sure(right, workload)
    if cells[0] is None or cells[1] is None:
        return
    one, other = (_quantiles(cell) for cell in cells if cell is not None)
    for (caller, share), values in one.items():
        if (caller, share) in other:
            yield _Sample(workload, caller, share, values, other[caller, share])


def _quantiles(cell: Cell) -> dict[tuple[str, float], list[float]]:
    """Return a quantile of each trial, by caller and share of calls."""
    found: dict[tuple[str, float], list[float]] = {}
    for trial in told_trials(cell):
        for caller, histogram in histograms(trial.observation.counters).items():
            for share in _SHARES:
                value = quantile_of_log2(histogram, share)
                if value is not None:
                    found.setdefault((caller, share), []).append(value)
    return found


def _told(found: Shift, value: float, looked_at: int) -> str:
    estimate = f"{_signed(found.estimate)} ({_signed(found.low)} to {_signed(found.high)}, 95 %)"
    verdict = "differs" if value < _ALPHA else "no difference shown"
    return f"{estimate}: {verdict}, p = {value:.2g} corrected for {looked_at} comparisons"


def _signed(nanoseconds: float) -> str:
    return f"{'-' if nanoseconds < 0 else '+'}{duration(abs(nanoseconds))}"
