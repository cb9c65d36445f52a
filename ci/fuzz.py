# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuzzes the console reader, guided by coverage: `fuzz.py SECONDS [FOLDER]`.

Every input is read whole and in pieces. It is a finding when anything is raised, when pieces make a
difference, when an event is not sane, or when reading takes longer than its size allows. FOLDER keeps what
was learnt and what was found; without it, the fuzzer starts from the corpus of the tests each time. Exit
codes: 0 nothing was found, 1 something was, 3 it did not run. That there is no fuzzer for this Python or
machine is said, and is no failure.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the fuzzer has to see the import of what it drives
    from harness.words import Event

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

MAX_INPUT = 1 << 15
BASE_SECONDS, SECONDS_A_BYTE = 0.5, 30e-6
"""What reading may take, instrumented and on a busy machine; a quadratic expression takes more."""
LEAST_RUNS = 50


def fuzz() -> None:
    """Run in the child: never returns."""
    import atheris

    with atheris.instrument_imports(include=["harness.dmesg"]):
        from harness import dmesg

    def read_in_pieces(data: bytes) -> list[Event]:
        """Cut after lengths that the input itself chooses."""
        reader, events, at = dmesg.Reader(), [], 0
        while at < len(data):
            size = 1 + data[at] * (1 + data[len(data) // 2] // 8)
            events += reader.feed(data[at : at + size])
            at += size
        return events + reader.close()

    def one_input(data: bytes) -> None:
        start = time.process_time()
        events = dmesg.parse(data)
        taken = time.process_time() - start
        allowed = BASE_SECONDS + SECONDS_A_BYTE * len(data)
        assert taken < allowed, f"{len(data)} bytes took {taken:.2f} s"
        lines = data.count(b"\n" if b"\n" in data else b"\r") + 1
        for event in events:
            assert 1 <= event.line <= event.end_line <= lines, event
            assert event.title, event
            assert "\n" not in event.title, event
            json.dumps(dmesg.to_dict(event))
        assert [event.line for event in events] == sorted(event.line for event in events)
        assert read_in_pieces(data) == events, "pieces make a difference"

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


def seed(folder: Path) -> None:
    """Write the corpus' logs, whole and cut to their reports, so that mutations stay near them.

    And the longest lines with the word of a headline, on which a quadratic expression takes seconds.
    """
    from harness.dmesg.rules import PART_WORDS, WORDS
    from tests.dmesg import corpus

    for number, word in enumerate(WORDS + PART_WORDS):
        (folder / f"long-{number}").write_bytes(word + b"1,(a/1 x+0x1: " * 580 + b"\n")
    for case in corpus.cases():
        (folder / case.path.stem).write_bytes(case.log[:MAX_INPUT])
        lines = case.log.split(b"\n")
        for number, event in enumerate(case.events):
            first, last = map(int, re.findall(r"\d+", event)[:2])
            report = b"\n".join(lines[max(first - 2, 0) : last])
            (folder / f"{case.path.stem}-{number}").write_bytes(report[:MAX_INPUT])


def dictionary(file: Path) -> None:
    """Write the words of all headlines as libFuzzer wants them."""
    from harness.dmesg.rules import PART_WORDS, WORDS

    words = [
        *WORDS,
        *PART_WORDS,
        b"[    1.000000] ",
        b"[    1.000000][    T1] ",
        b"Call Trace:",
        b" f+0x1/0x2",
        b"---[ end ",
    ]
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in words]
    file.write_text("".join(f'"{word}"\n' for word in quoted))


def main() -> int:
    """Seed, run the child, and say what came of it."""
    seconds = int(sys.argv[1])
    try:
        import atheris  # noqa: F401
    except ImportError:
        where = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        print(f"not fuzzed: no atheris is installed for {where}")
        expected = sys.version_info < (3, 14) and (sys.platform, platform.machine()) == ("linux", "x86_64")
        return 3 if expected else 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else name)
        learnt, seeds = folder / "learnt", Path(name) / "seeds"
        learnt.mkdir(parents=True, exist_ok=True)
        seeds.mkdir()
        seed(seeds)
        dictionary(Path(name) / "words")
        command = [
            *(sys.executable, __file__, "--child", str(learnt), str(seeds), f"-dict={name}/words"),
            *(f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", "-timeout=60", "-rss_limit_mb=2048"),
            *("-print_final_stats=1", f"-artifact_prefix={folder}/"),
        ]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        found = sorted(
            path for path in folder.iterdir() if path.name.startswith(("crash", "timeout", "oom", "slow"))
        )
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", ended.stdout)
        coverage = re.findall(r" cov: (\d+) ft: (\d+)", ended.stdout)
        if ended.returncode or found:
            print(ended.stdout[-4000:])
            for path in found:
                print(f"{path.name}: {path.read_bytes()!r}")
            return 1
        if not runs or not coverage or int(runs[1]) < LEAST_RUNS:
            print(f"the fuzzer did not run:\n{ended.stdout[-4000:]}")
            return 3
        (edges, features) = coverage[-1]
        print(f"{runs[1]} executions in {seconds} s, {edges} edges, {features} features, nothing found")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        del sys.argv[1]
        fuzz()
    sys.exit(main())
