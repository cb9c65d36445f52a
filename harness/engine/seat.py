# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest at a time, for each trial in the very state that follows a boot: restored to it or booted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.dmesg import parse
from harness.machine import BootSpec, SavingGuest, boot, build_initrd
from harness.words import Accelerator, Ending, GuestEndedError, InfraError
from harness.workload import MODULE

if TYPE_CHECKING:
    from harness.engine.trial import TrialJob

_Kind = tuple[str, int, int, frozenset[tuple[str, Path]]]

_BOOT_DEADLINE = 120.0


@dataclass(slots=True)
class _Saved:
    """A guest that can be restored, which kernel and machine it is, and where it was booted."""

    guest: SavingGuest
    kind: _Kind
    folder: Path


class Seat:
    """Gives one trial after the other a guest. `broken` counts the states that could not be gone back to."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._guest: SavingGuest | None = None
        self._saved: _Saved | None = None
        self.broken = 0

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
        await self._boot(job)
        assert self._guest is not None
        return self._guest, job.folder

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
        """Go back to the saved state; a state that is broken costs a boot and is counted."""
        seed = job.seed.to_bytes(8, "little")
        try:
            await saved.guest.restore(job.folder, job.workload.deadline + _BOOT_DEADLINE, seed)
        except GuestEndedError as error:
            if error.ending is Ending.DISK_FULL:
                raise
        except InfraError:
            pass
        else:
            return True
        self.broken += 1
        return False

    async def _boot(self, job: TrialJob) -> None:
        initrd = build_initrd(job.folder / "initrd", {MODULE: job.kernel.module, **job.files})
        spec = BootSpec(
            image=job.kernel.image,
            initrd=initrd,
            folder=job.folder,
            accelerator=self._accelerator,
            cpus=job.workload.cpus,
            memory_mib=job.workload.memory_mib,
            boot_deadline=_BOOT_DEADLINE,
            deadline=job.workload.deadline + _BOOT_DEADLINE,
            snapshot=job.keep,
        )
        try:
            self._guest = await boot(spec)
        finally:
            initrd.unlink(missing_ok=True)
        await self._save(self._guest, job)

    async def _save(self, guest: SavingGuest, job: TrialJob) -> None:
        """Keep the state if it is wanted and the kernel has said nothing so far."""
        if not job.keep or parse(guest.console.read_bytes()):
            return
        try:
            await guest.save()
        except InfraError:
            self.broken += 1
            return
        self._saved = _Saved(guest, _kind(job), job.folder)


def _kind(job: TrialJob) -> _Kind:
    return job.kernel.key, job.workload.cpus, job.workload.memory_mib, frozenset(job.files.items())
