# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest in good health: commands, files, confinement, and nothing left when the harness is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from harness.machine import BootSpec
from harness.machine.qemu import QemuGuest
from harness.words import Ending, GuestEndedError, InfraError

pytestmark = [pytest.mark.guest, pytest.mark.timeout(400)]
CLONE = Path(__file__).parents[2]


async def test_commands_files_and_poweroff(booted: QemuGuest) -> None:
    done = await booted.run(["sh", "-c", "echo out; echo err >&2; exit 3"], 10)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert (await booted.run(["sh", "-c", "kill -SEGV $$"], 10)).exit_code == 128 + signal.SIGSEGV
    assert (await booted.run(["/no/such/program"], 10)).exit_code == 127
    content = bytes(range(256)) * 4096
    await booted.write("/tmp/content", content)
    assert await booted.read("/tmp/content") == content
    with pytest.raises(InfraError, match="/no/such/file cannot be read in the guest: No such file"):
        await booted.read("/no/such/file")
    assert await booted.shutdown() is Ending.POWEROFF
    assert booted.console.read_text().startswith("[    0.000000]")
    assert "reboot: Power down" in booted.console.read_text()
    with pytest.raises(GuestEndedError):
        await booted.run(["true"], 1)


async def test_command_out_of_time_is_ended_and_explained(booted: QemuGuest) -> None:
    done = await booted.run(["sh", "-c", "echo before; sleep 100"], 1)
    assert done.timed_out
    assert done.exit_code == 124
    assert done.stdout == b"before\n"
    assert "sysrq: Show Blocked State" in booted.console.read_text()
    assert (await booted.run(["pidof", "sleep"], 5)).exit_code == 1


async def test_commands_run_at_once(booted: QemuGuest) -> None:
    began = time.monotonic()
    results = await asyncio.gather(*(booted.run(["sh", "-c", f"sleep 2; echo {n}"], 20) for n in range(8)))
    assert [done.stdout for done in results] == [f"{n}\n".encode() for n in range(8)]
    assert time.monotonic() - began < 12


async def test_output_without_end_is_bounded(booted: QemuGuest) -> None:
    done = await booted.run(["sh", "-c", "head -c 20000000 /dev/zero"], 60)
    assert done.truncated
    assert len(done.stdout) == 16 << 20


def status_of(pid: int | None) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


async def test_qemu_runs_confined(booted: QemuGuest) -> None:
    status = status_of(booted.pid)
    assert "0" not in status["Uid"].split() or os.geteuid() != 0
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == 0
    assert (await booted.run(["ls", "/sys/class/net"], 5)).stdout.decode().split() in ([], ["lo"])


HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.machine import BootSpec, boot
from harness.words import Accelerator

async def main():
    guest = await boot(BootSpec(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Accelerator.TCG))
    print(guest.pid, flush=True)
    await guest.run(["sleep", "100"], 200)

asyncio.run(main())
"""


def test_no_qemu_outlives_a_killed_harness(spec: BootSpec) -> None:
    command = [sys.executable, "-c", HARNESS, spec.image, spec.initrd, spec.folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CLONE) as harness:
        assert harness.stdout is not None
        qemu = Path("/proc") / harness.stdout.readline().strip()
        assert "qemu" in (qemu / "comm").read_text()
        harness.kill()
    end = time.monotonic() + 2
    while qemu.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not qemu.exists()


SHELL = """
import asyncio, sys
from pathlib import Path
from harness.machine import BootSpec, interactive
from harness.words import Accelerator

spec = BootSpec(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Accelerator.TCG)
print("ended by", asyncio.run(interactive(spec)))
"""


@pytest.mark.parametrize("leave", ["exit\r", "\x1d"], ids=["exit", "escape"])
def test_shell_in_the_guest(spec: BootSpec, leave: str) -> None:
    arguments = ["-c", SHELL, str(spec.image), str(spec.initrd), str(spec.folder)]
    shell = pexpect.spawn(
        sys.executable, arguments, cwd=str(CLONE), timeout=200, dimensions=(33, 101), encoding="utf-8"
    )
    shell.expect("# ")
    # One write, so that no kernel line comes between.
    shell.sendline('echo "a$((40 + 2)) $(stty size)"')
    shell.expect("a42 33 101")
    shell.sendline("sleep 1000")
    shell.expect("sleep 1000")
    time.sleep(1)
    shell.sendintr()
    shell.sendline("echo b$((1 + 1))ck")
    shell.expect("b2ck")
    shell.send(leave)
    shell.expect("ended by poweroff")
    shell.expect(pexpect.EOF)
