# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from harness.verdict.restored import disagreements
from harness.words import Cell, Outcome, Trial
from tests.making import trial


def many(count: int, outcome: Outcome, *, restored: bool) -> list[Trial]:
    return [trial(outcome, booted_in="another" if restored else trial().folder) for _ in range(count)]


def cell(*trials: list[Trial]) -> Cell:
    return Cell("v", "w", Outcome.FAIL, None, False, (), tuple(one for part in trials for one in part))


BOOTED_FAIL = many(6, Outcome.FAIL, restored=False)
RESTORED_PASS = many(60, Outcome.PASS, restored=True)


def test_what_only_booted_guests_show_is_said() -> None:
    (said,) = disagreements([cell(BOOTED_FAIL, RESTORED_PASS)])
    assert said.startswith("v x w fails in 6 of 6 booted guests but 0 of 60 restored ones (p = ")


def test_equal_rates_and_single_kinds_say_nothing() -> None:
    restored_fail = many(20, Outcome.FAIL, restored=True)
    assert not list(disagreements([cell(BOOTED_FAIL, restored_fail)]))
    assert not list(disagreements([cell(RESTORED_PASS)]))
    assert not list(disagreements([cell(many(1, Outcome.FAIL, restored=False), RESTORED_PASS[:2])]))


def test_a_difference_among_many_cells_counts_less() -> None:
    doubtful = cell(many(2, Outcome.FAIL, restored=False), RESTORED_PASS[:8])
    assert len(list(disagreements([doubtful]))) == 1
    alike = cell(many(1, Outcome.PASS, restored=False), many(5, Outcome.FAIL, restored=True))
    assert not list(disagreements([doubtful, *[alike] * 9]))
