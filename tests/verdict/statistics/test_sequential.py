# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from harness.verdict.statistics import Side, decide
from harness.verdict.statistics.sequential import NEEDED, evidence

_RUNS, _LOOKS = 10_000, 400


def failing(truth: float) -> np.ndarray:
    """Return the failures so far, a row for a run and a column for each time that one looks."""
    return np.cumsum(np.random.default_rng(7).random((_RUNS, _LOOKS)) < truth, axis=1)


@pytest.mark.parametrize("bound", [0.05, 0.3])
def test_looking_after_every_trial_keeps_the_error_rate(bound: float) -> None:
    looks = np.arange(1, _LOOKS + 1)
    # Every count that can come up, so that the simulation need only look them up.
    known = [evidence(np.arange(_LOOKS + 1).clip(max=n), np.full(_LOOKS + 1, n), bound) for n in looks]
    # At the bound itself both answers are wrong; 2.5 % each, with three standard errors of this simulation.
    slack = 3 * (0.025 * 0.975 / _RUNS) ** 0.5
    for side in (0, 1):
        table = np.array([both[side] for both in known])
        ever = np.any(table[looks - 1, failing(bound)] >= NEEDED, axis=1)
        assert 0 < np.mean(ever) <= 0.025 + slack


def test_a_fixed_interval_that_is_looked_at_as_often_does_not() -> None:
    """What the sequential test is for: the same simulation with exact intervals of fixed size."""
    failures = failing(0.3)[:1000]
    looks = np.arange(1, _LOOKS + 1)
    low = beta.ppf(0.025, failures, looks - failures + 1)
    high = beta.ppf(0.975, failures + 1, looks - failures)
    assert np.mean(np.any((low > 0.3) | (high < 0.3), axis=1)) > 0.15


def test_it_ends() -> None:
    assert decide(0, 600, 0.01) is Side.BELOW
    assert decide(0, 299, 0.01) is None
    assert decide(5, 5, 0.01) is Side.ABOVE
    assert decide(1, 1, 0.01) is Side.ABOVE
    assert decide(0, 0, 0.01) is None
    assert decide(0, 100_000, 0.01) is Side.BELOW
    assert decide(90_000, 100_000, 0.01) is Side.ABOVE


@pytest.mark.parametrize("bound", [0, 1, -1])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        decide(0, 1, bound)
