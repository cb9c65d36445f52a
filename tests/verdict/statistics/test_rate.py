# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.verdict.statistics import Rate, corrected, difference


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (Rate(0, 300), "0 of 300: below 1 % (95 %)"),
        (Rate(0, 20), "0 of 20: below 14 % (95 %)"),
        (Rate(0, 3000), "0 of 3000: below 0.1 % (95 %)"),
        (Rate(20, 20), "20 of 20: above 86 % (95 %)"),
        (Rate(7, 20), "7 of 20: 15 % to 60 % (95 %)"),
        (Rate(1, 1), "1 of 1: above 5 % (95 %)"),
        (Rate(0, 0), "no trial"),
    ],
)
def test_the_words_follow_the_interval(rate: Rate, said: str) -> None:
    assert str(rate) == said


def test_what_is_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 is no rate"):
        Rate(3, 2)


@pytest.mark.parametrize("trials", [1, 5, 20, 60])
@pytest.mark.parametrize("truth", [0.001, 0.01, 0.2, 0.5, 0.97])
def test_the_interval_covers_the_truth_as_often_as_it_says(trials: int, truth: float) -> None:
    covered = sum(
        float(binom.pmf(failures, trials, truth))
        for failures in range(trials + 1)
        if (ends := Rate(failures, trials).interval())[0] <= truth <= ends[1]
    )
    assert covered >= 0.925, "one-sided where nothing or everything failed, so 2.5 % more on each such side"


@given(st.integers(0, 400), st.integers(1, 400))
def test_the_sentence_never_claims_more_than_the_interval(failures: int, trials: int) -> None:
    rate = Rate(min(failures, trials), trials)
    low, high = rate.interval()
    bounds = [float(word) / 100 for word in str(rate).partition(": ")[2].split() if word[0].isdigit()]
    said = str(rate)
    if "below" in said:
        assert bounds[0] >= high
    elif "above" in said:
        assert bounds[0] <= low + 1e-12
    else:
        assert bounds[0] <= low + 1e-12
        assert bounds[1] >= high


def test_equal_rates_do_not_differ_and_opposite_ones_do() -> None:
    assert difference(Rate(3, 20), Rate(3, 20)) == 1
    assert difference(Rate(0, 20), Rate(20, 20)) < 1e-9
    assert difference(Rate(0, 1), Rate(1, 1)) == 1
    assert difference(Rate(0, 0), Rate(1, 1)) == 1


def test_many_comparisons_make_each_count_less() -> None:
    assert corrected([0.01, 0.5, 0.9, 0.04]) == pytest.approx([0.04, 2 / 3, 0.9, 0.08])
    assert corrected([]) == []
