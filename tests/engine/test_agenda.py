# SPDX-License-Identifier: GPL-2.0-or-later
"""Which trial comes next, and when a cell has enough of them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from typing import Any

import pytest

from harness.engine.agenda import Agenda, Goal, Quota
from harness.words import Outcome
from tests.making import trial

FAIL, PASS, INCONCLUSIVE = Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE


class Clock:
    """Tells a time that only a test changes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def quota(name: str, goal: Goal) -> Quota:
    made: Any = Quota(name, False, goal, lambda index: (name, index))  # type: ignore[arg-type, return-value]
    return made


async def everything(agenda: Agenda, outcomes: Any, clock: Clock | None = None, guests: int = 1) -> list[Any]:
    """Run an agenda to its end and return the jobs; each takes a second."""
    order = []

    async def guest() -> None:
        last = None
        while taken := await agenda.take(last):
            last, job = taken
            order.append(job)
            await asyncio.sleep(0)
            if clock:
                clock.now += 1
            agenda.done(last, trial(outcomes(job), index=job[1]))

    await asyncio.gather(*(guest() for _ in range(guests)))
    return order


async def test_cells_get_what_they_are_due_one_after_the_other() -> None:
    agenda = Agenda()
    agenda.add(quota("a", Goal(2, 2)))
    agenda.add(quota("b", Goal(3, 3)))
    agenda.close()
    assert await everything(agenda, lambda job: PASS) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]


async def test_cells_that_are_compared_take_turns() -> None:
    agenda = Agenda(in_turns=True)
    agenda.add(quota("a", Goal(2, 3)))
    agenda.add(quota("b", Goal(3, 3)))
    agenda.close()
    tried = await everything(agenda, lambda job: PASS)
    assert tried == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("b", 3), ("a", 3)]


async def test_a_guest_waits_for_what_is_still_being_built() -> None:
    agenda = Agenda()
    waiting = asyncio.create_task(agenda.take(None))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    agenda.add(quota("a", Goal(1, 1)))
    taken: Any = await waiting
    assert taken[1] == ("a", 1)
    waiting = asyncio.create_task(agenda.take(taken[0]))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    agenda.close()
    assert await waiting is None


async def test_a_cell_ends_when_its_rate_is_known() -> None:
    agenda = Agenda()
    never, always, rare = (quota(name, Goal(1, 5000, 0.01)) for name in ("never", "always", "rare"))
    for one in (never, always, rare):
        agenda.add(one)
    agenda.close()
    random.seed(5)
    tried = Counter(
        name
        for name, _ in await everything(
            agenda,
            lambda job: FAIL if job[0] == "always" or (job[0] == "rare" and random.random() < 0.1) else PASS,
            guests=3,
        )
    )
    assert (never.count.side, always.count.side, rare.count.side) == ("below", "above", "above")
    assert 300 < tried["never"] < 620
    assert tried["always"] < 5
    assert tried["rare"] < 200


async def test_what_is_never_known_ends_at_the_most() -> None:
    agenda = Agenda()
    unsure, useless = quota("unsure", Goal(1, 50, 0.5)), quota("useless", Goal(1, 20, 0.5))
    agenda.add(unsure)
    agenda.add(useless)
    agenda.close()
    order = await everything(
        agenda, lambda job: INCONCLUSIVE if job[0] == "useless" else (PASS, FAIL)[job[1] % 2]
    )
    assert Counter(name for name, _ in order) == {"unsure": 50, "useless": 20}
    assert unsure.count.side is None
    assert (useless.count.trials, useless.count.side) == (0, None)


async def test_trials_count_in_the_order_of_their_numbers() -> None:
    agenda = Agenda()
    one = quota("a", Goal(1, 100, 0.5))
    agenda.add(one)
    for index in range(2, 40):
        agenda.done(one, trial(PASS, index=index))
    assert one.count.trials == 0, "the first is not finished"
    agenda.done(one, trial(FAIL, index=1))
    assert one.count.side == "below"
    assert one.count.failures == 1
    assert one.count.trials < 39, "what comes after it is known changes nothing"


async def test_with_a_time_limit_all_cells_take_turns_and_get_their_least_in_any_case() -> None:
    clock = Clock()
    agenda = Agenda(seconds=1000, clock=clock)
    for name in "ab":
        agenda.add(quota(name, Goal(1, None)))
    agenda.close()
    order = await everything(agenda, lambda job: PASS, clock)
    assert len(order) == 1000
    assert Counter(name for name, _ in order) == {"a": 500, "b": 500}
    switches = sum(before[0] != after[0] for before, after in itertools.pairwise(order))
    assert switches < 15, "every switch costs a boot"


async def test_time_that_is_up_leaves_nobody_without_a_trial() -> None:
    clock = Clock()
    agenda = Agenda(seconds=3, clock=clock)
    agenda.add(quota("a", Goal(2, None)))
    agenda.add(quota("late", Goal(2, None)))
    agenda.close()
    assert len(await everything(agenda, lambda job: PASS, clock)) == 4


@pytest.mark.parametrize("most", [1, 7])
async def test_time_is_not_used_up_where_the_most_is_reached(most: int) -> None:
    clock = Clock()
    agenda = Agenda(seconds=3600, clock=clock)
    agenda.add(quota("a", Goal(1, most)))
    agenda.close()
    assert len(await everything(agenda, lambda job: PASS, clock)) == most
