# SPDX-License-Identifier: GPL-2.0-or-later
"""Times a plan (the default one, or ARGS of percpu-harness run) with 20 trials per cell, most of them in
restored guests, against 1.

Its kernels must be in the cache; both runs are of this one call.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import boots, overhead, row, run

from harness.cli import cache_folder

_MANY = 20


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
    if not (one["as_expected"] and many["as_expected"]):
        sys.exit("not every cell was as expected, so these figures are of a run that went wrong")


if __name__ == "__main__":
    main()
