# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's whole state, kept in memory while its QEMU lives, and gone back to in place of a boot."""

from __future__ import annotations

import asyncio
import os

from qemu.qmp import EventListener, Message, QMPClient, QMPError

from harness.machine.launch import Handover
from harness.words import InfraError

_FILE, _STATE, _TAG, _JOB = "state-file", "state", "ready", "snapshot"
_SECONDS = 60.0


class Snapshot:
    """One saved state. It lies in a qcow2 image without a disk, in a memory file that dies with QEMU."""

    def __init__(self, qmp: QMPClient) -> None:
        self._qmp = qmp
        self._formatted = False

    @staticmethod
    def arguments(handover: Handover) -> list[str]:
        """Return the options that give QEMU the file."""
        handover.fds.append(os.memfd_create(_STATE))
        path = f"/proc/self/fd/{handover.fds[-1]}"
        return ["-blockdev", f"driver=file,node-name={_FILE},filename={path},locking=off"]

    async def save(self) -> None:
        """Save the guest as it is now; `InfraError` if QEMU cannot."""
        if not self._formatted:
            await self._job("blockdev-create", options={"driver": "qcow2", "file": _FILE, "size": 0})
            await self._execute("blockdev-add", {"driver": "qcow2", "node-name": _STATE, "file": _FILE})
            self._formatted = True
        await self._job("snapshot-save", tag=_TAG, vmstate=_STATE, devices=[_STATE])

    async def load(self) -> None:
        """Go back to the saved state, stopped; `InfraError` if that fails: the guest is of no use then."""
        await self._execute("stop", {})
        await self._job("snapshot-load", tag=_TAG, vmstate=_STATE, devices=[_STATE])

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
