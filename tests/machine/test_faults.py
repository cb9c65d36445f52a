# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which a guest can end, on real guests: each has its name, its evidence, and an end in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.machine import BootSpec, boot, build_initrd
from harness.machine.channel import Channel
from harness.machine.qemu import QemuGuest
from harness.words import Ending, GuestEndedError, InfraError
from tests.smallfs import small_filesystem

pytestmark = [pytest.mark.guest, pytest.mark.timeout(400)]


def qemu_children() -> list[str]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in children if Path(f"/proc/{pid}/comm").read_text().startswith("qemu")]


def alive(guest: QemuGuest) -> bool:
    return Path(f"/proc/{guest.pid}").exists()


async def ending_of(guest: QemuGuest, script: str) -> GuestEndedError:
    """Run `script`, which the guest must not survive."""
    with pytest.raises(GuestEndedError) as caught:
        await guest.run(["sh", "-c", script], 60)
    assert guest.ending is caught.value.ending
    assert not alive(guest)
    return caught.value


async def test_panic_is_named_and_its_report_is_whole(booted: QemuGuest) -> None:
    error = await ending_of(booted, "echo c > /proc/sysrq-trigger")
    assert error.ending is Ending.PANIC
    text = booted.console.read_text()
    assert "Kernel panic - not syncing: sysrq triggered crash" in text or "Fatal exception" in text
    assert "Call Trace" in text
    assert str(booted.console) in str(error)


async def test_reset_is_named(booted: QemuGuest) -> None:
    assert (await ending_of(booted, "echo b > /proc/sysrq-trigger")).ending is Ending.RESET


async def test_triple_fault_is_a_reset(booted: QemuGuest) -> None:
    """The kernel loads an empty interrupt table and traps (arch/x86/kernel/reboot.c, BOOT_TRIPLE)."""
    script = "echo triple > /sys/kernel/reboot/type && echo b > /proc/sysrq-trigger"
    error = await ending_of(booted, script)
    assert error.ending is Ending.RESET


async def test_unasked_poweroff_is_an_end(booted: QemuGuest) -> None:
    assert (await ending_of(booted, "poweroff -f")).ending is Ending.POWEROFF


async def test_qemu_killed_from_outside(booted: QemuGuest) -> None:
    assert booted.pid is not None
    os.kill(booted.pid, signal.SIGKILL)
    error = await ending_of(booted, "sleep 60")
    assert error.ending is Ending.QEMU_KILLED
    assert "SIGKILL" in str(error)


async def test_qemu_terminated_from_outside(booted: QemuGuest) -> None:
    assert booted.pid is not None
    os.kill(booted.pid, signal.SIGTERM)
    assert (await ending_of(booted, "sleep 60")).ending is Ending.QEMU_KILLED


async def test_agent_that_dies_is_lost_while_the_kernel_lives(booted: QemuGuest) -> None:
    error = await ending_of(booted, "kill -KILL $PPID; sleep 60")
    assert error.ending is Ending.AGENT_LOST
    assert "the agent is gone" in booted.console.read_text()


async def test_agent_that_stops_makes_a_silent_guest(spec: BootSpec) -> None:
    guest = await boot(replace(spec, silence=3))
    error = await ending_of(guest, "kill -STOP $PPID; sleep 60")
    assert error.ending is Ending.SILENT
    text = guest.console.read_text()
    assert "sysrq: Show State" in text, "task states are dumped before a silent guest is killed"
    assert "task:sleep" in text


async def test_frozen_guest_is_silent_and_leaves_its_registers(spec: BootSpec) -> None:
    guest = await boot(replace(spec, silence=3))
    await guest.vm.command("stop")
    assert (await ending_of(guest, "true")).ending is Ending.SILENT
    assert "RIP=" in (spec.folder / "registers.txt").read_text()


async def test_guest_that_does_not_power_off_is_silent(
    spec: BootSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Channel, "poweroff", lambda _: None)  # its agent answers on
    guest = await boot(replace(spec, silence=3))
    assert await guest.shutdown() is Ending.SILENT


async def test_harness_that_was_held_up_sees_that_the_guest_powered_off_in_time(spec: BootSpec) -> None:
    guest = await boot(replace(spec, silence=5))
    shutdown = asyncio.create_task(guest.shutdown())
    await asyncio.sleep(0.01)  # the agent is told
    time.sleep(10)  # noqa: ASYNC251
    assert await shutdown is Ending.POWEROFF


