# SPDX-License-Identifier: GPL-2.0-or-later
"""When a guest is booted and when it is restored, with guests that are told what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.engine import seat
from harness.engine.seat import Seat
from harness.engine.trial import TrialJob
from harness.machine import BootSpec
from harness.words import Accelerator, Ending, GuestEndedError, InfraError, Kernel

CLEAN = b"[    0.000000] Linux version 6.12.0\n"
WARNING = b"[    1.0] WARNING: CPU: 0 PID: 1 at mm/percpu.c:1 func+0x1/0x2\n"


class ToldGuest:
    """Counts what is done with it; fails at what it is told to fail at."""

    def __init__(self, spec: BootSpec, world: World) -> None:
        self.console = spec.folder / "console.log"
        self.console.write_bytes(world.console)
        self.world = world
        self.saved: list[str] = []
        self.restored: list[str] = []
        self.seeds: list[bytes] = []
        self.killed = False

    async def read(self, path: str) -> bytes:
        assert path == "/sys/kernel/notes"
        return self.world.notes

    async def save(self, name: str) -> None:
        if self.world.save:
            raise self.world.save
        self.saved.append(name)

    async def restore(self, name: str, folder: Path, deadline: float, seed: bytes) -> None:
        assert name in self.saved
        assert not self.killed
        if self.world.restore:
            raise self.world.restore
        self.restored.append(name)
        self.seeds.append(seed)

    async def drop(self, name: str) -> None:
        self.saved.remove(name)

    async def settle(self) -> Ending:
        return Ending.SETTLED

    async def shutdown(self) -> Ending:
        return Ending.POWEROFF

    async def kill(self) -> None:
        self.killed = True


class World:
    """What is told to guests, and the guests that were booted."""

    def __init__(self) -> None:
        self.console = CLEAN
        self.notes = b"\x04\xab\xcd"
        self.prepared: list[str] = []
        self.on_prepare: Callable[[ToldGuest], None] = lambda guest: None
        self.save: Exception | None = None
        self.restore: Exception | None = None
        self.guests: list[ToldGuest] = []

    async def boot(self, spec: BootSpec) -> ToldGuest:
        assert spec.initrd.exists()
        self.guests.append(ToldGuest(spec, self))
        return self.guests[-1]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def build_initrd(out: Path, extra: object) -> Path:
        out.touch()
        return out

    monkeypatch.setattr(seat, "boot", made.boot)
    monkeypatch.setattr(seat, "build_initrd", build_initrd)
    return made


@dataclass
class ToldWorkload:
    """Counts its preparations; two of equal parameters are equal."""

    world: World = field(compare=False)
    name: str = "exhaust"
    cpus: int = 2
    possible_cpus: int = 0
    memory_mib: int = 256
    deadline: float = 10

    async def prepare(self, guest: ToldGuest) -> None:
        self.world.prepared.append(self.name)
        self.world.on_prepare(guest)


@pytest.fixture
def job(tmp_path: Path, world: World) -> TrialJob:
    workload: Any = ToldWorkload(world)
    path = tmp_path
    kernel = Kernel("k" * 64, "s", path, path, path, path, path, "6.12", "abcd", "gcc", 1.0)
    return TrialJob("as-is", kernel, workload, 1, False, tmp_path / "out", seed=9)


async def use(taken: Seat, job: TrialJob, index: int, **changes: Any) -> bool:
    """Run one trial; tell whether its guest was restored."""
    job = replace(job, index=index, **changes)
    job.folder.mkdir(parents=True)
    guest: Any
    guest, booted_in = await taken.take(job)
    await taken.prepare(job)
    assert not (job.folder / "initrd").exists()
    ending = await taken.leave()
    assert ending is (Ending.SETTLED if guest.saved else Ending.POWEROFF)
    return booted_in != job.folder


async def test_the_second_trial_of_a_workload_is_restored_prepared(world: World, job: TrialJob) -> None:
    taken = Seat(Accelerator.TCG)
    assert [await use(taken, job, index) for index in (1, 2, 3)] == [False, True, True]
    (guest,) = world.guests
    assert guest.seeds == [b"\t\0\0\0\0\0\0\0"] * 2
    assert guest.restored == ["prepared", "prepared"]
    assert world.prepared == ["exhaust"]
    assert taken.running_kernel
    await taken.clear()
    assert guest.killed


async def test_another_workload_is_prepared_in_the_state_after_the_boot(world: World, job: TrialJob) -> None:
    taken = Seat(Accelerator.TCG)
    await use(taken, job, 1)
    storm: Any = ToldWorkload(world, "storm")
    for index in (2, 3):
        assert await use(taken, job, index, workload=storm)
    slow: Any = ToldWorkload(world, "storm", deadline=20)
    assert await use(taken, job, 4, workload=slow), "other parameters are another workload"
    (guest,) = world.guests
    assert world.prepared == ["exhaust", "storm", "storm"]
    assert guest.restored == ["booted", "prepared", "booted"]
    assert guest.saved == ["booted", "prepared"], "one workload's state is kept at a time"


async def test_what_cannot_be_prepared_is_prepared_anew_next_time(world: World, job: TrialJob) -> None:
    def refuse(guest: ToldGuest) -> None:
        raise InfraError("insmod: no")

    taken = Seat(Accelerator.TCG)
    world.on_prepare = refuse
    with pytest.raises(InfraError, match="no"):
        await use(taken, job, 1)
    world.on_prepare = lambda guest: None
    assert await use(taken, job, 2)
    (guest,) = world.guests
    assert guest.restored == ["booted"]
    assert guest.saved == ["booted", "prepared"]


async def test_a_kernel_that_reports_something_while_it_is_prepared_is_not_kept_prepared(
    world: World, job: TrialJob
) -> None:
    taken = Seat(Accelerator.TCG)
    world.on_prepare = lambda guest: guest.console.write_bytes(CLEAN + WARNING) and None
    await use(taken, job, 1)
    (guest,) = world.guests
    assert guest.saved == ["booted"]


async def test_a_kernel_that_is_not_the_one_that_was_built_is_told(world: World, job: TrialJob) -> None:
    world.notes = b"another"
    taken = Seat(Accelerator.TCG)
    await use(taken, job, 1)
    await use(taken, job, 2)
    assert not taken.running_kernel


async def test_another_kernel_or_machine_or_a_cold_trial_is_booted(world: World, job: TrialJob) -> None:
    taken = Seat(Accelerator.TCG)
    await use(taken, job, 1)
    assert not await use(taken, job, 2, kernel=replace(job.kernel, key="other"))
    workload: Any = ToldWorkload(world, cpus=4)
    assert not await use(taken, job, 3, workload=workload)
    assert await use(taken, job, 4, workload=workload)
    assert not await use(taken, job, 5, workload=workload, cold=True)
    assert [guest.killed for guest in world.guests] == [True, True, True, False]


@pytest.mark.parametrize("error", [InfraError("no"), GuestEndedError("gone", Ending.QEMU_KILLED)])
async def test_a_broken_state_costs_a_boot_and_is_counted(
    world: World, job: TrialJob, error: Exception
) -> None:
    taken = Seat(Accelerator.TCG)
    await use(taken, job, 1)
    world.restore = error
    assert not await use(taken, job, 2)
    assert taken.broken == 1
    assert [guest.killed for guest in world.guests] == [True, False]
    world.restore = None
    assert await use(taken, job, 3)


async def test_a_guest_that_is_not_to_be_kept_is_powered_off(world: World, job: TrialJob) -> None:
    taken = Seat(Accelerator.TCG)
    assert [await use(taken, job, index, keep=False) for index in (1, 2)] == [False, False]
    assert not any(guest.saved for guest in world.guests)
    assert taken.broken == 0


async def test_a_full_disk_is_no_broken_state(world: World, job: TrialJob) -> None:
    taken = Seat(Accelerator.TCG)
    await use(taken, job, 1)
    world.restore = GuestEndedError("full", Ending.DISK_FULL)
    with pytest.raises(GuestEndedError, match="full"):
        await use(taken, job, 2)
    assert taken.broken == 0


async def test_a_guest_that_cannot_be_saved_is_powered_off(world: World, job: TrialJob) -> None:
    world.save = InfraError("no")
    taken = Seat(Accelerator.TCG)
    assert [await use(taken, job, index) for index in (1, 2)] == [False, False]
    assert taken.broken == 2


async def test_a_kernel_that_reports_something_at_boot_is_never_restored(world: World, job: TrialJob) -> None:
    world.console = CLEAN + WARNING
    taken = Seat(Accelerator.TCG)
    assert [await use(taken, job, index) for index in (1, 2)] == [False, False]
    assert taken.broken == 0
    assert not any(guest.saved for guest in world.guests)
