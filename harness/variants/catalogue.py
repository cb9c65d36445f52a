# SPDX-License-Identifier: GPL-2.0-or-later
"""The built-in variants: `history.toml`, typed."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.words import Expectation, Outcome

AS_IS = "as-is"
_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Variant:
    """A state of the kernel that history knows.

    `stage` orders the states in time (None: the tree as it is). `stands_for` names the kernel commit.
    `patches` are applied in order; `without` are patches that a tree must not contain already, because this
    variant is older than they are. `expects` maps workloads to outcomes; it is empty for `as-is`, which has
    those of `tree_stage()`.
    """

    name: str
    summary: str
    stage: int | None
    stands_for: str
    patches: tuple[Path, ...]
    without: tuple[Path, ...]
    expects: Mapping[str, Expectation]


@functools.cache
def catalogue() -> Mapping[str, Variant]:
    """Return all variants by name: `as-is` first, then in the order of history."""
    with (_FOLDER / "history.toml").open("rb") as handle:
        entries = tomllib.load(handle)["variant"]
    return {entry["name"]: _variant(entry, stage) for stage, entry in enumerate(entries)}


def _variant(entry: dict[str, object], stage: int) -> Variant:
    def files(key: str) -> tuple[Path, ...]:
        names = entry.get(key, [])
        assert isinstance(names, list)
        return tuple(_FOLDER / f"{name}.cocci" for name in names)

    expects = entry.get("expects", {})
    assert isinstance(expects, dict)
    return Variant(
        name=str(entry["name"]),
        summary=str(entry["summary"]),
        stage=stage or None,
        stands_for=str(entry.get("stands_for", "")),
        patches=files("patches"),
        without=files("without"),
        expects={
            workload: Expectation(
                outcome=Outcome(told["outcome"]),
                evidence=tuple(told.get("evidence", ())),
                because=told["because"],
            )
            for workload, told in expects.items()
        },
    )
