# SPDX-License-Identifier: GPL-2.0-or-later
"""A cycle of locks as a drawing: the locks under each other in the order of taking, and the way back.

It is laid out here because a ring needs no layout engine: what cannot be installed everywhere would otherwise
decide what a report shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.stacks import in_order
from harness.words import Event

_STEP, _HEIGHT, _LETTER, _MARGIN, _WAY_BACK = 78, 34, 8.4, 10, 54


@dataclass(frozen=True, slots=True)
class Frame:
    """A function of a trace, and where in the source it is, empty where that is not known."""

    function: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`taken` was taken while `held` was held, along `trace` (innermost first, empty where none is known).

    `new` marks what the task that was caught wanted to do. `path`, `x` and `y` say where it is drawn.
    """

    number: int
    held: str
    taken: str
    trace: tuple[Frame, ...]
    new: bool
    path: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Node:
    """A lock and its box."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """The drawing; all lengths are in its own units."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


def draw(event: Event, model: Mapping[str, Any] | None, places: Mapping[str, str]) -> Cycle | None:
    """Draw the cycle of an event, None where it reports none.

    `model` is the event as events.json has it: its `chain` tells along which trace each lock was taken;
    `places` are source lines by frame.
    """
    chain = _chain(model)
    names = [name for name, _ in chain] or list(event.cycle)
    if len(names) < 2:
        return None
    traces = _traces([trace for _, trace in chain], event.raw, places) or [()] * len(names)
    width = max(len(name) for name in names) * _LETTER + 2 * _MARGIN
    nodes = [Node(name, _MARGIN, _MARGIN + place * _STEP, width, _HEIGHT) for place, name in enumerate(names)]
    edges = [_edge(nodes, place, traces[place], known=bool(chain)) for place in [*range(1, len(nodes)), 0]]
    height = nodes[-1].y + _HEIGHT + _MARGIN
    return Cycle(tuple(nodes), tuple(edges), width + 2 * _MARGIN + _WAY_BACK, height)


def _chain(model: Mapping[str, Any] | None) -> list[tuple[str, list[str]]]:
    """Return locks and traces, the lock at the bottom of the chain (#0) first; empty when a link is missing.

    Each link's lock was taken while that of the link before it was held, and #0 while the last one was
    (print_circular_bug() in kernel/locking/lockdep.c).
    """
    try:
        links = sorted((model or {}).get("chain", []), key=lambda link: int(link["depth"]))
        if [link["depth"] for link in links] != list(range(len(links))):
            return []
        return [(str(link["lock"]["name"]), [str(name) for name in link["trace"]]) for link in links]
    except (KeyError, TypeError, ValueError):
        return []


def _traces(traces: Sequence[Sequence[str]], text: str, places: Mapping[str, str]) -> list[tuple[Frame, ...]]:
    """Find the place of each function: the console prints the chain from its last link to #0."""
    printed = list(reversed(traces))
    found = iter(in_order([name for trace in printed for name in trace], text))
    return [tuple(Frame(name, places.get(next(found) or "", "")) for name in trace) for trace in printed][
        ::-1
    ]


def _edge(nodes: Sequence[Node], place: int, trace: tuple[Frame, ...], *, known: bool) -> Edge:
    """Draw how the lock at `place` was taken: from the box above, or around the side back to the top."""
    node, held = nodes[place], nodes[place - 1]
    if place:
        x, top = held.x + held.width / 2, held.y + held.height
        path, x, y = f"M{x:.0f} {top:.0f}V{node.y - 7:.0f}", x, (top + node.y) / 2 - 3
    else:
        side, low, high = held.x + held.width, held.y + held.height / 2, node.y + node.height / 2
        out = side + _WAY_BACK - 2 * _MARGIN
        path = (
            f"M{side:.0f} {low:.0f}H{out - 8:.0f}Q{out:.0f} {low:.0f} {out:.0f} {low - 8:.0f}"
            f"V{high + 8:.0f}Q{out:.0f} {high:.0f} {out - 8:.0f} {high:.0f}H{side + 7:.0f}"
        )
        x, y = out, (low + high) / 2
    return Edge(place or len(nodes), held.name, node.name, trace, known and not place, path, x, y)
