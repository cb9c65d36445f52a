# SPDX-License-Identifier: GPL-2.0-or-later
"""What a review found, as reports show it: series patch by patch, and variants side by side, told and linked.

`comparison.json` in a run's folder holds one `Comparison`, with the fields of the classes here as keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.words import UserError


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cell that a statement rests on."""

    variant: str
    workload: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, and the cells that it rests on."""

    text: str
    evidence: tuple[Evidence, ...] = ()

    def workloads(self) -> dict[str, list[str]]:
        """Return the workloads of the cells by their variants, each once and in the order of the evidence."""
        found: dict[str, dict[str, None]] = {}
        for place in self.evidence:
            found.setdefault(place.variant, {})[place.workload] = None
        return {variant: list(names) for variant, names in found.items()}


@dataclass(frozen=True, slots=True)
class Contrast:
    """What both variants do under one workload, in words, and what that means."""

    workload: str
    left: str
    right: str
    meaning: Statement


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long one kind of caller waited under one workload, in words: `share` of the calls took less."""

    workload: str
    caller: str
    share: str
    left: str
    right: str
    shift: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the range-diff, and the behaviour that it causes; empty where none was seen."""

    title: str
    diff: str
    behaviour: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two variants of one run, side by side. `remark` says what cannot be told of the changes."""

    left: str
    right: str
    contrasts: tuple[Contrast, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    changes: tuple[Change, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One patch of a series. `identity` is its patch-id, `build` what building up to it came to.

    `effects` say what it changed, `need` whether the series does without it; both are empty where the parts
    of the series were not tried.
    """

    number: int
    title: str
    identity: str
    build: str
    effects: tuple[Statement, ...] = ()
    need: Statement | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """A series under review: what it is, where it was put, and its patches."""

    name: str
    title: str
    base: str
    identity: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a review found. `conclusion` is for a reader who reads nothing else."""

    conclusion: tuple[Statement, ...]
    examined: tuple[Examined, ...] = ()
    pairs: tuple[Pair, ...] = ()


def comparison_from_dict(raw: Mapping[str, Any]) -> Comparison:
    """Read what `dataclasses.asdict` made of a comparison;

    `KeyError` or `TypeError` when it is something else.
    """
    return Comparison(
        conclusion=_statements(raw["conclusion"]),
        examined=tuple(
            Examined(**{**item, "steps": tuple(_step(step) for step in item["steps"])})
            for item in raw["examined"]
        ),
        pairs=tuple(_pair(item) for item in raw["pairs"]),
    )


def read_comparison(path: Path) -> Comparison | None:
    """Read a comparison, None where there is none; `UserError` for a damaged one."""
    try:
        return comparison_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path} is damaged: make the comparison again, or remove it") from None


def _pair(raw: Mapping[str, Any]) -> Pair:
    contrasts = tuple(
        Contrast(**{**item, "meaning": _statement(item["meaning"])}) for item in raw["contrasts"]
    )
    waiting = tuple(Waiting(**item) for item in raw["waiting"])
    changes = tuple(
        Change(**{**item, "behaviour": _statements(item["behaviour"])}) for item in raw["changes"]
    )
    return Pair(**{**raw, "contrasts": contrasts, "waiting": waiting, "changes": changes})


def _step(raw: Mapping[str, Any]) -> Step:
    need = _statement(raw["need"]) if raw["need"] else None
    return Step(**{**raw, "effects": _statements(raw["effects"]), "need": need})


def _statements(raw: Sequence[Mapping[str, Any]]) -> tuple[Statement, ...]:
    return tuple(_statement(item) for item in raw)


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(str(raw["text"]), tuple(Evidence(**item) for item in raw["evidence"]))
