# SPDX-License-Identifier: GPL-2.0-or-later
"""How figures went over time, as one small plot for each variant, with a line for each trial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.results import Results
from harness.words import Cell, Outcome, Trial

#: Size of a plot without its margins, in CSS pixels, and how many trials of a cell it shows.
WIDTH, HEIGHT = 280, 90
TRIALS_SHOWN = 50
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One trial, as the path of an SVG whose origin is the plot's upper left corner."""

    outcome: Outcome
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One variant. `left_out` trials are not drawn."""

    variant: str
    lines: tuple[Line, ...]
    text: str
    left_out: int


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure over all variants, which have the same axes: up to `top`, and up to the last of `ticks`.

    A tick is a place in pixels and a time in seconds.
    """

    figure: str
    top: int
    ticks: tuple[tuple[float, str], ...]
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """All figures of a workload. Their times are those since its measurement began."""

    workload: str
    charts: tuple[Chart, ...]


def courses(results: Results) -> Iterator[Course]:
    """Yield what each workload measured over time, variants of equal source once."""
    shared = {variant.name for variant in results.variants if variant.same_as}
    for workload in dict.fromkeys(cell.workload for cell in results.cells):
        cells = [cell for cell in results.cells if cell.workload == workload and cell.variant not in shared]
        trials = [trial for cell in cells for trial in cell.trials if trial.observation.series]
        figures = dict.fromkeys(name for trial in trials for name in trial.observation.series)
        if end := max((_end(trial) for trial in trials), default=0):
            seconds = _round_up(end / 1000)
            yield Course(workload, tuple(_chart(figure, cells, seconds) for figure in figures))


def _end(trial: Trial) -> int:
    """Return when the last figure of a trial was noted, in ms."""
    return max((time for line in trial.observation.series.values() for time, _ in line), default=0)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 8 or 10 times a power of ten, which four ticks divide well."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if value <= step * power)


def _chart(figure: str, cells: Sequence[Cell], seconds: float) -> Chart:
    figures = [
        value
        for cell in cells
        for trial in cell.trials
        for _, value in trial.observation.series.get(figure, ())
    ]
    top = max(figures, default=1) or 1
    ticks = (share / _TICKS for share in range(_TICKS + 1))
    return Chart(
        figure=figure,
        top=top,
        ticks=tuple((WIDTH * share, f"{seconds * share:g} s") for share in ticks),
        plots=tuple(_plot(figure, cell, top, seconds) for cell in cells),
    )


def _plot(figure: str, cell: Cell, top: int, seconds: float) -> Plot:
    measured = [trial for trial in cell.trials if figure in trial.observation.series]
    lasts = [_last(trial, figure) for trial in measured]
    return Plot(
        variant=cell.variant,
        lines=tuple(_line(trial, figure, top, seconds) for trial in measured[:TRIALS_SHOWN]),
        text=f"{figure} of {cell.variant} at the end: {', '.join(map(str, lasts)) or 'not measured'}",
        left_out=max(0, len(measured) - TRIALS_SHOWN),
    )


def _last(trial: Trial, figure: str) -> int:
    points = trial.observation.series[figure]
    return points[-1][1] if points else 0


def _line(trial: Trial, figure: str, top: int, seconds: float) -> Line:
    """Draw a stair from the lower left: a figure stays what it was until it is another."""
    scale = WIDTH / seconds / 1000
    path = [f"M0 {HEIGHT}"]
    for time, value in trial.observation.series[figure]:
        path.append(f"H{time * scale:.1f}V{HEIGHT * (1 - value / top):.1f}")
    path.append(f"H{_end(trial) * scale:.1f}")
    return Line(
        outcome=trial.outcome,
        path="".join(path),
        text=f"trial {trial.index}: {trial.outcome}, {_last(trial, figure)} {figure}",
    )
