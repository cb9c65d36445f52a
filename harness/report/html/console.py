# SPDX-License-Identifier: GPL-2.0-or-later
"""A console as the page shows it: numbered lines, those of events marked, bounded in size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.words import Event

#: Lines shown of each end of a console, and bytes of each line; printk itself never writes more at once.
END_LINES = 1500
LINE_BYTES = 2048
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """`number` is 1-based; `event` is the place of the event that the line belongs to in its trial's list."""

    number: int
    text: str
    event: int | None = None
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Console:
    """The two ends of a console. `left_out` counts the lines between them, `size` is in bytes as shown."""

    head: tuple[ConsoleLine, ...]
    tail: tuple[ConsoleLine, ...]
    left_out: int

    @property
    def size(self) -> int:
        """Return how much text is shown."""
        return sum(len(line.text) for line in (*self.head, *self.tail))

    @property
    def lines(self) -> int:
        """Return how many lines the console has."""
        return len(self.head) + self.left_out + len(self.tail)

    def shows(self, number: int) -> bool:
        """Tell whether a line is among those shown."""
        return 0 < number <= self.lines and not 0 <= number - len(self.head) - 1 < self.left_out


def read_console(path: Path, events: Sequence[Event], end_lines: int = END_LINES) -> Console:
    """Read a console of any size, keeping no more than is shown; `OSError` when it cannot be read."""
    head: list[ConsoleLine] = []
    tail: deque[tuple[int, str]] = deque(maxlen=end_lines)
    count = 0
    for count, text in enumerate(_lines(path), 1):
        if count <= end_lines:
            head.append(_marked(count, text, events))
        else:
            tail.append((count, text))
    shown = tuple(_marked(number, text, events) for number, text in tail)
    return Console(tuple(head), shown, count - len(head) - len(shown))


def _marked(number: int, text: str, events: Sequence[Event]) -> ConsoleLine:
    for place, event in enumerate(events):
        if event.line <= number <= event.end_line:
            return ConsoleLine(number, text, place, number == event.line)
    return ConsoleLine(number, text)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines; what is longer than a line can be is cut, and never held in memory."""
    with path.open("rb") as stream:
        while piece := stream.readline(_BLOCK):
            shown = piece.rstrip(b"\r\n")
            cut = len(shown) > LINE_BYTES
            while piece and not piece.endswith(b"\n"):
                piece = stream.readline(_BLOCK)
                cut = cut or bool(piece.strip(b"\r\n"))
            text = shown[:LINE_BYTES].decode("utf-8", "replace")
            yield f"{text} [the rest of this line is left out]" if cut else text
