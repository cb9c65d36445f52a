# SPDX-License-Identifier: GPL-2.0-or-later
"""Trials as JSON: each is kept as soon as it is finished, and read back when a run is resumed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.words import (
    CallPath,
    Ending,
    Event,
    InfraError,
    Kind,
    Misbehaviour,
    Observation,
    Outcome,
    Tally,
    Trial,
)

_EVENT_FIELDS = tuple(field.name for field in dataclasses.fields(Event))


def event_to_dict(event: Event) -> dict[str, Any]:
    """Turn the fields that every event has into JSON types."""
    return {name: getattr(event, name) for name in _EVENT_FIELDS}


def _event(raw: Mapping[str, Any]) -> Event:
    return Event(**{**raw, "kind": Kind(raw["kind"]), "cycle": tuple(raw["cycle"])})


def _observation(raw: Mapping[str, Any]) -> Observation:
    paths = tuple(CallPath(path["label"], path["count"], tuple(path["functions"])) for path in raw["paths"])
    failures = tuple(Misbehaviour(**failure) for failure in raw["failures"])
    return Observation(
        **{
            **raw,
            "failures": failures,
            "notes": tuple(raw["notes"]),
            "paths": paths,
            "obstacles": tuple(raw["obstacles"]),
            "series": {
                name: tuple((ms, value) for ms, value in line) for name, line in raw["series"].items()
            },
            "tally": Tally(**raw["tally"]) if raw["tally"] else None,
        }
    )


def measured_to_dict(observation: Observation) -> dict[str, Any]:
    """Turn what a workload measured over time, and how much it found, into JSON types."""
    return {
        "series": {name: [list(point) for point in line] for name, line in observation.series.items()},
        "tally": dataclasses.asdict(observation.tally) if observation.tally else None,
    }


def trial_to_dict(trial: Trial) -> dict[str, Any]:
    """Turn a trial into JSON types."""
    names = [field.name for field in dataclasses.fields(Trial)]
    raw: dict[str, Any] = {name: getattr(trial, name) for name in names}
    raw["events"] = [event_to_dict(event) for event in trial.events]
    raw["observation"] = {
        "complete": trial.observation.complete,
        "counters": dict(trial.observation.counters),
        "witnesses": dict(trial.observation.witnesses),
        "failures": [dataclasses.asdict(failure) for failure in trial.observation.failures],
        "notes": trial.observation.notes,
        "paths": [dataclasses.asdict(path) for path in trial.observation.paths],
        "obstacles": trial.observation.obstacles,
        **measured_to_dict(trial.observation),
    }
    return raw


def trial_from_dict(raw: Mapping[str, Any]) -> Trial:
    """Read back what `trial_to_dict` wrote;

    `KeyError`, `TypeError` or `ValueError` when it is something else.
    """
    return Trial(
        **{
            **raw,
            "outcome": Outcome(raw["outcome"]),
            "ending": Ending(raw["ending"]),
            "evidence": tuple(raw["evidence"]),
            "reasons": tuple(raw["reasons"]),
            "missing": tuple(raw["missing"]),
            "observation": _observation(raw["observation"]),
            "events": tuple(_event(event) for event in raw["events"]),
        }
    )


def write_json(path: Path, value: object, *, indent: int | None = 1) -> None:
    """Write a file of a run that is either whole or not there.

    Those of every trial are written on one line (`indent` None): json indents in Python, many times slower.
    """
    write_text(path, json.dumps(value, indent=indent) + "\n", mend="mend that and resume the run")


def write_trial(path: Path, trial: Trial) -> None:
    """Write a trial where `read_trial` finds it."""
    write_json(path, trial_to_dict(trial), indent=None)


def write_text(path: Path, text: str, mend: str = "mend that and ask again") -> None:
    """Write a file that is either whole or not there, also when the process is killed meanwhile.

    Nobody waits for the disk (4 ms a file, where a short trial in a restored guest takes some 250): a machine
    that loses its power may lose its last seconds, and a trial that it leaves in pieces is run again.
    `InfraError` when it cannot be written, which says what to do then (`mend`).
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InfraError(f"{path} cannot be written ({error.strerror}): {mend}") from None


def read_trial(path: Path) -> Trial | None:
    """Read a finished trial; None when there is none, or one that cannot be understood (it is run again)."""
    try:
        return trial_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
