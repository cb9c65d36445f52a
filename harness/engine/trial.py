# SPDX-License-Identifier: GPL-2.0-or-later
"""One trial from a fresh guest to an outcome: runs the workload, reads the console, has it judged."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.dmesg import parse, to_dict
from harness.engine.seat import Seat
from harness.lock import silent
from harness.report.codec import write_json
from harness.verdict import judge_trial
from harness.words import Ending, Event, GuestEndedError, InfraError, Kernel, Observation, Trial
from harness.workload import Workload

RUNNING_KERNEL = "running_kernel"
CONSOLE_READ = "console_read"
_BANNER = b"Linux version "


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What to run: a workload (or its sabotaged control) on the kernel that the variant `kernel_name` has.

    `cold` demands a guest that was booted for this trial; one that is to be kept (`keep`) may be restored for
    others afterwards, any other is powered off. `files` are what the workload needs in the guest, by the path
    there. The trial's random choices follow from `seed`.
    """

    kernel_name: str
    kernel: Kernel
    workload: Workload
    index: int
    control: bool
    out: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    cold: bool = False
    keep: bool = True

    @property
    def name(self) -> str:
        """Return what a person calls this trial."""
        what = "control of " if self.control else ""
        return f"{what}{self.workload.name} on {self.kernel_name} #{self.index}"

    @property
    def folder(self) -> Path:
        """Return the trial's own folder; a kernel that differs has another one."""
        kernel = f"{self.kernel_name}-{self.kernel.key[:12]}"
        where = "controls" if self.control else "trials"
        return self.out / where / kernel / self.workload.name / str(self.index)


@dataclass(slots=True)
class _Life:
    """What is known of a guest so far, whenever it ends."""

    booted_in: Path
    ending: Ending = Ending.NO_BOOT
    observation: Observation = field(default_factory=lambda: Observation(complete=False))
    running_kernel: bool = False
    boot_seconds: float = 0.0
    refused: bool = False


async def _live(job: TrialJob, seat: Seat, life: _Life, tell: Callable[[str], None]) -> None:
    """Run the workload in a guest that is ready, and leave the guest."""
    started = time.monotonic()
    guest, life.booted_in = await seat.take(job)
    try:
        await seat.prepare(job)
        life.boot_seconds = time.monotonic() - started
        life.running_kernel = seat.running_kernel
        life.observation = await job.workload.run(guest, sabotage=job.control, seed=job.seed, tell=tell)
    except InfraError as error:
        # The guest lives but refuses a file: what is missing makes the trial inconclusive, and this says why.
        life.observation = Observation(complete=False, notes=(str(error),))
        life.refused = True
    life.ending = await seat.leave()


async def _try(job: TrialJob, seat: Seat, tell: Callable[[str], None]) -> _Life:
    life = _Life(job.folder)
    try:
        await _live(job, seat, life, tell)
    except GuestEndedError as error:
        life.ending = error.ending
    except InfraError as error:
        # QEMU did not even start: that is this trial's outcome, and it is tried again.
        life.observation = Observation(complete=False, notes=(str(error),))
    finally:
        # A guest that still owes an answer might give it to the next trial.
        if life.refused or life.ending is not Ending.SETTLED:
            await seat.clear()
    return life


def _read_console(folder: Path) -> tuple[bool, list[Event]]:
    """Return whether the console could be read from the kernel's banner on, and its events."""
    try:
        console = (folder / "console.log").read_bytes()
    except OSError:
        return False, []
    events = parse(console)
    write_json(folder / "events.json", [to_dict(event) for event in events], indent=None)
    return _BANNER in console, events


def _make_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise InfraError(f"the trial's folder {folder} cannot be made: {error.strerror}") from None


async def run_trial(job: TrialJob, seat: Seat, tell: Callable[[str], None] = silent) -> Trial:
    """Run one trial in a folder of its own. Whatever the guest does ends in an outcome, never in an
    exception. `tell` is told how far the workload is.

    `InfraError` when the trial cannot be kept, as on a full disk.
    """
    _make_folder(job.folder)
    started = time.monotonic()
    life = await _try(job, seat, tell)
    console_read, events = _read_console(job.folder)
    witnesses = {
        RUNNING_KERNEL: life.running_kernel,
        CONSOLE_READ: console_read,
        **life.observation.witnesses,
    }
    observation = replace(life.observation, witnesses=witnesses)
    judgement = judge_trial(
        observation,
        events,
        life.ending,
        required=(RUNNING_KERNEL, CONSOLE_READ, *job.workload.witnesses),
        supporting=job.workload.supporting,
        precluded=job.workload.precluded,
    )
    return Trial(
        kernel=job.kernel_name,
        workload=job.workload.name,
        index=job.index,
        control=job.control,
        outcome=judgement.outcome,
        evidence=judgement.evidence,
        reasons=judgement.reasons,
        missing=judgement.missing,
        ending=life.ending,
        observation=observation,
        events=tuple(events),
        folder=str(job.folder.relative_to(job.out)),
        seconds=time.monotonic() - started,
        boot_seconds=life.boot_seconds,
        seed=job.seed,
        booted_in=str(life.booted_in.relative_to(job.out)),
    )
