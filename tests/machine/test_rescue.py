# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest is made to say before it is ended."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from harness.machine.console import Console
from harness.machine.rescue import dump_tasks
from harness.machine.vm import Vm


class DeafOnce:
    """Takes the first break of a key for a character, as the 8250's driver does now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.keys: list[bytes] = []
        self.commands: list[str] = []

    async def command(self, name: str, **_: object) -> str:
        self.commands.append(name)
        return ""

    def type(self, key: bytes) -> None:
        self.keys.append(key)
        answer = {b"l": b"sysrq: Show backtrace of all active CPUs", b"t": b"sysrq: Show State"}[key]
        self.console.data_received((answer if key in self.keys[:-1] else b"^@" + key) + b"." * 80 + b"\n")


async def test_a_key_that_was_lost_is_sent_again(tmp_path: Path) -> None:
    console = Console(tmp_path / "console.log", print)
    vm = DeafOnce(console)
    assert await dump_tasks(cast(Vm, vm), tmp_path)
    assert vm.keys == [b"l", b"l", b"t", b"t"]
    assert vm.commands == ["chardev-send-break"] * 4
    assert b"sysrq: Show State" in (tmp_path / "console.log").read_bytes()
