# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's whole state, kept in memory while its QEMU lives, and gone back to in place of a boot."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from qemu.qmp import EventListener, Message, QMPClient, QMPError

from harness.machine.kernel import place
from harness.machine.launch import Handover
from harness.machine.memory import GuestMemory
from harness.words import InfraError

_FILE, _STATE, _MEMORY, _JOB = "state-file", "state", "memory", "snapshot"
_SECONDS = 60.0


class Snapshot:
    """Saved states, by name, of a guest with `size` bytes of memory.

    Its memory is a file that we share with QEMU, and is saved and brought back by us, for QEMU copies all of
    it, used or not, in small blocks. The rest is saved by QEMU, in a qcow2 image without a disk, in a memory
    file. Both die with their holders.
    """

    def __init__(self, qmp: QMPClient, size: int) -> None:
        self._qmp = qmp
        self._memory = GuestMemory(size)
        self._formatted = False

    def arguments(self, image: Path, handover: Handover) -> list[str]:
        """Return the options that give QEMU both files, and the kernel that is in the memory already.

        `InfraError` for an image that is no kernel.
        """
        handover.fds += [place(image, self._memory), os.memfd_create(_STATE), os.dup(self._memory.fd)]
        kernel, state, memory = (f"/proc/self/fd/{fd}" for fd in handover.fds[-3:])
        backend = f"memory-backend-file,id={_MEMORY},size={self._memory.size},mem-path={memory},share=on"
        return [
            *("-object", backend, "-machine", f"memory-backend={_MEMORY}"),
            *("-kernel", kernel),
            *("-blockdev", f"driver=file,node-name={_FILE},filename={state},locking=off"),
        ]

    async def save(self, name: str) -> None:
        """Save the guest, which is stopped; `InfraError` if QEMU cannot."""
        if not self._formatted:
            await self._format()
        await self._job("snapshot-save", tag=name, vmstate=_STATE, devices=[_STATE])
        await asyncio.to_thread(self._memory.save, name)

    async def _format(self) -> None:
        await self._job("blockdev-create", options={"driver": "qcow2", "file": _FILE, "size": 0})
        await self._execute("blockdev-add", {"driver": "qcow2", "node-name": _STATE, "file": _FILE})
        capability = {"capability": "x-ignore-shared", "state": True}
        await self._execute("migrate-set-capabilities", {"capabilities": [capability]})
        roms = await self._execute("human-monitor-command", {"command-line": "info roms"})
        if "mem=ram" in str(roms):
            raise InfraError(f"QEMU would write to the guest's memory when a state is loaded: {roms}")
        self._formatted = True

    async def load(self, name: str) -> None:
        """Go back to a saved state, stopped; `InfraError` if that fails: the guest is of no use then.

        The memory comes first: devices look into their rings there while they are loaded.
        """
        await self._execute("stop", {})
        await asyncio.to_thread(self._memory.load, name)
        await self._job("snapshot-load", tag=name, vmstate=_STATE, devices=[_STATE])

    async def drop(self, name: str) -> None:
        """Forget a state, whose room the next one takes; `InfraError` if QEMU cannot."""
        await self._job("snapshot-delete", tag=name, devices=[_STATE])
        self._memory.drop(name)

    def close(self) -> None:
        """Let go of the memory, when QEMU is gone."""
        self._memory.close()

    async def _execute(self, name: str, arguments: dict[str, object]) -> object:
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._qmp.execute(name, arguments)
        except (QMPError, OSError, EOFError, TimeoutError) as error:
            raise InfraError(f"QEMU cannot do {name}: {error or 'no answer'}") from error

    async def _job(self, name: str, **arguments: object) -> None:
        """Run a command that QEMU does in the background, to its end."""
        ends = EventListener("JOB_STATUS_CHANGE", _concluded)
        with self._qmp.listen(ends):
            await self._execute(name, {"job-id": _JOB, **arguments})
            try:
                async with asyncio.timeout(_SECONDS):
                    await ends.get()
            except TimeoutError:
                raise InfraError(f"QEMU did not finish {name} in {_SECONDS:g} s") from None
        jobs = await self._execute("query-jobs", {})
        assert isinstance(jobs, list)
        errors = [job["error"] for job in jobs if job["id"] == _JOB and "error" in job]
        await self._execute("job-dismiss", {"id": _JOB})
        if errors:
            raise InfraError(f"QEMU failed at {name}: {errors[0]}")


def _concluded(event: Message) -> bool:
    data = event["data"]
    return isinstance(data, dict) and data["id"] == _JOB and data["status"] == "concluded"
