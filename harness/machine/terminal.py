# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's terminal on a shell in the guest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.machine.qemu import QemuGuest, boot
from harness.machine.vm import BootSpec
from harness.words import Ending, GuestEndedError, UserError

_ESCAPE = b"\x1d"  # Ctrl-]
_SESSION = 24 * 3600.0  # seconds: a person sits there


async def interactive(spec: BootSpec) -> Ending:
    """Boot `spec` with a shell on its serial console and give it the terminal until one of them ends.

    Every key goes to the guest, Ctrl-C too; Ctrl-] ends the guest, as do `exit` and `poweroff` in it. The
    terminal is restored whatever happens. Raises `UserError` where standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise UserError("a shell in the guest needs a terminal: standard input is not one")
    size = os.get_terminal_size(sys.stdin.fileno())
    cmdline = f"{spec.cmdline} agent.shell={size.lines}x{size.columns}".strip()
    guest = await boot(replace(spec, cmdline=cmdline, deadline=_SESSION))
    try:
        return await _attend(guest, asyncio.ensure_future(guest.ended()))
    finally:
        await guest.kill()


async def shell(guest: QemuGuest) -> Ending:
    """Start a shell in a guest that runs, give it the terminal until one of them ends, and end the guest.

    `UserError` where standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise UserError("a shell in the guest needs a terminal: standard input is not one")
    size = os.get_terminal_size(sys.stdin.fileno())
    # The agent's child leads a session of its own: the first terminal that it opens becomes its own.
    start = f"stty rows {size.lines} cols {size.columns}; exec sh -i"
    argv = ["/bin/sh", "-c", f"exec </dev/ttyS0 >/dev/ttyS0 2>&1; {start}"]
    return await _attend(guest, asyncio.ensure_future(guest.run(argv, _SESSION)))


async def _attend(guest: QemuGuest, done: asyncio.Future[Any]) -> Ending:
    loop = asyncio.get_running_loop()
    left = asyncio.Event()

    def on_key() -> None:
        keys = os.read(sys.stdin.fileno(), 1024)
        guest.vm.type(keys.split(_ESCAPE)[0])
        if not keys or _ESCAPE in keys:
            left.set()

    print("The guest's shell: Ctrl-] ends it, exit or poweroff too.", flush=True)
    with _raw(sys.stdin.fileno()):
        guest.vm.console.listener = _show
        guest.vm.type(b"\n")
        loop.add_reader(sys.stdin, on_key)
        waiting = asyncio.ensure_future(left.wait())
        await asyncio.wait([waiting, done], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        loop.remove_reader(sys.stdin)
        ending = await guest.shutdown()
    with contextlib.suppress(GuestEndedError):
        await done
    return ending


def _show(data: bytes) -> None:
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    saved = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, saved)
