# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from harness.verdict import Judgement, judge_trial
from harness.words import Ending, Event, Kind, Observation, Outcome
from tests.making import MISBEHAVIOUR, REFUSED, WITNESSES, event, observation


def judge(
    seen: Observation | None = None,
    events: list[Event] | None = None,
    ending: Ending = Ending.POWEROFF,
    supporting: tuple[Kind, ...] = (),
) -> Judgement:
    return judge_trial(
        seen or observation(), events or [], ending, required=tuple(WITNESSES), supporting=supporting
    )


def test_pass_needs_token_witnesses_and_silence() -> None:
    assert judge() == Judgement(Outcome.PASS)


def test_without_the_success_token_silence_is_no_pass() -> None:
    judged = judge(observation(complete=False))
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert judged.reasons == ("the workload's success token is missing",)


@pytest.mark.parametrize("witnesses", [{}, {"lockdep_alive": True}, WITNESSES | {"chunks_created": False}])
def test_a_witness_that_is_missing_or_false_makes_inconclusive(witnesses: dict[str, bool]) -> None:
    judged = judge(observation(witnesses=witnesses))
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert "witness missing: chunks_created" in judged.reasons


def test_a_witness_that_nobody_required_counts_too() -> None:
    judged = judge(observation(witnesses=WITNESSES | {"tally_agrees": False}))
    assert judged == Judgement(Outcome.INCONCLUSIVE, reasons=("witness missing: tally_agrees",))


def test_an_event_is_a_failure_even_without_token_and_witnesses() -> None:
    judged = judge(observation(complete=False, witnesses={}), [event()])
    assert (judged.outcome, judged.evidence) == (Outcome.FAIL, ("lockdep/circular",))
    assert judged.reasons == ("a splat",)


def test_what_the_workload_measured_is_a_failure() -> None:
    judged = judge(observation(failures=(MISBEHAVIOUR,)))
    assert judged == Judgement(Outcome.FAIL, (REFUSED,), ("64 of 64 failed",))


def test_supporting_events_decide_nothing() -> None:
    lines = [event(Kind.PERCPU_ALLOC_FAILURE, "atomic")]
    assert judge(events=lines, supporting=(Kind.PERCPU_ALLOC_FAILURE,)).outcome is Outcome.PASS
    assert judge(events=lines).evidence == ("percpu_alloc_failure/atomic",)


def test_lockdep_that_gave_up_is_inconclusive_not_a_failure() -> None:
    judged = judge(events=[event(subtype="lockdep_bug", title="MAX_LOCKDEP_KEYS too low")])
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert "MAX_LOCKDEP_KEYS too low" in judged.reasons[0]


@pytest.mark.parametrize("ending", [Ending.PANIC, Ending.RESET, Ending.SILENT])
def test_a_kernel_that_dies_fails(ending: Ending) -> None:
    judged = judge(observation(complete=False), ending=ending)
    assert judged.outcome is Outcome.FAIL
    assert judged.evidence == (f"ending/{ending}",)


@pytest.mark.parametrize("ending", [Ending.QEMU_KILLED, Ending.AGENT_LOST, Ending.DISK_FULL, Ending.NO_BOOT])
def test_a_harness_that_breaks_is_infra_even_after_a_complete_workload(ending: Ending) -> None:
    judged = judge(ending=ending)
    assert judged.outcome is Outcome.INFRA
    assert judged.reasons


def test_a_splat_before_qemu_was_killed_is_still_proof() -> None:
    assert judge(events=[event()], ending=Ending.QEMU_KILLED).outcome is Outcome.FAIL


def test_running_out_of_time_is_inconclusive() -> None:
    judged = judge(ending=Ending.DEADLINE)
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert "deadline" in judged.reasons[0]


@pytest.mark.parametrize("ending", list(Ending))
def test_only_a_guest_that_ended_well_can_pass(ending: Ending) -> None:
    good = ending in (Ending.POWEROFF, Ending.SETTLED)
    assert (judge(ending=ending).outcome is Outcome.PASS) is good


def test_a_failure_says_what_else_it_lacks_but_not_what_it_took_away() -> None:
    lacking = observation(complete=False, witnesses={"lockdep_alive": False}, failures=(MISBEHAVIOUR,))
    judged = judge_trial(
        lacking, [], Ending.POWEROFF, required=tuple(WITNESSES), precluded=("lockdep_alive",)
    )
    assert judged.outcome is Outcome.FAIL
    assert judged.missing == (
        "the workload's success token is missing",
        "witness missing: chunks_created",
    )
