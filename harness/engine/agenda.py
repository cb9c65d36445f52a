# SPDX-License-Identifier: GPL-2.0-or-later
"""Which trial comes next: as many of each cell as are asked for, or until its rate is known or time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.engine.trial import TrialJob
from harness.verdict.known import RateCount
from harness.words import Trial
from harness.workload import Workload

# With a time limit all cells take turns, of so many trials: another kernel costs a boot.
_TURN = 100


@dataclass(frozen=True, slots=True)
class Goal:
    """When a cell has enough trials.

    It has `least` in any case and never more than `most`; between the two it ends when its failure rate is
    known to be below or above `until` (None: that alone ends nothing).
    """

    least: int
    most: int | None
    until: float | None = None


@dataclass(slots=True)
class Quota:
    """The trials that one workload gets on one kernel: `make` makes the job of a trial by its number."""

    workload: Workload
    control: bool
    goal: Goal
    make: Callable[[int], TrialJob]
    handed: int = 0
    count: RateCount = field(init=False)

    def __post_init__(self) -> None:
        self.count = RateCount(self.goal.until)

    @property
    def lacks(self) -> bool:
        """Tell whether it has less than it gets in any case."""
        return self.handed < self.goal.least

    @property
    def open(self) -> bool:
        """Tell whether it takes another trial, if there is time."""
        full = self.goal.most is not None and self.handed >= self.goal.most
        return self.lacks or not (full or self.count.side)


class Agenda:
    """What is to be tried, and in which order. `seconds` limit it from the first trial on (None: no limit).

    A guest keeps to its cell as long as it may, as it is prepared for it; `in_turns` the cells get one trial
    after the other, so that whatever else the machine does meanwhile falls on all of them.
    """

    def __init__(
        self,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        in_turns: bool = False,
    ) -> None:
        self._seconds = seconds
        self._in_turns = in_turns
        self._clock = clock
        self._end: float | None = None
        self._quotas: list[Quota] = []
        self._complete = False
        self._changed = asyncio.Event()

    def add(self, quota: Quota) -> None:
        """Add a cell's trials when its kernel is there; what was added first is tried first."""
        self._quotas.append(quota)
        self._wake()

    def close(self) -> None:
        """Say that no cell will be added any more."""
        self._complete = True
        self._wake()

    async def take(self, last: Quota | None) -> tuple[Quota, TrialJob] | None:
        """Return what a guest that was at `last` tries next, None when there will be nothing any more."""
        while (quota := self._choose(last)) is None:
            if self._complete:
                return None
            self._changed.clear()
            await self._changed.wait()
        if self._end is None and self._seconds is not None:
            self._end = self._clock() + self._seconds
        quota.handed += 1
        return quota, quota.make(quota.handed)

    def done(self, quota: Quota, trial: Trial) -> None:
        """Take in what came of a trial."""
        quota.count.add(trial)

    def _choose(self, last: Quota | None) -> Quota | None:
        if lacking := [quota for quota in self._quotas if quota.lacks]:
            return self._next(lacking, last)
        if self._end is not None and self._clock() >= self._end:
            return None
        left = [quota for quota in self._quotas if quota.open]
        if self._in_turns and left:
            return self._next(left, last)
        if last in left and (self._seconds is None or last.handed % _TURN):
            return last
        return min(left, key=lambda quota: quota.handed // _TURN if self._seconds else 0, default=None)

    def _next(self, quotas: Sequence[Quota], last: Quota | None) -> Quota:
        if self._in_turns:
            return min(quotas, key=lambda quota: quota.handed)
        return last if last is not None and last in quotas else quotas[0]

    def _wake(self) -> None:
        self._changed.set()
