# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest at a time, for each trial in the very state that its workload starts from: restored or booted."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.dmesg import parse
from harness.machine import BootSpec, QemuGuest, SavingGuest, boot, build_initrd
from harness.words import Accelerator, Ending, GuestEndedError, InfraError
from harness.workload import MODULE, Workload

if TYPE_CHECKING:
    from harness.engine.trial import TrialJob

_Kind = tuple[str, int, int, int, frozenset[tuple[str, Path]]]

_BOOT_DEADLINE = 120.0
_NOTES = "/sys/kernel/notes"


class _State(enum.StrEnum):
    """What a guest is in before its trial begins. All but the first are kept, by their names."""

    FRESH = "fresh"
    BOOTED = "booted"
    PREPARED = "prepared"


@dataclass(slots=True)
class _Saved:
    """A guest that can be restored, which kernel and machine it is, and where it was booted.

    `prepared` is the workload that it is also kept prepared for.
    """

    guest: SavingGuest
    kind: _Kind
    folder: Path
    prepared: Workload | None = None


class Seat:
    """Gives one trial after the other a guest. `broken` counts the states that could not be gone back to.

    `running_kernel` tells whether the present guest showed the build id of the kernel that was built. Whoever
    looks into guests (`on_boot`) is given each that was booted, and may let it wait for `silence` seconds.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        on_boot: Callable[[QemuGuest], Awaitable[None]] | None = None,
        silence: float = 60.0,
    ) -> None:
        self._accelerator = accelerator
        self._on_boot = on_boot
        self._silence = silence
        self._guest: QemuGuest | None = None
        self._saved: _Saved | None = None
        self._state = _State.FRESH
        self.broken = 0
        self.running_kernel = False

    @property
    def guest(self) -> QemuGuest | None:
        """The present guest, if there is one."""
        return self._guest

    async def take(self, job: TrialJob) -> tuple[SavingGuest, Path]:
        """Return a guest for the trial and the folder of the trial that it was booted for.

        That is another trial's folder for a guest that was restored. `GuestEndedError` if it ends before it
        is ready, `InfraError` if it cannot even be started.
        """
        if self._saved and (job.cold or self._saved.kind != _kind(job)):
            await self.clear()
        if self._saved and await self._restored(self._saved, job):
            return self._saved.guest, self._saved.folder
        await self.clear()
        return await self._boot(job), job.folder

    async def prepare(self, job: TrialJob) -> None:
        """Bring the guest into the state that the trial's workload starts from, unless it is in it already.

        `GuestEndedError` if the guest ends meanwhile, `InfraError` if it refuses what is asked.
        """
        guest = self._guest
        assert guest is not None
        if self._state is _State.FRESH:
            self.running_kernel = bytes.fromhex(job.kernel.build_id) in await guest.read(_NOTES)
            if job.keep and await self._kept(guest, _State.BOOTED):
                self._saved = _Saved(guest, _kind(job), job.folder)
        if self._state is not _State.PREPARED:
            await job.workload.prepare(guest)
            if self._saved and await self._kept(guest, _State.PREPARED):
                self._saved.prepared = job.workload

    async def leave(self) -> Ending:
        """End the trial's use of its guest, which lives on if it can be restored; tell how that went."""
        assert self._guest is not None
        return await (self._guest.settle() if self._saved else self._guest.shutdown())

    async def clear(self) -> None:
        """End the guest, if there is one."""
        guest, self._guest, self._saved = self._guest, None, None
        if guest is not None:
            await guest.kill()

    async def _restored(self, saved: _Saved, job: TrialJob) -> bool:
        """Go back to a saved state; one that is broken costs a boot and is counted."""
        self._state = _State.PREPARED if saved.prepared == job.workload else _State.BOOTED
        seconds = job.workload.deadline + _BOOT_DEADLINE
        try:
            await saved.guest.restore(self._state, job.folder, seconds, job.seed.to_bytes(8, "little"))
            if saved.prepared and self._state is _State.BOOTED:
                saved.prepared = None
                await saved.guest.drop(_State.PREPARED)
        except GuestEndedError as error:
            if error.ending is Ending.DISK_FULL:
                raise
        except InfraError:
            pass
        else:
            return True
        self.broken += 1
        return False

    async def _boot(self, job: TrialJob) -> SavingGuest:
        initrd = build_initrd(job.folder / "initrd", {MODULE: job.kernel.module, **job.files})
        spec = BootSpec(
            image=job.kernel.image,
            initrd=initrd,
            folder=job.folder,
            accelerator=self._accelerator,
            cpus=job.workload.cpus,
            possible_cpus=job.workload.possible_cpus,
            memory_mib=job.workload.memory_mib,
            boot_deadline=_BOOT_DEADLINE,
            deadline=job.workload.deadline + _BOOT_DEADLINE,
            silence=self._silence,
            snapshot=job.keep,
        )
        try:
            self._guest = await boot(spec)
        finally:
            initrd.unlink(missing_ok=True)
        self._state, self.running_kernel = _State.FRESH, False
        if self._on_boot is not None:
            await self._on_boot(self._guest)
        return self._guest

    async def _kept(self, guest: SavingGuest, state: _State) -> bool:
        """Keep the guest's state if the kernel has said nothing so far, and tell whether it is kept."""
        if parse(guest.console.read_bytes()):
            return False
        try:
            await guest.save(state)
        except InfraError:
            self.broken += 1
            return False
        return True


def _kind(job: TrialJob) -> _Kind:
    one = job.workload
    return job.kernel.key, one.cpus, one.possible_cpus, one.memory_mib, frozenset(job.files.items())
