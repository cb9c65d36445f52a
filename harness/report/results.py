# SPDX-License-Identifier: GPL-2.0-or-later
"""results.json: what a run found, for programs. `results.schema.json` beside this file says what it holds."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Protocol

import jsonschema

from harness.report.codec import event_to_dict, measured_to_dict
from harness.words import AcceleratorChoice, Cell, Trial

SCHEMA_VERSION = 1


class KernelFacts(Protocol):
    """A kernel as far as reports tell of it; `words.Kernel` is one."""

    @property
    def key(self) -> str:
        """Return the key in the cache."""

    @property
    def release(self) -> str:
        """Return what `uname -r` prints."""

    @property
    def build_id(self) -> str:
        """Return the hex GNU build id."""

    @property
    def toolchain(self) -> str:
        """Return what built it."""

    @property
    def seconds(self) -> float:
        """Return what building it took."""

    @property
    def reused(self) -> bool:
        """Return whether it came from the cache."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The mail that a series came from. `message_id` stands without its angle brackets."""

    message_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One variant as it was built. `kernel` is None when it did not build; then `first_error` says why.

    `same_as` names the variant whose kernel and trials it shares because their sources are equal; `origin` is
    known of a series that came by mail, `warnings` are those of the whole build, without line numbers.
    """

    name: str
    summary: str
    commit: str
    source_id: str
    contained: bool
    same_as: str | None
    kernel: KernelFacts | None
    first_error: str | None = None
    origin: Origin | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run found. `seconds` maps the parts of the run to wall seconds."""

    tree: Mapping[str, str]
    accelerator: AcceleratorChoice
    toolchain: Mapping[str, str]
    plan: Mapping[str, object]
    variants: Sequence[VariantReport]
    controls: Sequence[Trial]
    controls_proved: Mapping[str, bool]
    cells: Sequence[Cell]
    notes: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """Tell whether every cell is what history says, and there is at least one."""
        return bool(self.cells) and all(cell.as_expected for cell in self.cells)

    def only(self, names: Sequence[str]) -> Results:
        """Return what was found of these variants alone."""
        return dataclasses.replace(
            self,
            variants=[variant for variant in self.variants if variant.name in names],
            cells=[cell for cell in self.cells if cell.variant in names],
        )


def merge_counters(trials: Iterable[Trial]) -> dict[str, int]:
    """Add up the counters of several trials."""
    total: Counter[str] = Counter()
    for trial in trials:
        total.update(trial.observation.counters)
    return dict(total)


def merge_witnesses(trials: Iterable[Trial]) -> dict[str, bool]:
    """Return each witness, true only if every trial has it."""
    merged: dict[str, bool] = {}
    trials = list(trials)
    for name in dict.fromkeys(name for trial in trials for name in trial.observation.witnesses):
        merged[name] = all(trial.observation.witnesses.get(name, False) for trial in trials)
    return merged


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "index": trial.index,
        "outcome": trial.outcome,
        "ending": trial.ending,
        "evidence": list(trial.evidence),
        "reasons": list(trial.reasons),
        "missing": list(trial.missing),
        "folder": trial.folder,
        "seconds": round(trial.seconds, 3),
        "boot_seconds": round(trial.boot_seconds, 3),
        "attempts": trial.attempts,
        "seed": trial.seed,
        "booted_in": trial.booted_in,
        "restored": trial.restored,
        **measured_to_dict(trial.observation),
    }


def _events(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """List events with their trial's number; the raw text stays in the trial's own folder."""
    return [
        {**{key: value for key, value in event_to_dict(event).items() if key != "raw"}, "trial": trial.index}
        for trial in trials
        for event in trial.events
    ]


def _paths(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(path) for trial in trials for path in trial.observation.paths]


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "variant": cell.variant,
        "workload": cell.workload,
        "verdict": cell.verdict,
        "expected": cell.expected.outcome if cell.expected else None,
        "expected_evidence": list(cell.expected.evidence) if cell.expected else [],
        "expected_because": cell.expected.because if cell.expected else "",
        "as_expected": cell.as_expected,
        "evidence": sorted({item for trial in cell.trials for item in trial.evidence}),
        "reasons": list(cell.reasons),
        "trials": len(cell.trials),
        "failures": cell.failures,
        "known": dataclasses.asdict(cell.known) if cell.known else None,
        "counters": merge_counters(cell.trials),
        "witnesses": merge_witnesses(cell.trials),
        "events": _events(cell.trials),
        "paths": _paths(cell.trials),
        "notes": list(dict.fromkeys(note for trial in cell.trials for note in trial.observation.notes)),
        "trial_list": [_trial(trial) for trial in cell.trials],
    }


def _variant(variant: VariantReport) -> dict[str, Any]:
    kernel = variant.kernel
    return {
        "name": variant.name,
        "summary": variant.summary,
        "commit": variant.commit,
        "source_id": variant.source_id,
        "contained_in_tree": variant.contained,
        "same_as": variant.same_as,
        "built": kernel is not None,
        "first_error": variant.first_error,
        "origin": dataclasses.asdict(variant.origin) if variant.origin else None,
        "warnings": list(variant.warnings),
        "kernel": None
        if kernel is None
        else {
            "key": kernel.key,
            "release": kernel.release,
            "build_id": kernel.build_id,
            "toolchain": kernel.toolchain,
            "seconds": round(kernel.seconds, 3),
            "reused": kernel.reused,
        },
    }


def _control(trial: Trial, proved: bool) -> dict[str, Any]:
    return {
        "workload": trial.workload,
        "proved": proved,
        **_trial(trial),
        "counters": dict(trial.observation.counters),
        "events": _events([trial]),
    }


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema that ships with this package."""
    text = resources.files("harness.report").joinpath("results.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def results_to_dict(results: Results) -> dict[str, Any]:
    """Turn results into what results.json holds, and check it against the schema before anybody reads it."""
    raw = {
        "schema_version": SCHEMA_VERSION,
        "as_expected": results.as_expected,
        "tree": dict(results.tree),
        "accelerator": dataclasses.asdict(results.accelerator),
        "toolchain": dict(results.toolchain),
        "plan": dict(results.plan),
        "variants": [_variant(variant) for variant in results.variants],
        "controls": [_control(trial, results.controls_proved[trial.workload]) for trial in results.controls],
        "cells": [_cell(cell) for cell in results.cells],
        "notes": list(results.notes),
        "seconds": {name: round(value, 3) for name, value in results.seconds.items()},
    }
    document: dict[str, Any] = json.loads(json.dumps(raw))
    jsonschema.validate(document, schema())
    return document
