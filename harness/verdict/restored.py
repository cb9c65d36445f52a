# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether guests that were restored fail as often as those that were booted for their trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.words import Cell, Outcome, Trial

_ALPHA = 0.05


def disagreements(cells: Sequence[Cell]) -> Iterator[str]:
    """Name in a sentence each cell where both rates differ significantly, all cells being looked at."""
    compared = [(cell, _split(cell.trials)) for cell in cells if _may_differ(cell.trials)]
    if not compared:
        return
    # scipy takes a second to import, and most runs have nothing to compare.
    from harness.verdict.statistics import Rate, corrected, difference

    rates = [[Rate(sum(map(_failed, part)), len(part)) for part in parts] for _, parts in compared]
    values = corrected([difference(booted, restored) for booted, restored in rates])
    for (cell, _), (booted, restored), value in zip(compared, rates, values, strict=True):
        if value < _ALPHA:
            yield (
                f"{cell.variant} x {cell.workload} fails in {booted.failures} of {booted.trials} booted "
                f"guests but {restored.failures} of {restored.trials} restored ones (p = {value:.2g}): judge "
                "by booted guests alone (--cold-every 1)"
            )


def _split(trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    return [trial for trial in trials if not trial.restored], [trial for trial in trials if trial.restored]


def _failed(trial: Trial) -> bool:
    return trial.outcome is Outcome.FAIL


def _may_differ(trials: Sequence[Trial]) -> bool:
    return all(_split(trials)) and len({_failed(trial) for trial in trials}) > 1
