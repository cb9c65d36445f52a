# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether one kernel is slower than another, and by how much.

A sample is one number per trial. Single calls of one boot depend on each other, so counting each of them as a
sample would make every difference look certain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu, norm

from harness.verdict.statistics.rate import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the second sample lies above the first, in the samples' unit.

    `estimate` is Hodges and Lehmann's: the median of all differences; `low` and `high` bound it with 95 %
    confidence; `p_value` is that of the two-sided Mann-Whitney test that there is none.
    """

    estimate: float
    low: float
    high: float
    p_value: float


def shift(first: Sequence[float], second: Sequence[float]) -> Shift | None:
    """Compare two samples; None where either has less than two numbers, of which nothing can be said."""
    if len(first) < 2 or len(second) < 2:
        return None
    differences = np.sort(np.subtract.outer(np.asarray(second), np.asarray(first)), axis=None)
    pairs, total = len(differences), len(first) + len(second)
    # The interval that the test does not reject, by the normal approximation of its statistic.
    spread = float(norm.ppf((1 + CONFIDENCE) / 2)) * float(np.sqrt(pairs * (total + 1) / 12))
    cut = max(0, int(np.floor(pairs / 2 - spread)))
    return Shift(
        estimate=float(np.median(differences)),
        low=float(differences[cut]),
        high=float(differences[pairs - 1 - cut]),
        p_value=float(mannwhitneyu(first, second, alternative="two-sided").pvalue),
    )


def quantile_of_log2(histogram: Mapping[int, int], quantile: float) -> float | None:
    """Return a quantile of a histogram whose bucket N counts values from 2**N to below 2**(N+1).

    Within a bucket values count as spread evenly by their logarithm. None for an empty histogram,
    `ValueError` for no quantile.
    """
    total = sum(histogram.values())
    if not total:
        return None
    wanted, above = quantile * total, 0
    for bucket, count in sorted(histogram.items()):
        below, above = above, above + count
        if count and above >= wanted:
            return float(2 ** (bucket + (wanted - below) / count))
    raise ValueError(f"a quantile lies between 0 and 1, not at {quantile}")
