# SPDX-License-Identifier: GPL-2.0-or-later
"""Going back to a saved state, on real guests: what is as before, what must differ, and what can go wrong."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from harness.machine import BootSpec, boot
from harness.machine.qemu import QemuGuest
from harness.words import Ending, GuestEndedError, InfraError

pytestmark = [pytest.mark.guest, pytest.mark.timeout(400)]


@pytest_asyncio.fixture
async def saved(spec: BootSpec) -> AsyncIterator[QemuGuest]:
    guest = await boot(replace(spec, snapshot=True, silence=5))
    await guest.write("/tmp/state", b"saved\n")
    await guest.save("state")
    yield guest
    await guest.kill()


async def restore(
    guest: QemuGuest, folder: Path, deadline: float = 100, seed: bytes = b"seed", name: str = "state"
) -> None:
    await asyncio.to_thread(folder.mkdir)
    await guest.restore(name, folder, deadline, seed)


async def test_the_state_is_as_it_was_and_each_console_has_a_file(saved: QemuGuest, tmp_path: Path) -> None:
    booted = saved.console
    for name in ("one", "two", "three"):
        await saved.write("/tmp/state", b"spoilt\n")
        await saved.run(["sh", "-c", "echo harness: too late > /dev/kmsg"], 10)
        assert await saved.settle() is Ending.SETTLED
        await restore(saved, tmp_path / name)
        assert await saved.read("/tmp/state") == b"saved\n"
        await saved.run(["sh", "-c", f"echo harness: in {name} > /dev/kmsg"], 10)
        assert saved.console == tmp_path / name / "console.log"
    assert await saved.settle() is Ending.SETTLED
    for name in ("one", "two", "three"):
        text = (tmp_path / name / "console.log").read_text()
        assert [f"harness: in {other}" in text for other in ("one", "two", "three")].count(True) == 1
        assert f"harness: in {name}" in text
        assert text.startswith("[    0.000000]")
        assert text.count("Linux version") == 1
    assert "Linux version" in booted.read_text()
    assert "harness: in" not in booted.read_text()
    await restore(saved, tmp_path / "last")
    await asyncio.sleep(3)  # longer than a closed port is forgiven
    assert await saved.shutdown() is Ending.POWEROFF


async def test_several_states_are_kept_apart(saved: QemuGuest, tmp_path: Path) -> None:
    await saved.run(["sh", "-c", "echo harness: further > /dev/kmsg"], 10)
    more = "dd if=/dev/urandom of=/tmp/more bs=1M count=8 && echo second > /tmp/state"
    assert (await saved.run(["sh", "-c", more], 100)).exit_code == 0
    await saved.save("further")
    digest = (await saved.run(["md5sum", "/tmp/more"], 100)).stdout
    assert digest
    for number, name in enumerate(("state", "further", "state", "further")):
        await restore(saved, tmp_path / str(number), name=name)
        assert await saved.read("/tmp/state") == {"state": b"saved\n", "further": b"second\n"}[name]
        if name == "further":
            assert (await saved.run(["md5sum", "/tmp/more"], 100)).stdout == digest
        else:
            with pytest.raises(InfraError):
                await saved.read("/tmp/more")
        said = (tmp_path / str(number) / "console.log").read_text()
        assert ("harness: further" in said) is (name == "further")
    await saved.drop("further")
    await restore(saved, tmp_path / "after", name="state")
    with pytest.raises(InfraError, match="further"):
        await restore(saved, tmp_path / "dropped", name="further")


async def poke_reader(guest: QemuGuest, text: bytes) -> None:
    """Write to a FIFO whose reader was started, but may not have opened it yet."""
    for _ in range(100):
        try:
            return await guest.poke("/tmp/answers", text)
        except InfraError:
            await asyncio.sleep(0.05)
    pytest.fail("nobody reads")


async def test_a_question_that_was_asked_before_is_answered_in_every_life(
    saved: QemuGuest, tmp_path: Path
) -> None:
    await saved.run(["mkfifo", "/tmp/answers"], 10)
    await saved.ask("/tmp/answers", 50)
    await saved.save("asked")
    for text in (b"one\n", b"two\n", b"three\n"):
        await poke_reader(saved, text)
        assert await saved.answer(30) == text
        assert await saved.settle() is Ending.SETTLED
        await restore(saved, tmp_path / text.decode().strip(), name="asked")
    with pytest.raises(InfraError, match="No such file"):
        await saved.poke("/nowhere", b"")


async def test_all_clocks_go_back(saved: QemuGuest, tmp_path: Path) -> None:
    """One that does not makes the kernel see time leap, and its watchdogs report lockups."""
    now = "cut -d' ' -f1 /proc/uptime; echo harness: now > /dev/kmsg; dmesg | tail -n 1"
    clocks = []
    for number in range(3):
        await restore(saved, tmp_path / str(number))
        await saved.run(["sleep", "1"], 20)
        said = (await saved.run(["sh", "-c", now], 20)).stdout.decode()
        clocks.append([float(text) for text in re.findall(r"\d+\.\d+", said)[:2]])
        await saved.run(["sleep", "6"], 20)
    assert [len(read) for read in clocks] == [2, 2, 2], "the uptime and the stamp of a line in the log"
    for clock in zip(*clocks, strict=True):
        assert max(clock) - min(clock) < 5, clocks


async def test_random_numbers_follow_the_seed(saved: QemuGuest, tmp_path: Path) -> None:
    drawn = set()
    for number in range(4):
        await restore(saved, tmp_path / str(number), seed=os.urandom(32))
        drawn.add(await saved.read("/proc/sys/kernel/random/uuid"))
    assert len(drawn) == 4


async def test_a_panic_ends_only_the_trial_that_it_is_in(saved: QemuGuest, tmp_path: Path) -> None:
    await restore(saved, tmp_path / "one")
    with pytest.raises(GuestEndedError) as caught:
        await saved.run(["sh", "-c", "echo c > /proc/sysrq-trigger"], 60)
    assert caught.value.ending is Ending.PANIC
    assert "Kernel panic" in (tmp_path / "one" / "console.log").read_text()
    assert await saved.settle() is Ending.PANIC
    with pytest.raises(GuestEndedError):
        await restore(saved, tmp_path / "two")


async def test_a_restored_guest_has_its_own_deadline(saved: QemuGuest, tmp_path: Path) -> None:
    await restore(saved, tmp_path / "one", deadline=3)
    await restore(saved, tmp_path / "two", deadline=60)
    assert (await saved.run(["sleep", "5"], 30)).exit_code == 0
    await restore(saved, tmp_path / "three", deadline=3)
    with pytest.raises(GuestEndedError) as caught:
        await saved.run(["sleep", "50"], 60)
    assert caught.value.ending is Ending.DEADLINE
    assert "sysrq: Show State" in (tmp_path / "three" / "console.log").read_text()


async def test_a_restored_agent_that_stops_is_seen(saved: QemuGuest, tmp_path: Path) -> None:
    await restore(saved, tmp_path / "one")
    with pytest.raises(GuestEndedError) as caught:
        await saved.run(["sh", "-c", "kill -STOP $PPID; sleep 60"], 60)
    assert caught.value.ending is Ending.SILENT


async def test_qemu_killed_while_it_restores(saved: QemuGuest, tmp_path: Path) -> None:
    assert saved.pid is not None
    os.kill(saved.pid, signal.SIGKILL)
    with pytest.raises((GuestEndedError, InfraError)):
        await restore(saved, tmp_path / "one")
    assert await saved.ended() is Ending.QEMU_KILLED


async def test_a_state_that_was_never_saved_is_an_infra_error(spec: BootSpec, tmp_path: Path) -> None:
    guest = await boot(replace(spec, snapshot=True))
    with pytest.raises(InfraError, match="snapshot"):
        await restore(guest, tmp_path / "one")
    await guest.kill()


async def test_a_guest_that_was_not_meant_to_be_saved_says_so(booted: QemuGuest) -> None:
    with pytest.raises(InfraError, match="not started to be saved"):
        await booted.save("state")
    assert (await booted.run(["true"], 10)).exit_code == 0
