# SPDX-License-Identifier: GPL-2.0-or-later
"""When a failure rate is known well enough to stop, though one looks after every trial.

A fixed-size interval that is looked at again and again is wrong far more often than it says. Here the
evidence against "the rate is at least the bound" is a likelihood ratio, averaged over all rates below the
bound, and likewise for the other side. Under the hypothesis such a ratio is a supermartingale, so the chance
that it ever reaches 1/a is at most a (Ville's inequality), however often and whenever one looks.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln
from scipy.stats import beta

from harness.verdict.statistics.rate import CONFIDENCE

#: The logarithm of the evidence that decides: each side may be wrong in half of what the confidence leaves.
NEEDED = math.log(2 / (1 - CONFIDENCE))


Counts = npt.NDArray[np.int64]
Evidence = npt.NDArray[np.floating[Any]]


class Side(enum.StrEnum):
    """Where the true rate lies, seen from the bound."""

    BELOW = "below"
    ABOVE = "above"


def decide(failures: int, trials: int, bound: float) -> Side | None:
    """Say on which side of `bound` the failure rate lies, None while that is not known.

    It is wrong in at most 5 % of all runs, each of which may ask after every trial: 2.5 % on each side.
    """
    if not 0 < bound < 1:
        raise ValueError(f"a rate's bound lies between 0 and 1, not at {bound}")
    below, above = evidence(np.array([failures]), np.array([trials]), bound)
    if below[0] >= NEEDED:
        return Side.BELOW
    return Side.ABOVE if above[0] >= NEEDED else None


def evidence(failures: Counts, trials: Counts, bound: float) -> tuple[Evidence, Evidence]:
    """Return the logarithms of both likelihood ratios, for a rate below the bound and for one above it.

    The average of q^k (1-q)^(n-k) over q from 0 to the bound is an incomplete beta function.
    """
    hits, misses = failures + 1, trials - failures + 1
    at_bound = failures * math.log(bound) + (trials - failures) * math.log1p(-bound)
    weight = betaln(hits, misses) - at_bound
    below = weight + beta.logcdf(bound, hits, misses) - math.log(bound)
    above = weight + beta.logsf(bound, hits, misses) - math.log1p(-bound)
    return below, above
