# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking into a guest from outside: QEMU's gdb stub, and a dump of its memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from harness.machine.vm import Vm
from harness.words import InfraError, UserError

_FD = "vmcore"


async def open_gdb(vm: Vm) -> int:
    """Start the gdb stub on a port of the loopback device, and return it; the guest goes on.

    `InfraError` if QEMU refuses.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    said = await vm.command("human-monitor-command", **{"command-line": f"gdbserver tcp:127.0.0.1:{port}"})
    if not isinstance(said, str) or "Waiting for gdb connection" not in said:
        raise InfraError(f"QEMU did not open its gdb stub: {said or 'no answer'}")
    return port


async def dump(vm: Vm, path: Path) -> None:
    """Write the guest's memory and registers as an ELF core, which stops the guest meanwhile.

    `UserError` if the file cannot be written, `InfraError` if QEMU refuses.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    try:
        # QEMU runs as nobody and opens no path of ours.
        await vm.hand_over(fd, _FD)
        if await vm.command("dump-guest-memory", paging=False, protocol=f"fd:{_FD}") is None:
            raise InfraError(f"QEMU did not write the guest's memory to {path}")
    finally:
        os.close(fd)
