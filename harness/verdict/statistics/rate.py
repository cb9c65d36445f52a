# SPDX-License-Identifier: GPL-2.0-or-later
"""How often something failed, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal

import numpy as np
from scipy.stats import binomtest, false_discovery_control, fisher_exact

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """`failures` of `trials` that were planned beforehand; see `sequential` for those that stop by result."""

    failures: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.trials:
            raise ValueError(f"{self.failures} of {self.trials} is no rate")

    def interval(self) -> tuple[float, float]:
        """Return the exact 95 % interval of the true rate (Clopper-Pearson).

        It is one-sided where nothing or everything failed: only the other side can be in doubt then.
        """
        if self.trials == 0:
            return 0.0, 1.0
        doubt: Literal["two-sided", "less", "greater"] = "two-sided"
        if self.failures in (0, self.trials):
            doubt = "greater" if self.failures else "less"
        found = binomtest(self.failures, self.trials, alternative=doubt).proportion_ci(CONFIDENCE, "exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        """Say it in the words that the interval allows: `0 of 300: below 1 % (95 %)`."""
        if self.trials == 0:
            return "no trial"
        counted = f"{self.failures} of {self.trials}"
        low, high = self.interval()
        if self.failures == 0:
            return f"{counted}: below {_percent(high, ceil)} (95 %)"
        if self.failures == self.trials:
            return f"{counted}: above {_percent(low, floor)} (95 %)"
        return f"{counted}: {_percent(low, floor)} to {_percent(high, ceil)} (95 %)"


def difference(first: Rate, second: Rate) -> float:
    """Return the two-sided p-value of Fisher's exact test that both rates are the same.

    1 where one of them has no trials: nothing can be said then.
    """
    if not first.trials or not second.trials:
        return 1.0
    rows = np.array([[rate.failures, rate.trials - rate.failures] for rate in (first, second)])
    return float(fisher_exact(rows).pvalue)


def corrected(values: Sequence[float]) -> list[float]:
    """Return p-values as they count when all of these were looked at (Benjamini and Hochberg)."""
    return [float(value) for value in false_discovery_control(values)] if values else []


def _percent(bound: float, rounded: Callable[[float], int]) -> str:
    """Write a bound with about two digits; `floor` and `ceil` never claim more than it says."""
    digits = max(0, 1 - floor(log10(bound * 100)))
    return f"{rounded(bound * 100 * 10**digits) / 10**digits:g} %"