async def test_guest_with_interrupts_off_is_silent_and_leaves_its_registers(
    spec: BootSpec, stuck_module: Path, tmp_path: Path
) -> None:
    image = build_initrd(tmp_path / "initrd", {"stuck.ko": stuck_module})
    guest = await boot(replace(spec, initrd=image, silence=3))
    assert (await ending_of(guest, "insmod /stuck.ko")).ending is Ending.SILENT
    # IF is bit 9 of RFL.
    flags = re.findall(r"RFL=([0-9a-f]+)", (spec.folder / "registers.txt").read_text())
    assert flags
    assert not any(int(text, 16) & 1 << 9 for text in flags)


async def test_busy_guest_without_console_output_is_not_silent(spec: BootSpec) -> None:
    guest = await boot(replace(spec, silence=5))
    done = await guest.run(["sh", "-c", "timeout 12 sh -c 'while :; do :; done'; echo done"], 90)
    assert done.stdout == b"done\n"
    assert await guest.shutdown() is Ending.POWEROFF


async def test_deadline_ends_a_guest(spec: BootSpec) -> None:
    with pytest.raises(GuestEndedError) as caught:
        guest = await boot(replace(spec, deadline=20))
        await guest.run(["sleep", "60"], 60)
    assert caught.value.ending is Ending.DEADLINE


async def test_guest_without_init_panics(spec: BootSpec, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with pytest.raises(GuestEndedError) as caught:
        await boot(replace(spec, initrd=empty))
    assert caught.value.ending is Ending.PANIC


async def test_guest_whose_agent_never_greets_has_not_booted(spec: BootSpec, tmp_path: Path) -> None:
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nexec sleep 1000\n")
    mute.chmod(0o755)
    image = build_initrd(tmp_path / "initrd", {"init": mute})
    with pytest.raises(GuestEndedError) as caught:
        await boot(replace(spec, initrd=image, boot_deadline=30))
    assert caught.value.ending is Ending.NO_BOOT
    assert "sysrq: Show State" in (spec.folder / "console.log").read_text()


async def test_image_that_is_no_kernel_is_an_infra_error(spec: BootSpec, tmp_path: Path) -> None:
    wrong = tmp_path / "kernel"
    wrong.write_text("not a kernel\n" * 1000)
    with pytest.raises(InfraError, match="QEMU did not start"):
        await boot(replace(spec, image=wrong))


@pytest.fixture
def small_folder(tmp_path: Path) -> Iterator[Path]:
    """Provide a folder with room for the start of a console only."""
    with small_filesystem(tmp_path / "small", "64k") as folder:
        yield folder


async def test_full_output_folder_is_named(spec: BootSpec, small_folder: Path) -> None:
    with pytest.raises(GuestEndedError) as caught:
        guest = await boot(replace(spec, folder=small_folder))
        await guest.run(["sh", "-c", "while :; do echo t > /proc/sysrq-trigger; done"], 60)
    assert caught.value.ending is Ending.DISK_FULL
    assert "No space left on device" in str(caught.value)


async def test_folder_that_is_full_from_the_start_is_named(spec: BootSpec, small_folder: Path) -> None:
    with contextlib.suppress(OSError):
        (small_folder / "filler").write_bytes(bytes(1 << 20))
    with pytest.raises(GuestEndedError) as caught:
        await boot(replace(spec, folder=small_folder))
    assert caught.value.ending is Ending.DISK_FULL


async def test_no_guest_is_left_when_a_boot_is_cancelled(spec: BootSpec) -> None:
    task = asyncio.create_task(boot(spec))
    async with asyncio.timeout(60):
        while not qemu_children():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not qemu_children()


async def test_kernel_that_talks_without_its_agent_has_lost_it(spec: BootSpec) -> None:
    guest = await boot(replace(spec, silence=3))
    talk = "(while :; do echo still here > /dev/kmsg; sleep 1; done) & kill -STOP $PPID; sleep 60"
    error = await ending_of(guest, talk)
    assert error.ending is Ending.AGENT_LOST
    assert "sysrq: Show State" in guest.console.read_text()
