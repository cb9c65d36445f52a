# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what was measured in the guest.

Plain ASCII lines: `workload NAME` first; then in any order `counter NAME N`, `witness NAME 0|1`,
`path LABEL N SYMBOL;SYMBOL...` (innermost first), `series NAME MS:N MS:N...`, `note TEXT` and
`obstacle TEXT`; `token NAME complete` last, if the workload ran to its end. It is written by
`images/module/result.c`, as `/sys/kernel/debug/percpu_probe/result`, and by `images/scan/report.c`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.words import CallPath


class MalformedError(ValueError):
    """The text is no result: the message names the line and what is wrong with it."""


@dataclass(slots=True)
class ProbeResult:
    """What was measured. `complete` is the token of the workload that was asked for."""

    complete: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    witnesses: dict[str, bool] = field(default_factory=dict)
    series: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    _paths: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[CallPath, ...]:
        """Return the distinct call paths, the most frequent first."""
        ordered = sorted(self._paths.items(), key=lambda item: (-item[1], item[0]))
        return tuple(CallPath(label, count, functions) for (label, functions), count in ordered)

    def add(self, line: str) -> None:
        """Take in one line between the first and the token; `MalformedError` for one that is none."""
        kind, _, rest = line.partition(" ")
        match kind:
            case "counter":
                name, value = _fields(line, rest, 2)
                _once(line, name, self.counters)
                self.counters[name] = _number(line, value)
            case "witness":
                name, value = _fields(line, rest, 2)
                _once(line, name, self.witnesses)
                if value not in ("0", "1"):
                    raise MalformedError(f"a witness is 0 or 1: {line!r}")
                self.witnesses[name] = value == "1"
            case "path":
                label, count, symbols = _fields(line, rest, 3)
                key = (label, _functions(symbols))
                # Two call sites in one function differ in the kernel, and are one path by name.
                self._paths[key] = self._paths.get(key, 0) + _number(line, count)
            case "series":
                name, _, points = rest.partition(" ")
                _once(line, name, self.series)
                self.series[name] = tuple(_point(line, text) for text in points.split())
            case "note" if rest:
                self.notes.append(rest)
            case "obstacle" if rest:
                self.obstacles.append(rest)
            case _:
                raise MalformedError(f"no such line is known: {line!r}")


def _functions(symbols: str) -> tuple[str, ...]:
    """Split a stack; what calls the tracepoint's probes is the observer's own frame."""
    return tuple(name for name in symbols.split(";") if not name.startswith("__traceiter_"))


def _fields(line: str, rest: str, count: int) -> list[str]:
    fields = rest.split(" ")
    if len(fields) != count or not all(fields):
        raise MalformedError(f"{count} fields were expected: {line!r}")
    return fields


def _point(line: str, text: str) -> tuple[int, int]:
    time, _, value = text.partition(":")
    return _number(line, time), _number(line, value)


def _number(line: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise MalformedError(f"not a number: {line!r}")
    return int(text)


def _once(line: str, name: str, seen: Collection[str]) -> None:
    if name in seen:
        raise MalformedError(f"said twice: {line!r}")


def parse_result(data: bytes, workload: str) -> ProbeResult:
    """Parse a result of `workload`.

    `MalformedError` for anything that is not written there, for a cut line, and for the result of
    another workload. A result without the token is well formed: it is not `complete`.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError(f"not ASCII at byte {error.start}") from None
    if not text.endswith("\n"):
        raise MalformedError("the last line is cut")
    first, *lines = text.removesuffix("\n").split("\n")
    if first != f"workload {workload}":
        raise MalformedError(f"the result of '{workload}' does not begin with {first!r}")
    result = ProbeResult()
    if lines and lines[-1] == f"token {workload} complete":
        result.complete = True
        lines.pop()
    for line in lines:
        result.add(line)
    return result
