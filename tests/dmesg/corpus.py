# SPDX-License-Identifier: GPL-2.0-or-later
"""The corpus of console logs: one file a case, header lines, a blank line, the raw log.

A header line is `event: LINE-END KIND/SUBTYPE [truncated]; FUNCTION; TITLE`, one for each event in order;
none for a log without events. `about:` says where the log comes from. `sin:` and `tree:` name what was done
to which kernel where the log was made by one of our own sins (`tests/sins`). `truth: LINE KIND[/SUBTYPE]
[FUNCTION]` is what its author expects of the first event (`-` for no function; `none` for no event at all):
it was written before the reader saw the log, and `--update` leaves it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.words import Event

FOLDER = Path(__file__).parent.parent / "corpus"


@dataclass(frozen=True)
class Case:
    path: Path
    about: list[str]
    events: list[str]
    log: bytes

    def value(self, name: str) -> str:
        """Return what the header says behind `NAME:`, nothing when it does not."""
        return next((line.partition(": ")[2] for line in self.about if line.startswith(f"{name}: ")), "")

    def write(self, events: list[str]) -> None:
        header = "".join(f"{line}\n" for line in self.about + events)
        self.path.write_bytes(header.encode() + b"\n" + self.log)


def read(path: Path) -> Case:
    header, _, log = path.read_bytes().partition(b"\n\n")
    lines = header.decode().splitlines()
    return Case(
        path,
        [line for line in lines if not line.startswith("event: ")],
        [line for line in lines if line.startswith("event: ")],
        log,
    )


def cases() -> list[Case]:
    return [read(path) for path in sorted(FOLDER.glob("*.log"))]


def expectation(event: Event) -> str:
    kind = f"{event.kind}/{event.subtype}" if event.subtype else str(event.kind)
    cut = " truncated" if event.truncated else ""
    return f"event: {event.line}-{event.end_line} {kind}{cut}; {event.function or '-'}; {event.title}"
