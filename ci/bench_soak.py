# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs very many trials on one kernel and watches what must stay flat: memory, descriptors, disk, processes.

It exits with 1 when the run did not end as expected or something grew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_INTERVAL = 5.0
# What may differ between the second tenth of a run and its end. Results and trials are kept until the run
# ends, some KiB each; a guest's translated code grows to a limit of its own.
_KEPT_KIB = 40.0
_QEMU_MIB = 150.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a run holds at one moment. Memory is in MiB, `disk` in KiB for each finished trial."""

    trials: int
    harness_mib: float
    descriptors: int
    guests: int
    guest_mib: float
    disk: float


def sample(run: psutil.Process, out: Path) -> Sample | None:
    """Look at a run; None while there is nothing to look at."""
    try:
        guests = [one for one in run.children(recursive=True) if one.name().startswith("qemu-system")]
        sizes = [one.memory_info().rss / 2**20 for one in guests]
        memory, descriptors = run.memory_info().rss / 2**20, run.num_fds()
    except psutil.NoSuchProcess:
        return None
    trials = sum(1 for _ in out.glob("trials/*/*/*/trial.json"))
    if not trials or not memory:  # one that has ended and was not waited for holds nothing
        return None
    folders = (out / "trials").rglob("*")
    used = sum(path.stat().st_blocks for path in folders if path.is_file()) / 2
    return Sample(trials, memory, descriptors, len(guests), max(sizes, default=0.0), used / trials)


def tell(one: Sample) -> None:
    """Print a sample."""
    print(
        f"{one.trials:>6} trials: harness {one.harness_mib:6.1f} MiB, {one.descriptors:>3} descriptors; "
        f"{one.guests} QEMU, largest {one.guest_mib:6.1f} MiB; {one.disk:6.1f} KiB of disk a trial",
        flush=True,
    )


def grown(early: Sample, late: Sample) -> list[str]:
    """Say what grew between two samples though it should not."""
    kept = (late.trials - early.trials) * _KEPT_KIB / 1024
    said = []
    if late.harness_mib - early.harness_mib > kept + 64:
        said.append(f"the harness grew from {early.harness_mib:.0f} to {late.harness_mib:.0f} MiB")
    if late.descriptors - early.descriptors > 8:
        said.append(f"descriptors grew from {early.descriptors} to {late.descriptors}")
    if late.guests > early.guests:
        said.append(f"there are {late.guests} QEMU processes where there were {early.guests}")
    if late.guest_mib - early.guest_mib > _QEMU_MIB:
        said.append(f"QEMU grew from {early.guest_mib:.0f} to {late.guest_mib:.0f} MiB")
    if late.disk > early.disk * 1.2 + 4:
        said.append(f"a trial's files grew from {early.disk:.0f} to {late.disk:.0f} KiB")
    return said


def watch(command: list[str], log: Path, out: Path, wanted: int) -> tuple[int, list[Sample]]:
    """Run a command to its end; return its exit code and the samples."""
    samples: list[Sample] = []
    next_told = 0
    with log.open("w") as file:
        running = subprocess.Popen(command, stdout=file, stderr=file)
        process = psutil.Process(running.pid)
        while running.poll() is None:
            time.sleep(_INTERVAL)
            if one := sample(process, out):
                samples.append(one)
                if one.trials >= next_told:
                    tell(one)
                    next_told = one.trials + wanted // 10
    return running.returncode, samples


def main() -> int:
    """Soak, print, and judge."""
    parser = argparse.ArgumentParser(prog="ci/bench soak", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--variant", default="as-is")
    parser.add_argument("--workload", default="exhaust")
    parser.add_argument("--out", type=Path, help="the run's folder (default: one that is removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        out = args.out or Path(name) / "run"
        command = [sys.executable, "-m", "harness.cli", "run", "--out", str(out), "--jobs", "1"]
        command += ["--variants", args.variant, "--workloads", args.workload, "--trials", str(args.trials)]
        command += ["--cold-every", "20"]
        log = Path(name) / "log"
        started = time.monotonic()
        code, samples = watch(command, log, out, args.trials)
        minutes = (time.monotonic() - started) / 60
        said = log.read_text()
        left = [
            one for one in psutil.process_iter() if one.name().startswith("qemu-system") and one.ppid() == 1
        ]
    print(f"{args.trials} trials in {minutes:.1f} min, exit code {code}")
    if code != 0 or len(samples) < 2:
        print(said)
        return 1
    tell(samples[-1])
    early = next(one for one in samples if one.trials >= args.trials // 10)
    problems = grown(early, samples[-1]) + [f"QEMU {one.pid} outlived its run" for one in left]
    print("\n".join(problems) or "nothing grew")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
