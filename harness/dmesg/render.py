# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as JSON values and as text."""

from __future__ import annotations

import dataclasses
import enum
import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from harness.words import Event

_ATOMS = frozenset({str, int, float, bool, type(None)})
"""Types whose values are JSON values as they are."""


def to_dict(event: Event) -> dict[str, object]:
    """Give the event as values that `json.dumps()` takes; the keys are the fields of the event's class."""
    value = _plain(event)
    assert isinstance(value, dict)
    return value


def to_text(events: Iterable[Event]) -> str:
    """Give one paragraph an event: place, kind and title, then who and where. Empty without events."""
    return "".join(_paragraph(event) for event in events)


def _paragraph(event: Event) -> str:
    kind = f"{event.kind}/{event.subtype}" if event.subtype else str(event.kind)
    cut = " (truncated)" if event.truncated else ""
    lines = [f"{event.line}-{event.end_line}: {kind}: {event.title}{cut}"]
    facts = [
        f"{name} {value}"
        for name, value in (
            ("at", None if event.time is None else f"{event.time:.6f} s"),
            ("cpu", event.cpu),
            ("pid", event.pid),
            ("comm", event.comm),
            ("function", event.function),
            ("fingerprint", event.fingerprint),
        )
        if value is not None
    ]
    lines.append("    " + ", ".join(facts))
    if len(event.cycle) > 1:
        lines.append("    cycle " + " -> ".join((*event.cycle, event.cycle[0])))
    return "\n".join(lines) + "\n"


def _plain(value: object) -> object:
    sort: Any = type(value)  # mypy takes no type for hashable
    if sort in _ATOMS:
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Sequence):
        return [item if type(item) is str else _plain(item) for item in value]
    names, values = _fields(sort)
    return {
        name: item if type(item) in _ATOMS else _plain(item)
        for name, item in zip(names, values(value), strict=True)
    }


@functools.cache
def _fields(sort: type[Any]) -> tuple[tuple[str, ...], operator.attrgetter[Any]]:
    """Give the names of a dataclass' fields, two or more, and what gets all their values at once."""
    names = tuple(field.name for field in dataclasses.fields(sort))
    return names, operator.attrgetter(*names)
