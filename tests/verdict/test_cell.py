# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from harness.verdict import judge_cell
from harness.verdict.cell import control_failed_as_it_should
from harness.words import Cell, Expectation, Outcome, Trial
from tests.making import REFUSED, event, trial

PASS = Expectation(Outcome.PASS)
MEASURED = Expectation(Outcome.FAIL, (REFUSED,))


UNPROVED = "the positive control did not fail as it should"


def judge(trials: list[Trial], expected: Expectation | None, *, proved: bool = True) -> Cell:
    return judge_cell("v", "w", trials, expected, unproved="" if proved else UNPROVED)


def test_a_pass_that_was_expected() -> None:
    cell = judge([trial(), trial()], PASS)
    assert (cell.verdict, cell.as_expected, cell.failures) == (Outcome.PASS, True, 0)


def test_a_pass_without_a_proved_control_proves_nothing() -> None:
    cell = judge([trial()], PASS, proved=False)
    assert cell.verdict is Outcome.INCONCLUSIVE
    assert not cell.as_expected
    assert cell.reasons == (UNPROVED,)


def test_a_failure_stands_without_a_control() -> None:
    assert judge([trial(Outcome.FAIL)], MEASURED, proved=False).as_expected


@pytest.mark.parametrize("other", [Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.INFRA])
def test_one_failure_is_never_outvoted(other: Outcome) -> None:
    cell = judge([trial(other), trial(Outcome.FAIL), trial(other)], MEASURED)
    assert cell.verdict is Outcome.FAIL
    assert cell.failures == 1
    assert cell.reasons == ("509 of 512 allocations failed",)


@pytest.mark.parametrize("other", [Outcome.INCONCLUSIVE, Outcome.INFRA])
def test_a_trial_that_proves_nothing_spoils_a_pass(other: Outcome) -> None:
    assert judge([trial(), trial(other)], PASS).verdict is other


@pytest.mark.parametrize(
    "evidence",
    [
        (),
        ("lockdep/circular",),
        (REFUSED, "lockdep/circular"),
        ("oops/null-deref", REFUSED),
    ],
)
def test_a_failure_for_another_reason_is_not_the_expected_one(evidence: tuple[str, ...]) -> None:
    cell = judge([trial(Outcome.FAIL, evidence=evidence)], MEASURED)
    assert cell.verdict is Outcome.FAIL
    assert not cell.as_expected


@pytest.mark.parametrize(
    ("evidence", "foreseen"),
    [
        (("measured/one",), True),
        (("measured/two", "measured/one", "warning"), True),
        (("measured/two",), True),
        (("warning",), False),
        (("measured/one", "oops"), False),
    ],
)
def test_what_chance_decides_may_be_part_of_the_expected_failure(
    evidence: tuple[str, ...], foreseen: bool
) -> None:
    expected = Expectation(Outcome.FAIL, ("measured/one|measured/two", "warning?"), "because")
    failed = trial(Outcome.FAIL, evidence=evidence)
    assert judge_cell("as-is", "exhaust", [failed], expected).as_expected is foreseen


def test_a_kernel_that_does_not_build_is_never_as_expected() -> None:
    for expected in (PASS, MEASURED):
        cell = judge_cell("v", "w", [], expected, build_failure="a.c:1: error: no")
        assert cell.verdict is Outcome.INCONCLUSIVE
        assert not cell.as_expected
        assert cell.reasons == ("does not build: a.c:1: error: no",)


def test_no_trials_at_all_is_no_pass() -> None:
    assert judge([], PASS).verdict is Outcome.INCONCLUSIVE


def test_where_history_is_silent_a_kernel_must_pass() -> None:
    assert judge([trial()], None).as_expected
    assert not judge([trial(Outcome.FAIL)], None).as_expected
    assert not judge([trial(Outcome.INCONCLUSIVE)], None).as_expected


def test_a_control_must_fail_and_for_the_stated_reason() -> None:
    failed = trial(Outcome.FAIL, control=True)
    assert control_failed_as_it_should(failed, [REFUSED])
    assert not control_failed_as_it_should(failed, ["lockdep/circular"])
    assert not control_failed_as_it_should(trial(), [REFUSED])
    assert not control_failed_as_it_should(None, [REFUSED])


@pytest.mark.parametrize("text", ["witness missing: running_kernel", "witness missing: tally_agrees"])
def test_a_failure_that_cannot_be_believed_is_never_the_expected_one(text: str) -> None:
    cell = judge([trial(Outcome.FAIL, missing=(text,))], MEASURED)
    assert cell.verdict is Outcome.FAIL
    assert not cell.as_expected
    assert not control_failed_as_it_should(trial(Outcome.FAIL, missing=(text,)), [REFUSED])


@pytest.mark.parametrize("other", [Outcome.INCONCLUSIVE, Outcome.INFRA])
def test_an_unsure_trial_beside_an_expected_failure_is_not_expected(other: Outcome) -> None:
    assert not judge([trial(Outcome.FAIL), trial(other)], MEASURED).as_expected


def test_the_lock_that_history_names_must_be_in_the_reported_cycle() -> None:
    splat = trial(Outcome.FAIL, evidence=("lockdep/circular",), events=(event(),))
    for lock, fits in (("a_lock", True), ("pcpu_alloc_mutex", False)):
        wanted = f"lockdep/circular:{lock}"
        assert judge([splat], Expectation(Outcome.FAIL, (wanted,))).as_expected is fits
        assert control_failed_as_it_should(splat, [wanted]) is fits
