# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a plan: builds in one line, guests beside it, every finished trial kept at once."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from harness.build import toolchain_versions
from harness.engine.beside import beside
from harness.engine.files import guest_packages
from harness.engine.seat import Seat
from harness.engine.sources import Prepared, Source, build, prepare
from harness.engine.trial import TrialJob, run_trial
from harness.machine import choose_accelerator
from harness.plan import Plan, save
from harness.report.codec import read_trial, trial_to_dict, write_json
from harness.report.progress import Progress
from harness.report.results import Origin, Results, VariantReport, results_to_dict
from harness.verdict import judge_cell
from harness.verdict.cell import control_failed_as_it_should
from harness.verdict.restored import disagreements
from harness.words import Accelerator, AcceleratorChoice, Cell, Outcome, Trial
from harness.workload import Workload

# Only `infra` is tried again: trying a failure again until it passes would hide its rate.
_ATTEMPTS = 2
# So many trials of a kernel are booted for in any case: what is seen only after a restore would stand out.
_COLD_AT_LEAST = 2


class Engine:
    """Runs one plan into one folder, with kernels and sources kept in `cache`."""

    def __init__(self, plan: Plan, out: Path, cache: Path, progress: Progress) -> None:
        self._plan = plan
        self._out = out
        self._cache = cache
        self._progress = progress
        self._trials: list[Trial] = []
        self._broken_states = 0
        self._asked: list[tuple[str, str]] = []
        self._seconds: dict[str, float] = {}

    def prepare(self) -> tuple[Prepared, AcceleratorChoice]:
        """Find out what the plan comes to and what executes guests, before anything is built.

        It works in the caller's thread, where an interrupt ends what apt, git or Coccinelle are doing.
        `UserError` for a plan that cannot be done, `InfraError` when the machine fails.
        """
        save(self._plan, self._out / "plan.toml")
        with self._timed("prepare"), beside(choose_accelerator(self._plan.accelerator)) as probe:
            if self._plan.accelerator is Accelerator.KVM:
                probe.result()  # a demand that cannot be met is told first
            prepared = prepare(self._plan, self._cache, self._progress)
            accelerator = probe.result()
        self._progress.say(f"accelerator {accelerator.accelerator}: {accelerator.reason}")
        return prepared, accelerator

    async def run(self, prepared: Prepared, accelerator: AcceleratorChoice) -> Results:
        """Do the whole plan. Trials that the folder already holds are not run again.

        `InfraError` when the machine fails; a kernel that does not build or a guest that breaks is a result.
        """
        with self._timed("work"):
            await self._build_and_try(prepared, accelerator)
        self._seconds["total"] = self._seconds["prepare"] + self._seconds.pop("work")
        results = self._judge(prepared, accelerator, prepared.places())
        write_json(self._out / "results.json", results_to_dict(results))
        return results

    async def _build_and_try(self, prepared: Prepared, accelerator: AcceleratorChoice) -> None:
        """Build one kernel after the other while guests run the trials of those that are there.

        The trials that are to be alone come when all that is done.
        """
        queue: asyncio.Queue[TrialJob] = asyncio.Queue()
        async with self._guests(self._plan.guests, queue, accelerator) as guests:
            with self._timed("builds"):
                last = await self._build_all(prepared, queue, guests)
            with self._timed("trials_after_builds"):
                await _until_done(queue, guests)
        if last:
            with self._timed("trials_alone"):
                await self._try_all(last, accelerator)

    async def _try_all(self, jobs: Sequence[TrialJob], accelerator: AcceleratorChoice) -> None:
        """Run these trials, those that are to be alone with a processor for each that a guest has."""
        queue: asyncio.Queue[TrialJob] = asyncio.Queue()
        for job in jobs:
            queue.put_nowait(job)
        number = self._plan.guests
        if alone := [job.workload.cpus for job in jobs if job.workload.alone]:
            number = max(1, min(number, (os.cpu_count() or 1) // max(alone)))
        async with self._guests(number, queue, accelerator) as guests:
            await _until_done(queue, guests)

    async def run_cell(
        self, prepared: Prepared, accelerator: AcceleratorChoice, variant: str, workload: str
    ) -> Cell:
        """Do what one cell needs and no cell before it did: kernels, its workload's control, its trials.

        Where failing is a matter of chance it needs the trials of the variant that must fail, too.
        `InfraError` when the machine fails.
        """
        reference = prepared.workloads[workload].must_fail_on
        needed = [variant, *([reference] if reference in prepared.variants else [])]
        jobs: dict[str, TrialJob] = {}
        for name in needed:
            source = prepared.source_of(name)
            if source.kernel is None and source.first_error is None:
                await build(prepared, source, self._out / "builds" / source.name, self._progress)
                source = prepared.source_of(name)
            controlled = any(trial.control and trial.workload == workload for trial in self._trials)
            planned = self._jobs(prepared, source, with_controls=not controlled and not jobs)
            jobs |= {job.name: job for job in planned if job.workload.name == workload}
        tried = {(trial.kernel, trial.workload, trial.control) for trial in self._trials}
        await self._try_all(
            [job for job in jobs.values() if (job.kernel_name, workload, job.control) not in tried],
            accelerator,
        )
        self._asked.append((variant, workload))
        return self._cell(prepared, variant, workload)

    def keep_cells(self, prepared: Prepared, accelerator: AcceleratorChoice) -> None:
        """Write results.json of the cells that `run_cell` did; `InfraError` when it cannot be written."""
        results = self._judge(prepared, accelerator, self._asked)
        write_json(self._out / "results.json", results_to_dict(results))

    @asynccontextmanager
    async def _guests(
        self, count: int, queue: asyncio.Queue[TrialJob], accelerator: AcceleratorChoice
    ) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """Run what stands in the queue, so many at a time, while the body runs; no guest outlives it."""
        tasks = [
            asyncio.create_task(self._guest(number, queue, accelerator)) for number in range(1, count + 1)
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _build_all(
        self, prepared: Prepared, queue: asyncio.Queue[TrialJob], guests: Sequence[asyncio.Task[None]]
    ) -> list[TrialJob]:
        """Build every source and queue its trials; return those that are to be alone."""
        last = []
        trials = len(prepared.workloads) + sum(
            self._trials_of(workload)
            for source in prepared.sources
            for workload in prepared.workloads_on(source)
        )
        self._progress.planned(len(prepared.sources), trials, len(guests))
        with_controls = True
        queued: set[str] = set()
        for source in prepared.sources:
            name = source.name
            await build(prepared, source, self._out / "builds" / name, self._progress)
            _raise_if_failed(guests)
            # Where the image is another one's, that one's trials are there already.
            for job in self._jobs(prepared, prepared.source_of(name), with_controls=with_controls):
                if job.name in queued:
                    continue
                queued.add(job.name)
                if job.workload.alone:
                    last.append(job)
                else:
                    queue.put_nowait(job)
            with_controls = with_controls and source.kernel is None
        return last

    def _jobs(self, prepared: Prepared, source: Source, *, with_controls: bool) -> Iterator[TrialJob]:
        """Yield the trials of a source, the controls (on the first kernel there is) before all others."""
        if source.kernel is None:
            return
        made = 0
        planned = [(workload, False) for workload in prepared.workloads_on(source)]
        if with_controls:
            planned = [*((workload, True) for workload in prepared.workloads.values()), *planned]
        for workload, control in planned:
            files = prepared.files[workload.name]
            for index in range(1, 2 if control else self._trials_of(workload) + 1):
                job = TrialJob(source.name, source.kernel, workload, index, control, self._out, files)
                cold = workload.cold or made < _COLD_AT_LEAST or made % self._plan.cold_every == 0
                keep = self._plan.cold_every > 1 and not workload.cold
                seed = _seed(self._plan.seed or 0, job.name)
                yield dataclasses.replace(job, cold=cold, keep=keep, seed=seed)
                made += 1

    def _trials_of(self, workload: Workload) -> int:
        return self._plan.trials or workload.boots

    async def _guest(
        self, number: int, queue: asyncio.Queue[TrialJob], accelerator: AcceleratorChoice
    ) -> None:
        """Run one trial after the other, for ever."""
        seat = Seat(accelerator.accelerator)
        try:
            while True:
                job = await queue.get()
                self._progress.trial_started(number, job.name)
                trial = read_trial(job.folder / "trial.json")
                if trial is None or trial.outcome is Outcome.INFRA:
                    trial = await self._try(job, seat, partial(self._progress.trial_step, number))
                self._trials.append(trial)
                self._progress.trial_ended(number, job.name, trial)
                queue.task_done()
        finally:
            self._broken_states += seat.broken
            await seat.clear()

    async def _try(self, job: TrialJob, seat: Seat, tell: Callable[[str], None]) -> Trial:
        for attempt in range(1, _ATTEMPTS + 1):
            trial = dataclasses.replace(await run_trial(job, seat, tell), attempts=attempt)
            if trial.outcome is not Outcome.INFRA:
                break
        write_json(job.folder / "trial.json", trial_to_dict(trial))
        return trial

    def _judge(
        self, prepared: Prepared, accelerator: AcceleratorChoice, places: Sequence[tuple[str, str]]
    ) -> Results:
        """Judge the cells at these places: variant and workload."""
        controls = {trial.workload: trial for trial in self._trials if trial.control}
        wanted = {variant for variant, _ in places} | set(prepared.omissions)
        tree = prepared.tree
        cells = [self._cell(prepared, *place) for place in places]
        return Results(
            tree={
                "spec": tree.spec,
                "name": tree.name,
                "version": tree.version,
                "source_id": tree.source_id,
            },
            accelerator=accelerator,
            toolchain=toolchain_versions() | guest_packages(prepared.workloads.values(), self._cache),
            plan={key: value for key, value in dataclasses.asdict(self._plan).items() if value is not None},
            variants=[_variant_report(prepared, name) for name in prepared.variants if name in wanted],
            controls=[controls[name] for name in prepared.workloads if name in controls],
            controls_proved={name: self._proved(prepared, name) for name in prepared.workloads},
            cells=cells,
            notes=[
                *prepared.notes,
                *prepared.identical(),
                *self._notes(),
                *disagreements(cells),
                *_without_reference(prepared),
            ],
            seconds=self._seconds,
        )

    def _notes(self) -> Iterator[str]:
        if self._broken_states:
            yield f"{self._broken_states} times a guest could not be saved or restored and was booted instead"

    def _proved(self, prepared: Prepared, workload: str) -> bool:
        """Tell whether the workload's control was caught, for the stated reason."""
        control = next(
            (trial for trial in self._trials if trial.control and trial.workload == workload), None
        )
        return control_failed_as_it_should(control, prepared.workloads[workload].control_evidence)

    def _unproved(self, prepared: Prepared, name: str) -> str:
        """Say why passes of a workload prove nothing in this run; empty when they do."""
        workload = prepared.workloads[name]
        if not self._proved(prepared, name):
            return "the positive control did not fail as it should"
        if workload.must_fail_on not in prepared.variants:
            return ""
        kernel = prepared.source_of(workload.must_fail_on).name
        tried = [trial for trial in self._trials if (trial.kernel, trial.workload) == (kernel, name)]
        if any(trial.outcome is Outcome.FAIL and not trial.control for trial in tried):
            return ""
        boots = sum(not trial.control for trial in tried)
        return f"the control did not fail: 0 of {boots} trials on {workload.must_fail_on} ({workload.load()})"

    def _cell(self, prepared: Prepared, variant: str, workload: str) -> Cell:
        source = prepared.source_of(variant)
        place = (source.name, workload, False)
        trials = [trial for trial in self._trials if (trial.kernel, trial.workload, trial.control) == place]
        return judge_cell(
            variant,
            workload,
            sorted(trials, key=lambda trial: trial.index),
            prepared.expectations(variant).get(workload),
            unproved=self._unproved(prepared, workload),
            build_failure=source.first_error,
            must_pass=variant not in prepared.parts,
        )

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = time.monotonic() - started


def _variant_report(prepared: Prepared, name: str) -> VariantReport:
    source = prepared.source_of(name)
    made = prepared.commits[name]
    return VariantReport(
        name=name,
        summary=prepared.variants[name].summary,
        commit=made.commit,
        source_id=made.source_id,
        contained=made.contained,
        same_as=source.name if source.name != name else None,
        kernel=source.kernel,
        first_error=source.first_error,
        origin=_origin(prepared, name),
        warnings=prepared.warnings.get(name, ()),
    )


def _origin(prepared: Prepared, name: str) -> Origin | None:
    """Return the mail that a series under review came by."""
    for one in prepared.candidates:
        if one.label == name and one.applied is not None and one.applied.series.message_id:
            return Origin(one.applied.series.message_id, one.applied.series.subject)
    return None


def _seed(seed: int, name: str) -> int:
    """Return a trial's own seed, the same whenever and in whatever order it runs."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "little")


def _without_reference(prepared: Prepared) -> list[str]:
    """Note the workloads whose failure is a matter of chance, where nothing in the plan has to fail."""
    return [
        f"{name}: without {workload.must_fail_on}, which must fail under the same load, a pass may be luck"
        for name, workload in prepared.workloads.items()
        if workload.must_fail_on and workload.must_fail_on not in prepared.variants
    ]


def _raise_if_failed(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _until_done(queue: asyncio.Queue[TrialJob], guests: Sequence[asyncio.Task[None]]) -> None:
    """Wait until every queued trial has been run, or a guest's task has failed (a full disk, say)."""
    joined = asyncio.create_task(queue.join())
    try:
        await asyncio.wait([joined, *guests], return_when=asyncio.FIRST_COMPLETED)
        _raise_if_failed(guests)
    finally:
        joined.cancel()
