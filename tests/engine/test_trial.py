# SPDX-License-Identifier: GPL-2.0-or-later
"""A trial's own rules, with a guest that is told what to answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine import trial
from harness.engine.trial import TrialJob, run_trial
from harness.machine import BootSpec
from harness.words import Accelerator, Ending, GuestEndedError, InfraError, Kernel, Observation, Outcome

GOOD_CONSOLE = b"[    0.000000] Linux version 6.12.0\n[    5.0] reboot: Power down\n"


class ToldGuest:
    """Answers as it was told; its console says what it was given."""

    def __init__(self, spec: BootSpec, console: bytes, notes: bytes | Exception, ending: Ending) -> None:
        (spec.folder / "console.log").write_bytes(console)
        self._notes = notes
        self._ending = ending
        self.killed = False

    async def read(self, path: str) -> bytes:
        if isinstance(self._notes, Exception):
            raise self._notes
        return self._notes

    async def shutdown(self) -> Ending:
        return self._ending

    async def kill(self) -> None:
        self.killed = True


@pytest.fixture
def job(tmp_path: Path) -> TrialJob:
    async def run(guest: object, *, sabotage: bool) -> Observation:
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


async def go(
    job: TrialJob,
    monkeypatch: pytest.MonkeyPatch,
    *,
    console: bytes = GOOD_CONSOLE,
    notes: bytes | Exception = b"\x00\xab\xcd\x00",
    ending: Ending = Ending.POWEROFF,
    broken: Exception | None = None,
) -> Any:
    async def boot(spec: BootSpec) -> ToldGuest:
        if broken is not None:
            raise broken
        return ToldGuest(spec, console, notes, ending)

    def build_initrd(out: Path, extra: object) -> Path:
        out.touch()
        return out

    monkeypatch.setattr(trial, "boot", boot)
    monkeypatch.setattr(trial, "build_initrd", build_initrd)
    return await run_trial(job, Accelerator.TCG)


async def test_a_good_trial_passes_and_leaves_its_evidence(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await go(job, monkeypatch)
    assert done.outcome is Outcome.PASS
    assert (job.out / done.folder / "events.json").is_file()
    assert not (job.folder / "initrd").exists()


async def test_another_kernel_than_the_one_built_proves_nothing(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await go(job, monkeypatch, notes=b"another build id")
    assert done.outcome is Outcome.INCONCLUSIVE
    assert done.reasons == ("witness missing: running_kernel",)


async def test_a_console_without_the_kernels_banner_proves_nothing(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await go(job, monkeypatch, console=b"")
    assert done.outcome is Outcome.INCONCLUSIVE
    assert "witness missing: console_read" in done.reasons


async def test_a_file_that_the_guest_refuses_is_no_end_of_the_run(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await go(job, monkeypatch, notes=InfraError("/sys/kernel/notes cannot be read in the guest"))
    assert done.outcome is Outcome.INCONCLUSIVE
    assert done.observation.notes == ("/sys/kernel/notes cannot be read in the guest",)


@pytest.mark.parametrize(
    "broken", [GuestEndedError("it never became ready", Ending.NO_BOOT), InfraError("QEMU did not start")]
)
async def test_a_guest_that_never_came_is_infra(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    done = await go(job, monkeypatch, broken=broken)
    assert done.outcome is Outcome.INFRA
    assert done.ending is Ending.NO_BOOT


async def test_a_kernel_that_panics_at_the_end_fails(job: TrialJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await go(job, monkeypatch, ending=Ending.PANIC)).outcome is Outcome.FAIL


async def test_a_folder_that_cannot_be_made_ends_the_run(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.out.write_text("a file is in the way")
    with pytest.raises(InfraError, match="cannot be made"):
        await go(job, monkeypatch)
