# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints how fast consoles are read, beside `grep -c` and a loop over lines, on the same bytes in one call.

The figures depend on the machine, the ratios do not. "Read" means all of it: every event with kind, title,
function, fingerprint and raw text, and its values as `to_dict()` gives them. All times are of one core: the
processor's time where it is this process, the best of three. Arguments are logs to be read besides.
"""

from __future__ import annotations

import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.dmesg import Reader, to_dict
from tests.dmesg import corpus

CLEAN_SIZE, DENSE_SIZE, PIECE = 64 << 20, 8 << 20, 1 << 20
WORD = b"BUG"


def clean_log(size: int) -> bytes:
    """Repeat the corpus' logs without events: what real kernels print while they boot."""
    boots = b"".join(case.log for case in corpus.cases() if not case.events)
    return boots * (size // len(boots))


def dense_log(size: int) -> bytes:
    """Shuffle all reports of the corpus that have 2 to 10 KB, with nothing between them."""
    reports = []
    for case in corpus.cases():
        lines = case.log.split(b"\n")
        for event in case.events:
            first, last = map(int, re.findall(r"\d+", event)[:2])
            report = b"\n".join(lines[max(first - 2, 0) : last]) + b"\n"
            if 2000 <= len(report) <= 10_000:
                reports.append(report)
    shuffled = random.Random(1)  # noqa: S311 - the same log every time
    return b"".join(shuffled.choices(reports, k=size * len(reports) // sum(map(len, reports))))


def read(log: bytes) -> int:
    """Read the log as the command line does, and touch all that is read; give the number of events."""
    reader, found = Reader(), 0
    for start in range(0, len(log), PIECE):
        found += len([to_dict(event) for event in reader.feed(log[start : start + PIECE])])
    return found + len([to_dict(event) for event in reader.close()])


def loop(log: bytes) -> int:
    """Count the lines with a word as Python does it line by line, without looking at anything else."""
    found = 0
    for line in log.split(b"\n"):
        if WORD in line:
            found += 1
    return found


def grep(log: bytes) -> float:
    """Give the seconds by the clock that `grep -c` takes for the same, from a file in memory."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(log)
        file.flush()
        start = time.perf_counter()
        subprocess.run(["grep", "-a", "-c", WORD, file.name], stdout=subprocess.DEVNULL, check=False)
        return time.perf_counter() - start


def seconds(work: Callable[[bytes], int], log: bytes) -> tuple[float, int]:
    """Time the work; give also what it returned."""
    start = time.process_time()
    result = work(log)
    return time.process_time() - start, result


def bench(name: str, log: bytes) -> None:
    """Print one line."""
    reading, events = min(seconds(read, log) for _ in range(3))
    looping = min(seconds(loop, log)[0] for _ in range(3))
    grepping = min(grep(log) for _ in range(3))
    size = len(log) / 1e6
    print(
        f"{name:<26} {size:6.1f} MB {events:6} events {size / reading:7.1f} MB/s"
        f" | loop over lines {size / looping:7.1f} MB/s, ratio {looping / reading:5.2f}"
        f" | grep -c {size / grepping:7.1f} MB/s, ratio {grepping / reading:5.3f}"
    )


def main() -> None:
    """Bench what the corpus gives, and the logs that were named."""
    clean = clean_log(CLEAN_SIZE)
    bench("clean", clean)
    bench("clean, time only", re.sub(rb"(?m)^(\[ *\d+\.\d+\])\[ *[TC]\d+\]", rb"\1", clean))
    bench("clean, no stamps", re.sub(rb"(?m)^\[ *\d+\.\d+\]\[ *[TC]\d+\] ", b"", clean))
    bench("dense", dense_log(DENSE_SIZE))
    for name in sys.argv[1:]:
        bench(Path(name).name[-26:], Path(name).read_bytes())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of this process with all logs in it: {peak / 1024:.0f} MB")


if __name__ == "__main__":
    main()
