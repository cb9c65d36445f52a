# SPDX-License-Identifier: GPL-2.0-or-later
"""One trial of a run once more: with its kernel, workload and seed, and somebody who looks into the guest."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.build import KernelCache
from harness.engine.files import guest_files
from harness.engine.seat import Seat
from harness.engine.sources import planned_workloads
from harness.engine.trial import TrialJob, run_trial
from harness.machine import QemuGuest, dump, open_gdb, shell
from harness.plan import load
from harness.report.codec import read_trial, write_trial
from harness.words import Accelerator, Ending, Kernel, Trial, UserError

_FRAGMENT = "vmcore"
"""The config fragment with which cores can be read."""
_SESSION = 24 * 3600.0  # seconds: a person sits there


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a trial that comes to the same again.

    `gdb` opens the stub before it, `vmcore` is the file that the guest's memory goes to after it, and `shell`
    gives the terminal to the guest then. `wait` returns when that person wants to go on.
    """

    gdb: bool = False
    shell: bool = False
    vmcore: Path | None = None
    wait: Callable[[], object] = input

    @property
    def closely(self) -> bool:
        """Tell whether anything but counting is wanted."""
        return self.gdb or self.shell or self.vmcore is not None


def find_trial(run: Path, name: str) -> Trial:
    """Return the trial that lies in the folder `name` of a run, or is called VARIANT/WORKLOAD/NUMBER.

    `UserError` when there is no such trial, or it is not finished.
    """
    if not (run / "plan.toml").is_file():
        raise UserError(f"{run} holds no run: plan.toml is missing there")
    places = [run / name / "trial.json"]
    variant, _, rest = name.partition("/")
    if rest.count("/") == 1:
        places += sorted(run.glob(f"trials/{variant}-*/{rest}/trial.json"))
    for place in places:
        found = read_trial(place)
        if found is not None and (found.kernel == variant or place == places[0]):
            return found
    raise UserError(
        f"{run} has no finished trial '{name}': give its folder, as trials/KERNEL/WORKLOAD/NUMBER"
    )


def replay_job(run: Path, trial: Trial, out: Path, cache: Path, say: Callable[[str], None]) -> TrialJob:
    """Return the job that runs a trial again, kept below `out`.

    `UserError` when its kernel is not in the cache any more.
    """
    plan = load(run / "plan.toml")
    workload = planned_workloads(dataclasses.replace(plan, workloads=(trial.workload,)))[trial.workload]
    key = Path(trial.folder).parts[1].rpartition("-")[2]
    kernel = KernelCache(cache).find(key)
    if kernel is None:
        raise UserError(
            f"the kernel of {trial.folder} is not in the cache any more: `percpu-harness build` with the "
            f"run's options makes it again (its key begins with {key})"
        )
    files = guest_files(workload, cache, plan.debian_mirror, say)
    return TrialJob(
        trial.kernel, kernel, workload, 1, trial.control, out, files, trial.seed, keep=not workload.cold
    )


def same(first: Trial, second: Trial) -> bool:
    """Tell whether two trials came to the same, for the same reasons."""
    return (first.outcome, first.evidence) == (second.outcome, second.evidence)


async def replay(
    job: TrialJob,
    original: Trial,
    accelerator: Accelerator,
    times: int,
    look: Look,
    say: Callable[[str], None],
) -> list[Trial]:
    """Run a trial again so many times, the first in a guest that is booted and the others restored.

    Who looks closely gets the first that comes to the same as the original, and no further one is run.
    `InfraError` when a trial cannot be kept.
    """
    observer = _Observer(job, look, say)
    if look.gdb:
        job = dataclasses.replace(job, workload=dataclasses.replace(job.workload, deadline=_SESSION))
    seat = Seat(accelerator, observer.on_boot, _SESSION if look.gdb else 60.0)
    done: list[Trial] = []
    try:
        while len(done) < times:
            number = len(done) + 1
            trial = await run_trial(dataclasses.replace(job, index=number, cold=number == 1), seat)
            write_trial(job.out / trial.folder / "trial.json", trial)
            done.append(trial)
            why = f": {trial.reasons[0]}" if trial.reasons else ""
            say(f"{number} of {times}: {trial.outcome}, {trial.seconds:.1f} s{why}")
            if look.closely and same(trial, original):
                await observer.after(trial, seat.guest)
                break
    finally:
        await seat.clear()
    return done


class _Observer:
    """Does for a person what `Look` says."""

    def __init__(self, job: TrialJob, look: Look, say: Callable[[str], None]) -> None:
        self._job = job
        self._look = look
        self._say = say

    async def on_boot(self, guest: QemuGuest) -> None:
        """Open what has to be open before the workload runs."""
        if self._look.vmcore is not None:
            vmcore = self._look.vmcore
            guest.last_look = lambda vm: dump(vm, vmcore)
        if self._look.gdb:
            port = await open_gdb(guest.vm)
            self._say(f"gdb {self._job.kernel.image} -ex 'target remote 127.0.0.1:{port}'")
            self._say("the guest runs; when gdb is there, Enter has the workload run")
            await asyncio.to_thread(self._look.wait)

    async def after(self, trial: Trial, guest: QemuGuest | None) -> None:
        """Let the person look at a guest that still lives; one that has ended left its memory, if wanted."""
        if guest is None or trial.ending is not Ending.SETTLED:
            self._say(f"the guest has ended ({trial.ending}): nobody can enter it")
            return
        if self._look.vmcore is not None:
            await dump(guest.vm, self._look.vmcore)
            self._say(_reader(self._look.vmcore, self._job.kernel))
        if self._look.shell:
            await guest.wake()
            await shell(guest)
        elif self._look.gdb:
            self._say("the workload has run and the guest stands still for gdb; Enter ends it")
            await asyncio.to_thread(self._look.wait)


def _reader(vmcore: Path, kernel: Kernel) -> str:
    """Say how to read a kernel's memory, or what it was built without."""
    if "CONFIG_FW_CFG_SYSFS=y\n" in kernel.config.read_text():
        return f"drgn -c {vmcore} -s {kernel.image} -s {kernel.module}"
    return f'{vmcore}: drgn and crash need a kernel with types (kconfig = ["{_FRAGMENT}"] in a plan)'
