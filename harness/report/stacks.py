# SPDX-License-Identifier: GPL-2.0-or-later
"""The frames of call traces in a console's text, and where in the source they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: What the kernel's `%pS` prints (lib/vsprintf.c, `symbol_string()`), with the module behind it.
_FRAME = re.compile(r"(?<![\w.$])(?P<name>[A-Za-z_$.][\w.$]*)\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w-]+[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Decoding:
    """Where frames are: `FILE:LINE` by frame, several where calls were inlined. `why_not` says what lacks."""

    places: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""


#: Gives the places of frames in the kernel that has a key.
Decoder = Callable[[str, Sequence[str]], Decoding]


def frames(text: str) -> Iterator[tuple[str, str]]:
    """Yield the frames of a text in their order: the function, and the whole frame."""
    return ((match["name"], match[0]) for match in _FRAME.finditer(text))


def frame_of(line: str) -> str | None:
    """Return the last frame of a line, which is the one that a trace's line is about."""
    found = [frame for _, frame in frames(line)]
    return found[-1] if found else None


def in_order(functions: Sequence[str], text: str) -> list[str | None]:
    """Return for each function the frame of it that follows in the text, None where there is none."""
    found = list(frames(text))
    taken: list[str | None] = []
    start = 0
    for function in functions:
        place = next((at for at in range(start, len(found)) if found[at][0] == function), None)
        taken.append(None if place is None else found[place][1])
        start = start if place is None else place + 1
    return taken
