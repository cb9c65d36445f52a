# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as JSON values and as text."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from harness.words import Event


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
    if value is None or isinstance(value, str | int | float):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    names = vars(type(value))["__dataclass_fields__"]  # dataclasses.fields() takes longer than the rest
    return {name: _plain(getattr(value, name)) for name in names}
