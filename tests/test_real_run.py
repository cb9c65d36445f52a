# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way on real kernels: trees, builds, guests, verdicts, and what a kill leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jsonschema
import pexpect
import psutil
import pytest
from elftools.elf.elffile import ELFFile

from harness.report.codec import read_trial
from harness.report.results import schema
from harness.words import ExitCode, Kernel
from harness.workload import workloads
from tests.command import COMMAND, harness
from tests.smallfs import grow, small_filesystem

pytestmark = pytest.mark.guest


@contextmanager
def started(log: Path, *args: str | Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A harness beside the test that hears Ctrl-C, whoever started the tests, and does not outlive it."""
    with log.open("w") as file:
        running = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            stdout=file,
            stderr=file,
            env=os.environ | environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def load(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "results.json").read_text())
    jsonschema.validate(document, schema())
    return document


def guests_of(harness: int) -> list[psutil.Process]:
    """Return the QEMU processes below a harness that lives."""
    found = []
    for process in psutil.Process(harness).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # short-lived ones come and go
            if process.name().startswith("qemu-system"):
                found.append(process)
    return found


def await_guest(running: subprocess.Popen[bytes], log: Path) -> list[psutil.Process]:
    """Return the guests of a harness once it has one."""
    while not (found := guests_of(running.pid)):
        assert running.poll() is None, log.read_text()
        time.sleep(0.05)
    return found


def gone(guests: list[psutil.Process], seconds: float = 5) -> bool:
    return not psutil.wait_procs(guests, timeout=seconds)[1]


@pytest.mark.timeout(1700)
def test_stages_show_what_history_says(guest_kernel: Kernel, tmp_path: Path) -> None:
    """Two stages of opposite behaviour, their controls, and everything that a run leaves.

    All workloads but the scans, of which tests/test_real_scan.py has smaller ones.
    """
    out = tmp_path / "run"
    names = ",".join(
        name for name, workload in workloads().items() if not workload.costly and not workload.on_demand
    )
    done = harness("run", "--variants", "as-is,scope-atomic", "--workloads", names, "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    document = load(out)
    assert document["as_expected"]
    verdicts = {(cell["variant"], cell["workload"]): cell for cell in document["cells"]}
    for cell in verdicts.values():
        assert cell["verdict"] == cell["expected"]
        assert cell["trials"] == 1
        assert cell["witnesses"]["running_kernel"], "every kernel that ran is the one that was built"
    inverted = verdicts["as-is", "reclaim-inversion"]
    (splat,) = [event for event in inverted["events"] if event["kind"] == "lockdep"]
    assert splat["subtype"] == "circular"
    assert {"fs_reclaim", "pcpu_alloc_mutex"} <= set(splat["cycle"])
    assert verdicts["scope-atomic", "reclaim-inversion"]["events"] == []
    assert verdicts["as-is", "exhaust"]["failures"] == 0
    audit = verdicts["as-is", "reclaim-audit"]
    assert audit["counters"]["violations"] > 100
    assert any(path["functions"] for path in audit["paths"])
    assert all(control["proved"] for control in document["controls"])
    assert (out / "plan.toml").is_file()
    log = (out / "builds" / "scope-atomic" / "build.log").read_text()
    assert " M=/" in log, "the module was built"
    assert "warning:" not in log, "neither the kernel nor the module builds with warnings"
    assert (out / "builds" / "scope-atomic" / "config").stat().st_size
    for cell in verdicts.values():
        folder = out / cell["trial_list"][0]["folder"]
        assert b"Linux version" in (folder / "console.log").read_bytes()
        assert (folder / "events.json").is_file()
    assert "fail (fail)" in done.stdout


@pytest.mark.timeout(900)
def test_kill_9_leaves_no_guest_and_resume_repeats_nothing(guest_kernel: Kernel, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["run", "--variants", "as-is", "--workloads", "exhaust,storm", "--trials", "3", "--jobs", "1"]
    with started(tmp_path / "log", *args, "--out", out) as killed:
        deadline = time.monotonic() + 300
        while len(list(out.glob("*/*/*/*/trial.json"))) < 2:
            assert killed.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        guests = await_guest(killed, tmp_path / "log")
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert gone(guests)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*/*/*/trial.json")}
    assert len(kept) >= 2
    done = harness("run", "--resume", "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [cell["trials"] for cell in load(out)["cells"]] == [3, 3]


@pytest.mark.timeout(900)
def test_kill_9_among_restored_guests_loses_only_the_trial_in_flight(
    guest_kernel: Kernel, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = [
        "--variants",
        "as-is",
        "--workloads",
        "exhaust",
        "--trials",
        "40",
        "--jobs",
        "1",
        "--cold-every",
        "20",
    ]
    with started(tmp_path / "log", "run", *args, "--out", out) as killed:
        deadline = time.monotonic() + 600
        while len(list(out.glob("trials/*/*/*/trial.json"))) < 12:
            assert killed.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        guests = await_guest(killed, tmp_path / "log")
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert gone(guests)
    begun = list(out.glob("trials/*/*/*"))
    kept = [read_trial(folder / "trial.json") for folder in begun]
    assert kept.count(None) <= 1
    assert sum(trial.restored for trial in kept if trial) >= 8, "most were restored, not booted"
    done = harness("run", "--resume", "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    (cell,) = load(out)["cells"]
    assert (cell["trials"], cell["failures"]) == (40, 0)
    assert [trial["index"] for trial in cell["trial_list"]] == list(range(1, 41))


@pytest.mark.timeout(900)
def test_a_cell_goes_on_until_its_rate_is_known_and_its_trial_can_be_replayed(
    guest_kernel: Kernel, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = [
        "--variants",
        "as-is",
        "--workloads",
        "exhaust,reclaim-inversion",
        "--jobs",
        "1",
        "--cold-every",
        "20",
    ]
    done = harness("run", *args, "--until", "0.2", "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    cells = {cell["workload"]: cell for cell in load(out)["cells"]}
    assert cells["exhaust"]["known"]["side"] == "below"
    assert 15 < cells["exhaust"]["trials"] < 40
    assert cells["reclaim-inversion"]["known"]["side"] == "above"
    assert cells["reclaim-inversion"]["trials"] < 6
    assert "below 20 % (95 %, sequential test)" in done.stdout
    core = tmp_path / "core"
    again = harness("replay", out, "as-is/reclaim-inversion/1", "--times", "2", "--vmcore", core)
    assert again.returncode == ExitCode.OK, again.stdout + again.stderr
    assert "fail came again in 1 of 1 trials" in again.stdout
    with core.open("rb") as file:
        dumped = ELFFile(file)
        assert dumped["e_type"] == "ET_CORE"
        assert sum(part["p_memsz"] for part in dumped.iter_segments("PT_LOAD")) >= 256 << 20
    assert b"Linux version" in core.read_bytes()
    never = harness("replay", out, "as-is/exhaust/2", "--times", "3")
    assert "pass came again in 3 of 3 trials" in never.stdout


@pytest.mark.timeout(300)
def test_gdb_finds_the_kernel_of_a_replayed_trial(guest_kernel: Kernel, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["--variants", "as-is", "--workloads", "exhaust", "--jobs", "1"]
    assert harness("run", *args, "--out", out).returncode == ExitCode.OK
    with pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], "replay", str(out), "as-is/exhaust/1", "--gdb"],
        timeout=200,
        encoding="utf-8",
    ) as run:
        run.expect(r"gdb (\S+) -ex 'target remote 127\.0\.0\.1:(\d+)'")
        image, port = run.match.groups()
        run.expect("Enter has the workload run")
        with socket.create_connection(("127.0.0.1", int(port))) as stub:
            stub.settimeout(30)
            stub.sendall(b"+$qSupported#37")
            said = b""
            while b"PacketSize" not in said:  # that the guest stopped is told first, or after it
                heard = stub.recv(4096)
                assert heard, said
                said += heard
            stub.sendall(b"+$D#44")  # detach: the guest goes on
        assert Path(image).is_file()
        run.sendline("")
        run.expect("Enter ends it")
        run.sendline("")
        run.expect("pass came again in 1 of 1")
        run.expect(pexpect.EOF)
    assert run.exitstatus == ExitCode.OK


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_guests_and_says_so(
    guest_kernel: Kernel, tmp_path: Path, number: signal.Signals
) -> None:
    args = ["run", "--variants", "as-is", "--workloads", "storm"]
    with started(tmp_path / "log", *args, "--out", tmp_path / "run") as running:
        guests = await_guest(running, tmp_path / "log")
        running.send_signal(number)
        assert running.wait(timeout=60) == ExitCode.INTERRUPTED
    said = (tmp_path / "log").read_text()
    assert "interrupted" in said
    assert "Traceback" not in said
    assert gone(guests)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_heard_while_the_run_prepares(tmp_path: Path, number: signal.Signals) -> None:
    """Another harness holds the tree, and the probe of the accelerator is under way."""
    held = tmp_path / "cache/percpu-harness/trees/debian-6.12.lock"
    held.parent.mkdir(parents=True)
    cache = str(tmp_path / "cache")
    with (
        held.open("w") as holder,
        started(tmp_path / "log", "run", "--out", tmp_path / "run", XDG_CACHE_HOME=cache) as running,
    ):
        fcntl.flock(holder, fcntl.LOCK_EX)
        while "waiting for another harness" not in (tmp_path / "log").read_text():
            assert running.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        probes = guests_of(running.pid)
        running.send_signal(number)
        assert running.wait(timeout=30) == ExitCode.INTERRUPTED
    said = (tmp_path / "log").read_text()
    assert "percpu-harness: interrupted" in said
    assert "Traceback" not in said
    assert gone(probes)


@pytest.mark.timeout(300)
def test_a_full_disk_is_told_and_the_run_goes_on_later(guest_kernel: Kernel, tmp_path: Path) -> None:
    with small_filesystem(tmp_path / "small", "48k") as small:
        out = small / "run"
        done = harness("run", "--variants", "as-is", "--workloads", "exhaust", "--out", out)
        assert done.returncode == ExitCode.INFRA, done.stdout + done.stderr
        assert done.stderr.startswith("percpu-harness: ")
        assert "Traceback" not in done.stderr
        grow(small, "64m")
        again = harness("run", "--resume", "--out", out)
        assert again.returncode == ExitCode.OK, again.stdout + again.stderr


@pytest.mark.timeout(300)
def test_boot_gives_a_shell_in_the_variants_kernel(guest_kernel: Kernel) -> None:
    with pexpect.spawn(COMMAND[0], [*COMMAND[1:], "boot", "as-is"], timeout=120, encoding="utf-8") as shell:
        shell.expect("shell")
        shell.expect("# ")
        # What is expected differs from what is typed, which the terminal echoes; the kernel talks in between.
        shell.sendline("echo kernel=$(uname -r); test -e /percpu_probe.ko && echo module=$((6 * 7))")
        shell.expect(f"kernel={guest_kernel.release}")
        shell.expect("module=42")
        guests = guests_of(shell.pid)
        assert guests
        shell.sendline("exit")
        shell.expect(pexpect.EOF)
    assert shell.exitstatus == ExitCode.OK
    assert gone(guests)
