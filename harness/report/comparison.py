# SPDX-License-Identifier: GPL-2.0-or-later
"""Two variants side by side, as reports show them: what was found by whoever compared them, told and linked.

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


@dataclass(frozen=True, slots=True)
class Contrast:
    """What both variants do under one workload, in words, and what that means."""

    workload: str
    left: str
    right: str
    meaning: Statement


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the range-diff, and the behaviour that it causes; empty where none was seen."""

    title: str
    diff: str
    behaviour: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two variants of one run. `conclusion` is for a reader who reads nothing else."""

    left: str
    right: str
    conclusion: tuple[Statement, ...]
    contrasts: tuple[Contrast, ...] = ()
    changes: tuple[Change, ...] = ()


def comparison_from_dict(raw: Mapping[str, Any]) -> Comparison:
    """Read what `dataclasses.asdict` made of a comparison;

    `KeyError` or `TypeError` when it is something else.
    """
    return Comparison(
        left=str(raw["left"]),
        right=str(raw["right"]),
        conclusion=_statements(raw["conclusion"]),
        contrasts=tuple(
            Contrast(**{**item, "meaning": _statement(item["meaning"])}) for item in raw["contrasts"]
        ),
        changes=tuple(
            Change(**{**item, "behaviour": _statements(item["behaviour"])}) for item in raw["changes"]
        ),
    )


def read_comparison(path: Path) -> Comparison | None:
    """Read a comparison, None where there is none; `UserError` for a damaged one."""
    try:
        return comparison_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path} is damaged: make the comparison again, or remove it") from None


def _statements(raw: Sequence[Mapping[str, Any]]) -> tuple[Statement, ...]:
    return tuple(_statement(item) for item in raw)


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(str(raw["text"]), tuple(Evidence(**item) for item in raw["evidence"]))
