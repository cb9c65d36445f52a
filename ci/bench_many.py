# SPDX-License-Identifier: GPL-2.0-or-later
"""Times a plan (the default one, or ARGS of percpu-harness run) with 20 trials per cell, most of them in
restored guests, against 1.

Its kernels must be in the cache; both runs are of this one call.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench import boots, cells, insist, overhead, row, run

from harness.cli import cache_folder

_MANY = 20


def _by_workload(results: dict[str, Any]) -> Counter[str]:
    """Add up the seconds of each workload's trials."""
    seconds: Counter[str] = Counter()
    for cell in cells(results):
        seconds[cell["workload"]] += sum(trial["seconds"] for trial in cell["trial_list"])
    return seconds


def main() -> None:
    """Run both, and print."""
    args = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        cache = cache_folder().parent
        one = run(cache, Path(name) / "one", [*args, "--trials", "1"])
        many = run(cache, Path(name) / "many", [*args, "--trials", str(_MANY), "--cold-every", "20"])
    boots(one, "1 trial a cell")
    boots(many, f"{_MANY} trials a cell")
    overhead(one, "1 trial a cell")
    overhead(many, f"{_MANY} trials a cell")
    seconds, longer = one["seconds"]["total"], many["seconds"]["total"]
    row("whole run, 1 trial a cell", seconds)
    row(f"whole run, {_MANY} trials a cell", longer, f"{longer / seconds:5.2f} of that")
    print("the guests' time, workload by workload:")
    few, more = _by_workload(one), _by_workload(many)
    for workload in few:
        row(f"  {workload}", few[workload])
        row(f"    {_MANY} trials a cell", more[workload], f"{more[workload] / few[workload]:5.2f} of that")
    insist(many)  # one trial a cell may be too few for a failure that is a matter of chance


if __name__ == "__main__":
    main()
