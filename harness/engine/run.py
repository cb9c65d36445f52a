# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a plan: builds in one line, guests beside it, every finished trial kept at once."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from harness.build import toolchain_versions
from harness.engine.agenda import Agenda, Quota
from harness.engine.beside import beside
from harness.engine.crowd import crowd
from harness.engine.files import guest_packages
from harness.engine.quotas import Quotas
from harness.engine.seat import Seat
from harness.engine.sources import Prepared, build, prepare
from harness.engine.trial import TrialJob, run_trial
from harness.machine import choose_accelerator
from harness.plan import Plan, save
from harness.report.codec import read_trial, write_json, write_trial
from harness.report.progress import Progress
from harness.report.results import Origin, Results, VariantReport, results_to_dict
from harness.verdict import judge_cell
from harness.verdict.cell import control_failed_as_it_should
from harness.verdict.restored import disagreements
from harness.words import Accelerator, AcceleratorChoice, Cell, Outcome, Trial, UserError
from harness.workload import Workload, workloads

# Only `infra` is tried again: trying a failure again until it passes would hide its rate.
_ATTEMPTS = 2


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
        known = self._out / "plan.toml"
        begins = not known.exists()
        save(self._plan, known)
        try:
            with self._timed("prepare"), beside(choose_accelerator(self._plan.accelerator)) as probe:
                if self._plan.accelerator is Accelerator.KVM:
                    probe.result()  # a demand that cannot be met is told first
                prepared = prepare(self._plan, self._cache, self._progress)
                accelerator = probe.result()
        except UserError:
            if begins:  # there is nothing to resume, and the folder is free for the mended command
                known.unlink()
            raise
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

        When all that is done, those come whose waiting times are compared, and those that are to be alone.
        """
        agenda = Agenda(self._plan.seconds or None)
        crowd = self._crowd(each for each in prepared.workloads.values() if not each.alone)
        async with self._guests(crowd, agenda, accelerator) as guests:
            with self._timed("builds"):
                later = await self._build_all(prepared, agenda, guests)
            agenda.close()
            with self._timed("trials_after_builds"):
                await asyncio.gather(*guests)
        for name, alone in (("trials_in_turns", False), ("trials_alone", True)):
            if quotas := [quota for quota in later if quota.workload.alone is alone]:
                with self._timed(name):
                    await self._try_all(quotas, accelerator, in_turns=not alone)

    async def _try_all(
        self, quotas: Sequence[Quota], accelerator: AcceleratorChoice, *, in_turns: bool = False
    ) -> None:
        """Run these trials, those that are to be alone with a processor for each that a guest has."""
        agenda = Agenda(self._plan.seconds or None, in_turns=in_turns)
        for quota in quotas:
            agenda.add(quota)
        agenda.close()
        number = self._crowd(quota.workload for quota in quotas)
        if alone := [quota.workload.cpus for quota in quotas if quota.workload.alone]:
            number = max(1, min(number, (os.cpu_count() or 1) // max(alone)))
        async with self._guests(number, agenda, accelerator) as guests:
            await asyncio.gather(*guests)

    async def run_cell(
        self, prepared: Prepared, accelerator: AcceleratorChoice, variant: str, workload: str
    ) -> Cell:
        """Do what one cell needs and no cell before it did: kernels, its workload's control, its trials.

        Where failing is a matter of chance it needs the trials of the variant that must fail, too.
        `InfraError` when the machine fails.
        """
        reference = prepared.workloads[workload].must_fail_on
        needed = [variant, *([reference] if reference in prepared.variants else [])]
        wanted: dict[tuple[str, bool], Quota] = {}
        for name in needed:
            source = prepared.source_of(name)
            if source.kernel is None and source.first_error is None:
                await build(prepared, source, self._out / "builds" / source.name, self._progress)
                source = prepared.source_of(name)
            controlled = any(trial.control and trial.workload == workload for trial in self._trials)
            for quota in self._quotas(prepared).of(source, with_controls=not controlled and not wanted):
                if quota.workload.name == workload:
                    wanted[source.name, quota.control] = quota
        tried = {(trial.kernel, trial.control) for trial in self._trials if trial.workload == workload}
        left = [quota for place, quota in wanted.items() if place not in tried]
        await self._try_all(left, accelerator)
        self._asked.append((variant, workload))
        return self._cell(prepared, variant, workload)

    def keep_cells(self, prepared: Prepared, accelerator: AcceleratorChoice) -> None:
        """Write results.json of the cells that `run_cell` did; `InfraError` when it cannot be written."""
        results = self._judge(prepared, accelerator, self._asked)
        write_json(self._out / "results.json", results_to_dict(results))

    @asynccontextmanager
    async def _guests(
        self, count: int, agenda: Agenda, accelerator: AcceleratorChoice
    ) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """Run what stands on the agenda, so many at a time, while the body runs; no guest outlives it."""
        tasks = [
            asyncio.create_task(self._guest(number, agenda, accelerator)) for number in range(1, count + 1)
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _crowd(self, workloads: Iterable[Workload]) -> int:
        """Return how many guests run these at a time: by CPUs and memory, unless the plan says."""
        guests = crowd(
            max((workload.memory_mib for workload in workloads), default=0),
            restored=self._plan.cold_every > 1,
            memory_mib=self._plan.memory,
            jobs=self._plan.jobs,
        )
        self._progress.say(f"{guests.number} guests at a time: {guests.reason}")
        return guests.number

    async def _build_all(
        self, prepared: Prepared, agenda: Agenda, guests: Sequence[asyncio.Task[None]]
    ) -> list[Quota]:
        """Build every source and put its trials on the agenda; return those that come later."""
        later = []
        quotas = self._quotas(prepared)
        trials = len(prepared.workloads) + sum(
            quotas.goal(workload).least
            for source in prepared.sources
            for workload in prepared.workloads_on(source)
        )
        fixed = not (self._plan.until or self._plan.seconds)
        self._progress.planned(len(prepared.sources), trials if fixed else None, len(guests))
        with_controls = True
        queued: set[tuple[str, str, bool]] = set()
        for source in prepared.sources:
            name = source.name
            await build(prepared, source, self._out / "builds" / name, self._progress)
            _raise_if_failed(guests)
            # Where the image is another one's, that one's trials are there already.
            tried = prepared.source_of(name)
            for quota in quotas.of(tried, with_controls=with_controls):
                place = (tried.name, quota.workload.name, quota.control)
                if place in queued:
                    continue
                queued.add(place)
                if quota.workload.alone or (quota.workload.timed and prepared.candidates):
                    later.append(quota)
                else:
                    agenda.add(quota)
            with_controls = with_controls and source.kernel is None
        return later

    def _quotas(self, prepared: Prepared) -> Quotas:
        return Quotas(self._plan, prepared, self._out)

    async def _guest(self, number: int, agenda: Agenda, accelerator: AcceleratorChoice) -> None:
        """Run one trial after the other, until there will be none any more."""
        seat = Seat(accelerator.accelerator)
        quota: Quota | None = None
        try:
            while taken := await agenda.take(quota):
                quota, job = taken
                self._progress.trial_started(number, job.name)
                trial = read_trial(job.folder / "trial.json")
                if trial is None or trial.outcome is Outcome.INFRA:
                    trial = await self._try(job, seat, partial(self._progress.trial_step, number))
                self._trials.append(trial)
                agenda.done(quota, trial)
                self._progress.trial_ended(number, job.name, trial)
        finally:
            self._broken_states += seat.broken
            await seat.clear()

    async def _try(self, job: TrialJob, seat: Seat, tell: Callable[[str], None]) -> Trial:
        for attempt in range(1, _ATTEMPTS + 1):
            trial = dataclasses.replace(await run_trial(job, seat, tell), attempts=attempt)
            if trial.outcome is not Outcome.INFRA:
                break
        write_trial(job.folder / "trial.json", trial)
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
                *_not_named(self._plan),
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
            until=self._plan.until,
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


def _without_reference(prepared: Prepared) -> list[str]:
    """Note the workloads whose failure is a matter of chance, where nothing in the plan has to fail."""
    return [
        f"{name}: without {workload.must_fail_on}, which must fail under the same load, a pass may be luck"
        for name, workload in prepared.workloads.items()
        if workload.must_fail_on and workload.must_fail_on not in prepared.variants
    ]


def _not_named(plan: Plan) -> list[str]:
    """Note what a review leaves out because nobody named it: two series may differ in just that."""
    if not plan.candidates or plan.workloads:
        return []
    left = [name for name, workload in workloads().items() if workload.on_demand]
    return [f"not run, as only --workloads names them: {', '.join(sorted(left))}"]


def _raise_if_failed(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
