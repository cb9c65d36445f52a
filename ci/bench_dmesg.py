# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints how fast consoles are read, beside `grep -c` and a loop over lines, on the same bytes in one call.

The figures depend on the machine, the ratios hardly do. "Read" means `parse()`, in pieces as the command line
does it, and a look at each event's kind, subtype, title, lines, function and fingerprint; "to_dict()" means
all of its values besides, the model of a lock report among them. All times are the processor's, of one core,
the best of three: they bear other work on the machine. Arguments are logs to be read besides.
"""

from __future__ import annotations

import operator
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
from harness.words import Event
from tests.dmesg import corpus

CLEAN_SIZE, DENSE_SIZE, PIECE = 64 << 20, 8 << 20, 1 << 20
WORD = b"BUG"


def clean_log(size: int, *, traces: bool) -> bytes:
    """Repeat the corpus' boots without events: what real kernels print, with traces on demand or without."""
    logs = [case.log for case in corpus.cases() if not case.events and b"Linux version " in case.log]
    boots = b"".join(log for log in logs if (b"Call Trace:" in log) is traces)
    return boots * (size // len(boots))


_VARYING = re.compile(
    rb"^\[ *\d+\.\d{6}\]|(?<=\+0x)[0-9a-f]+/0x[0-9a-f]+"
    rb"|\b(?:ffff|0000)[0-9a-f]{12}\b|(?:(?<=T)|(?<=PID: )|(?<=[a-z]/))[1-9]\d{0,5}\b",
    re.MULTILINE,
)
"""Stamps, offsets, addresses, and numbers of tasks."""


_STAMP = re.compile(rb"^(\[ *\d+\.\d+\])(?:\[ *[TC]\d+\])? ", re.MULTILINE)


class Variety:
    """Makes of each report what another kernel would print in another boot: no line of it comes again."""

    def __init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311 - the same log every time
        self._clock = 1.0
        self._tasks: dict[bytes, bytes] = {}

    def choose(self, reports: list[bytes], number: int) -> bytes:
        """Choose as many reports, in any order and again and again, none like another."""
        chosen = []
        for report in self._chance.choices(reports, k=number):
            self._tasks.clear()
            chosen.append(_VARYING.sub(self._other, report))
        return b"".join(chosen)

    def _other(self, found: re.Match[bytes]) -> bytes:
        old = found[0]
        if old.startswith(b"["):
            self._clock += self._chance.random() / 1000
            return b"[%12.6f]" % self._clock
        if b"/" in old:
            size = self._chance.randrange(2, 0x2000)
            return b"%x/0x%x" % (self._chance.randrange(size), size)
        if len(old) == 16:
            return old[:4] + b"%012x" % self._chance.getrandbits(48)
        return self._tasks.setdefault(old, b"%d" % self._chance.randrange(1, 10 ** len(old)))


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
    return Variety().choose(reports, size * len(reports) // sum(map(len, reports)))


FIELDS = operator.attrgetter("kind", "subtype", "title", "line", "end_line", "function", "fingerprint")


def _look(log: bytes, at: Callable[[Event], object]) -> int:
    reader, found = Reader(), 0
    for start in range(0, len(log), PIECE):
        found += len([at(event) for event in reader.feed(log[start : start + PIECE])])
    return found + len([at(event) for event in reader.close()])


def read(log: bytes) -> int:
    """Read the log as the command line does; give the number of events."""
    return _look(log, FIELDS)


def read_all(log: bytes) -> int:
    """Do the same, and touch all that is read."""
    return _look(log, to_dict)


def loop(log: bytes) -> int:
    """Count the lines with a word as Python does it line by line, without looking at anything else."""
    found = 0
    for line in log.split(b"\n"):
        if WORD in line:
            found += 1
    return found


def grep(log: bytes) -> float:
    """Give the seconds that `grep -c` takes for the same, from a file in memory, its start included."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(log)
        file.flush()
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["grep", "-a", "-c", WORD, file.name], stdout=subprocess.DEVNULL, check=False)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def seconds(work: Callable[[bytes], int], log: bytes) -> tuple[float, int]:
    """Time the work; give also what it returned."""
    start = time.process_time()
    result = work(log)
    return time.process_time() - start, result


def bench(name: str, log: bytes) -> None:
    """Print one line, and another for all values where there are events."""
    looping = min(seconds(loop, log)[0] for _ in range(3))
    grepping = min(grep(log) for _ in range(3))
    size = len(log) / 1e6
    for how, work in ((name, read), ("  with to_dict()", read_all)):
        reading, events = min(seconds(work, log) for _ in range(3))
        print(
            f"{how:<26} {size:6.1f} MB {events:6} events {size / reading:7.1f} MB/s"
            f" | loop over lines {size / looping:7.1f} MB/s, ratio {looping / reading:5.2f}"
            f" | grep -c {size / grepping:7.1f} MB/s, ratio {grepping / reading:5.3f}"
        )
        if not events:
            break


def main() -> None:
    """Bench what the corpus gives, and the logs that were named."""
    for name, log in (("clean", clean_log(CLEAN_SIZE, traces=False)), ("dense", dense_log(DENSE_SIZE))):
        bench(name, log)
        bench(f"{name}, syslog's prefixes", re.sub(rb"(?m)^", b"Nov 28 06:50:01 box kernel: ", log))
        bench(f"{name}, time only", _STAMP.sub(rb"\1 ", log))
        bench(f"{name}, no stamps", _STAMP.sub(b"", log))
    bench("clean, traces on demand", clean_log(DENSE_SIZE, traces=True))
    for name in sys.argv[1:]:
        bench(Path(name).name[-26:], Path(name).read_bytes())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of this process with all logs in it: {peak / 1024:.0f} MB")


if __name__ == "__main__":
    main()
