# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest that does not answer can still be made to say before it is ended."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from harness.machine.deadline import Deadline
from harness.machine.vm import Vm

# Sysrq, and what the kernel says first: stacks of all CPUs, then of all tasks with the locks they hold.
_KEYS = {b"l": b"Show backtrace", b"t": b"Show State"}
_TRIES = 3  # of a key: now and then the driver takes a break for a character while the kernel prints
_FIRST_WORD = 2.0  # seconds for the kernel to react at all
_QUIET = 1.0  # seconds without output after which a dump is taken for complete
_LONGEST = 30.0
_ECHO = 64  # bytes that the terminal may merely have echoed


async def dump_tasks(vm: Vm, folder: Path) -> bool:
    """Have the task states written to the console; True if the kernel did so.

    Sysrq comes by a serial break and a letter (drivers/tty/serial/8250, CONFIG_MAGIC_SYSRQ_SERIAL), which
    needs neither the agent nor any task. A kernel with interrupts off does not hear it: then QEMU tells the
    registers, in `registers.txt`, and an NMI makes the kernel panic with a stack.
    """
    deadline = Deadline(_LONGEST)
    answered = False
    for key, answer in _KEYS.items():
        answered = await _press(vm, key, answer, deadline) or answered
    if not answered:
        registers = await vm.command("human-monitor-command", **{"command-line": "info registers -a"})
        (folder / "registers.txt").write_text(f"{registers}\n")
        before = vm.console.size
        await vm.command("inject-nmi")
        await _settled(vm, before, deadline)
    return answered


async def _press(vm: Vm, key: bytes, answer: bytes, deadline: Deadline) -> bool:
    """Send a break and a key, again where other words came but no `answer`; True if that came."""
    heard = asyncio.ensure_future(vm.console.heard(answer))
    try:
        for _ in range(_TRIES):
            before = vm.console.size
            await vm.command("chardev-send-break", id="console")
            await asyncio.sleep(0.05)
            vm.type(key)
            said = await _settled(vm, before, deadline)
            if heard.done() or not said:
                break
        return heard.done()
    finally:
        heard.cancel()


async def _settled(vm: Vm, before: int, deadline: Deadline) -> bool:
    """Wait until what the console says after `before` bytes has ended; False if nothing of weight came."""
    began = time.monotonic()
    while deadline.remaining:
        await asyncio.sleep(0.05)
        said = vm.console.size > before + _ECHO
        since = time.monotonic() - (vm.console.last_output if said else began)
        if since > (_QUIET if said else _FIRST_WORD):
            return said
    return vm.console.size > before + _ECHO
