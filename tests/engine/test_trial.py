# SPDX-License-Identifier: GPL-2.0-or-later
"""A trial's own rules, with a guest that is told what to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine.trial import TrialJob, run_trial
from harness.words import Ending, GuestEndedError, InfraError, Kernel, Observation, Outcome, Trial

GOOD_CONSOLE = b"[    0.000000] Linux version 6.12.0\n[    5.0] reboot: Power down\n"


@dataclass
class ToldSeat:
    """Gives one guest, which was booted for the trial or restored."""

    console: bytes = GOOD_CONSOLE
    running_kernel: bool = True
    refused: Exception | None = None
    ending: Ending = Ending.SETTLED
    broken: Exception | None = None
    restored_from: Path | None = None
    cleared: bool = False

    async def take(self, job: TrialJob) -> tuple[object, Path]:
        if self.broken is not None:
            raise self.broken
        (job.folder / "console.log").write_bytes(self.console)
        return object(), self.restored_from or job.folder

    async def prepare(self, job: TrialJob) -> None:
        if self.refused is not None:
            raise self.refused

    async def leave(self) -> Ending:
        return self.ending

    async def clear(self) -> None:
        self.cleared = True


@pytest.fixture
def job(tmp_path: Path) -> TrialJob:
    async def run(guest: object, *, sabotage: bool, seed: int, tell: object) -> Observation:
        return Observation(complete=True, witnesses={"seen": True})

    workload: Any = SimpleNamespace(
        name="exhaust",
        run=run,
        cpus=2,
        memory_mib=256,
        deadline=10,
        witnesses=("seen",),
        supporting=(),
        precluded=(),
    )
    kernel = Kernel(
        "k" * 64, "s", tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, "6.12", "abcd", "gcc", 1.0
    )
    return TrialJob("as-is", kernel, workload, 1, False, tmp_path / "out")


async def go(job: TrialJob, **told: Any) -> Trial:
    seat: Any = ToldSeat(**told)
    done = await run_trial(job, seat)
    assert seat.cleared is (done.ending is not Ending.SETTLED or told.get("refused") is not None)
    return done


async def test_a_good_trial_passes_and_leaves_its_evidence(job: TrialJob) -> None:
    done = await go(job)
    assert done.outcome is Outcome.PASS
    assert (job.out / done.folder / "events.json").is_file()
    assert not done.restored


async def test_a_restored_guest_is_told_from_a_booted_one(job: TrialJob) -> None:
    done = await go(job, restored_from=job.out / "trials/other")
    assert done.outcome is Outcome.PASS
    assert done.restored
    assert done.booted_in == "trials/other"


async def test_another_kernel_than_the_one_built_proves_nothing(job: TrialJob) -> None:
    done = await go(job, running_kernel=False)
    assert done.outcome is Outcome.INCONCLUSIVE
    assert done.reasons == ("witness missing: running_kernel",)


async def test_a_console_without_the_kernels_banner_proves_nothing(job: TrialJob) -> None:
    done = await go(job, console=b"")
    assert done.outcome is Outcome.INCONCLUSIVE
    assert "witness missing: console_read" in done.reasons


async def test_a_file_that_the_guest_refuses_is_no_end_of_the_run(job: TrialJob) -> None:
    done = await go(job, refused=InfraError("/sys/kernel/notes cannot be read in the guest"))
    assert done.outcome is Outcome.INCONCLUSIVE
    assert done.observation.notes == ("/sys/kernel/notes cannot be read in the guest",)


@pytest.mark.parametrize(
    "broken", [GuestEndedError("it never became ready", Ending.NO_BOOT), InfraError("QEMU did not start")]
)
async def test_a_guest_that_never_came_is_infra(job: TrialJob, broken: Exception) -> None:
    done = await go(job, broken=broken)
    assert done.outcome is Outcome.INFRA
    assert done.ending is Ending.NO_BOOT


async def test_a_kernel_that_panics_at_the_end_fails(job: TrialJob) -> None:
    assert (await go(job, ending=Ending.PANIC)).outcome is Outcome.FAIL


async def test_a_folder_that_cannot_be_made_ends_the_run(job: TrialJob) -> None:
    job.out.write_text("a file is in the way")
    with pytest.raises(InfraError, match="cannot be made"):
        await go(job)
