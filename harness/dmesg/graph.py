# SPDX-License-Identifier: GPL-2.0-or-later
"""The lock cycles of lockdep events, drawn as Graphviz DOT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.dmesg.lockdep import LockClass, LockdepEvent
from harness.dmesg.machinery import PRIMITIVES
from harness.words import Event


def dot(events: Iterable[Event]) -> str:
    """Draw each event that has a cycle as a cluster of one graph; empty when none has one.

    An arrow goes from the lock that is held to the one that is taken then; its label is the function that
    took it, its tooltip the call trace, innermost first. The arrow that an interrupt closes the cycle with is
    dashed.
    """
    clusters = [
        line
        for number, event in enumerate(event for event in events if event.cycle)
        for line in _cluster(number, event)
    ]
    if not clusters:
        return ""
    return "\n".join(["digraph locks {", "  node [shape=box];", *clusters, "}"]) + "\n"


def _cluster(number: int, event: Event) -> Iterator[str]:
    known = {lock.name: lock for lock in event.classes} if isinstance(event, LockdepEvent) else {}
    yield f"  subgraph cluster_{number} {{"
    yield f"    label={_quoted(f'{event.title} (line {event.line})')};"
    for at, name in enumerate(event.cycle):
        yield f"    n{number}_{at} [label={_quoted(_label(name, known.get(name)))}];"
    for at in range(len(event.cycle)):
        after = (at + 1) % len(event.cycle)
        yield f"    n{number}_{at} -> n{number}_{after}{_edge(event, event.cycle[at], event.cycle[after])};"
    yield "  }"


def _label(name: str, lock: LockClass | None) -> str:
    """Give a class as lockdep prints it: with its usage, and its outer and inner wait type."""
    if lock is None:
        return name
    wait = f"-{{{lock.wait[0]}:{lock.wait[1]}}}" if lock.wait else ""
    return f"{name}\n{{{lock.usage}}}{wait}" if lock.usage else name


def _edge(event: Event, held: str, taken: str) -> str:
    """Give the attributes of the arrow from one lock to the next."""
    if not isinstance(event, LockdepEvent):
        return ""
    if event.subtype.startswith("irq_"):
        closing = (held, taken) == (event.cycle[-1], event.cycle[0])
        tooltip = f", tooltip={_quoted(chr(10).join(event.safe_use))}" if event.safe_use else ""
        return f' [style=dashed, label="interrupt"{tooltip}]' if closing else ""
    links = sorted(event.chain, key=lambda link: link.depth)
    for before, link in zip([*links[-1:], *links[:-1]], links, strict=True):
        if (before.lock.name, link.lock.name) == (held, taken) and link.trace:
            function = next((name for name in link.trace if not PRIMITIVES.match(name)), link.trace[0])
            return f" [label={_quoted(function)}, tooltip={_quoted(chr(10).join(link.trace))}]"
    return ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
