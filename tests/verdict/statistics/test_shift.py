# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from harness.verdict.statistics import quantile_of_log2, shift


def test_a_shift_is_found_and_bounded() -> None:
    noise = np.random.default_rng(1)
    first = noise.lognormal(size=40)
    found = shift(list(first), list(noise.lognormal(size=40) + 3))
    assert found is not None
    assert found.low < 3 < found.high
    assert found.low <= found.estimate <= found.high
    assert found.p_value < 1e-6


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    noise = np.random.default_rng(2)
    hits = rejected = 0
    for _ in range(300):
        found = shift(list(noise.exponential(size=12)), list(noise.exponential(size=15) + 1))
        null = shift(list(noise.exponential(size=12)), list(noise.exponential(size=15)))
        assert found is not None
        assert null is not None
        hits += found.low <= 1 <= found.high
        rejected += null.p_value < 0.05
    assert hits >= 270
    assert rejected <= 27


@pytest.mark.parametrize("few", [[], [1.0]])
def test_of_too_few_nothing_is_said(few: list[float]) -> None:
    assert shift(few, [1.0, 2.0, 3.0]) is None


def test_quantiles_lie_in_their_bucket() -> None:
    histogram = {10: 50, 11: 0, 12: 50}
    assert quantile_of_log2(histogram, 0.25) == pytest.approx(2**10.5)
    assert quantile_of_log2(histogram, 0.75) == pytest.approx(2**12.5)
    assert quantile_of_log2(histogram, 1) == 2**13
    assert quantile_of_log2(histogram, 0) == 2**10
    assert quantile_of_log2({}, 0.5) is None
    assert quantile_of_log2({3: 0}, 0.5) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_of_log2(histogram, 1.5)
