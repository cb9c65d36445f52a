# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a plan twice in an empty cache folder, cold and then warm, and prints what took how long.

The ratios are of figures measured in this one call, so they hold on a machine of any speed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_PROGRAM = """
import resource, sys
from harness.cli import main
code = main(sys.argv[1:])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print("processor:", *(one.ru_utime + one.ru_stime for one in used))
sys.exit(code)
"""


def run(cache: Path, out: Path, args: list[str]) -> dict[str, Any]:
    """Run the plan and return its results.json; a run that did not finish ends the benchmark.

    Beside the results it holds, as `processor`, the seconds of processor time that the harness took itself,
    and what it started: compilers and guests.
    """
    command = [sys.executable, "-c", _PROGRAM, "run", "--out", str(out), *args]
    with (out.parent / f"{out.name}.log").open("w") as log:
        ended = subprocess.run(
            command, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, stdout=log, stderr=log, check=False
        )
    said = Path(log.name).read_text()
    if ended.returncode not in (0, 1):
        sys.exit(f"the run failed with exit code {ended.returncode}:\n{said}")
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    results["processor"] = [float(word) for word in said.rpartition("processor: ")[2].split()]
    return results


def cells(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells with trials of their own: variants of equal source share theirs."""
    shared = {variant["name"] for variant in results["variants"] if variant["same_as"]}
    return [cell for cell in results["cells"] if cell["variant"] not in shared]


def trials(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every trial once, controls among them."""
    listed: list[dict[str, Any]] = [trial for cell in cells(results) for trial in cell["trial_list"]]
    controls: list[dict[str, Any]] = results["controls"]
    return listed + controls


def row(name: str, value: float, note: str = "") -> None:
    """Print one figure in seconds."""
    print(f"{name:<34} {value:9.1f} s  {note}".rstrip())


def builds(cold: dict[str, Any]) -> None:
    """Print the seconds of each build; the first one that was built is the base."""
    built = [v for v in cold["variants"] if v["kernel"] and not v["same_as"]]
    base = max(v["kernel"]["seconds"] for v in built)
    for variant in built:
        seconds = variant["kernel"]["seconds"]
        row(f"build {variant['name']}", seconds, f"{seconds / base:5.2f} of the base build")


def overhead(results: dict[str, Any], label: str) -> None:
    """Print what the harness itself took of the processor time of a run."""
    own, others = results["processor"]
    row(f"harness itself, {label}", own, f"{own / (own + others):5.3f} of all processor time")


def boots(results: dict[str, Any], label: str) -> None:
    """Print medians over the trials of a run, those in booted and in restored guests apart."""
    for what, restored in (("booted", False), ("restored", True)):
        done = [trial for trial in trials(results) if trial["restored"] is restored]
        if done:
            ready = statistics.median(trial["boot_seconds"] for trial in done)
            whole = statistics.median(trial["seconds"] for trial in done)
            row(f"{what} and ready, {label}", ready, f"median of {len(done)}")
            row(f"  trial end to end, {label}", whole, f"{ready / whole:5.2f} of it until ready")


def insist(results: dict[str, Any]) -> None:
    """End the benchmark where a cell was not as history says."""
    wrong = [
        f"{cell['variant']} x {cell['workload']}" for cell in results["cells"] if not cell["as_expected"]
    ]
    if wrong:
        sys.exit(f"these figures are of a run that went wrong: {', '.join(wrong)}")


def main() -> None:
    """Run cold and warm, and print."""
    args = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        cold = run(folder / "cache", folder / "cold", args)
        warm = run(folder / "cache", folder / "warm", args)
    builds(cold)
    boots(cold, "cold run")
    boots(warm, "warm run")
    overhead(cold, "cold run")
    overhead(warm, "warm run")
    total_cold, total_warm = cold["seconds"]["total"], warm["seconds"]["total"]
    row("whole run, cold", total_cold)
    row("whole run, warm", total_warm, f"{total_warm / total_cold:5.2f} of cold")
    print("the warm run's time:")
    for part, seconds in warm["seconds"].items():
        if part != "total":
            row(f"  {part}", seconds, f"{seconds / total_warm:5.2f}")
    guests = sum(trial["seconds"] for trial in trials(warm))
    row("  guests, added up", guests, f"{guests / total_warm:5.2f} at a time")
    insist(cold)
    insist(warm)


if __name__ == "__main__":
    main()
