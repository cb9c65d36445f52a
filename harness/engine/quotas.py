# SPDX-License-Identifier: GPL-2.0-or-later
"""What a plan comes to in trials: how many each workload gets on a source, with which guests and seeds."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.engine.agenda import Goal, Quota
from harness.engine.sources import Prepared, Source
from harness.engine.trial import TrialJob
from harness.plan import Plan
from harness.workload import Workload

# So many trials of a kernel are booted for in any case: what is seen only after a restore would stand out.
_COLD_AT_LEAST = 2
# A rate of 0 is known to be below B after 6 / B trials. After so many over B a rate that is not known yet is
# close to B, and knowing on which side would take very many more.
_ENOUGH = 20


class Quotas:
    """Makes the trials of a plan, kept below `out`."""

    def __init__(self, plan: Plan, prepared: Prepared, out: Path) -> None:
        self._plan = plan
        self._prepared = prepared
        self._out = out

    def of(self, source: Source, *, with_controls: bool) -> Iterator[Quota]:
        """Yield the trials of a source, the controls (on the first kernel there is) before all others."""
        if source.kernel is None:
            return
        made = itertools.count()
        planned = [(workload, False) for workload in self._prepared.workloads_on(source)]
        if with_controls:
            planned = [*((workload, True) for workload in self._prepared.workloads.values()), *planned]
        for workload, control in planned:
            files = self._prepared.files[workload.name]
            like = TrialJob(source.name, source.kernel, workload, 1, control, self._out, files)
            goal = Goal(1, 1) if control else self.goal(workload)
            yield Quota(workload, control, goal, partial(self._job, like, made))

    def goal(self, workload: Workload) -> Goal:
        """Return when a cell of a workload has enough trials."""
        plan = self._plan
        if plan.until is None and not plan.seconds:
            number = plan.trials or workload.boots
            return Goal(number, number)
        most = plan.trials or (math.ceil(_ENOUGH / plan.until) if plan.until else None)
        return Goal(min(workload.boots, most or workload.boots), most, plan.until)

    def _job(self, like: TrialJob, made: Iterator[int], index: int) -> TrialJob:
        """Return the job of a cell's trial; `made` counts those of its kernel."""
        job, place = dataclasses.replace(like, index=index), next(made)
        cold = job.workload.cold or place < _COLD_AT_LEAST or place % self._plan.cold_every == 0
        keep = self._plan.cold_every > 1 and not job.workload.cold
        return dataclasses.replace(job, cold=cold, keep=keep, seed=_seed(self._plan.seed or 0, job.name))


def _seed(seed: int, name: str) -> int:
    """Return a trial's own seed, the same whenever and in whatever order it runs."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "little")
