# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's folder, read back: whatever can be told of a run can be told again later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from harness.report.codec import read_trial
from harness.report.comparison import Comparison, read_comparison
from harness.report.results import SCHEMA_VERSION, Origin, Results, VariantReport, schema
from harness.words import Accelerator, AcceleratorChoice, Cell, Expectation, Known, Outcome, Trial, UserError


@dataclass(frozen=True, slots=True)
class StoredKernel:
    """What results.json says of a kernel; its files may be gone. `seconds` is what building it took."""

    key: str
    release: str
    build_id: str
    toolchain: str
    seconds: float
    reused: bool


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A finished run and the folder that holds its evidence."""

    folder: Path
    results: Results
    comparison: Comparison | None = None

    def file(self, name: str) -> Path | None:
        """Return a file below the run's folder, None when it is not there or lies elsewhere."""
        return _file_below(self.folder, name)

    def events(self, trial: Trial) -> Sequence[Mapping[str, Any]]:
        """Return what events.json holds of a trial: with what its kind of event has beyond `Event`."""
        path = self.file(f"{trial.folder}/events.json")
        try:
            raw = json.loads(path.read_text(encoding="utf-8")) if path else []
        except (OSError, ValueError):
            return []
        return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def read_run(folder: Path) -> StoredRun:
    """Read a finished run; `UserError` when `folder` holds none, an unfinished or a damaged one."""
    document = _document(folder)
    trials = {name: _trial(folder, name) for name in _trial_folders(document)}
    return StoredRun(folder, _results(document, trials), read_comparison(folder / "comparison.json"))


def _file_below(folder: Path, name: str) -> Path | None:
    """Return a file only if it really lies below `folder`.

    A run's folder may come from others: its names and links must lead nowhere else.
    """
    try:
        path = (folder / name).resolve()
        return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):
        return None


def _document(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / "plan.toml").is_file():
            raise UserError(
                f"the run in {folder} is not finished: end it with `run --resume --out {folder}`"
            ) from None
        raise UserError(f"{folder} holds no run: results.json is missing there") from None
    except NotADirectoryError:
        raise UserError(f"{folder} is no folder: give the folder of a run") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged: it is not JSON; {_mend(folder)}") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version not in (None, SCHEMA_VERSION):
        raise UserError(
            f"{path} has schema version {version!r}, and this harness reads version {SCHEMA_VERSION}: "
            "use the harness that wrote it"
        )
    try:
        jsonschema.validate(document, schema())
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top"
        raise UserError(
            f"{path} is damaged at {where}: it does not follow its schema; {_mend(folder)}"
        ) from None
    checked: dict[str, Any] = document
    return checked


def _mend(folder: Path) -> str:
    return f"`run --resume --out {folder}` writes it again"


def _trial_folders(document: Mapping[str, Any]) -> set[str]:
    listed = [raw for cell in document["cells"] for raw in cell["trial_list"]]
    return {raw["folder"] for raw in [*listed, *document["controls"]]}


def _trial(folder: Path, name: str) -> Trial:
    path = _file_below(folder, f"{name}/trial.json")
    trial = read_trial(path) if path else None
    if trial is None:
        raise UserError(
            f"the trial in {folder / name} is missing or damaged: `run --resume --out {folder}` runs it again"
        )
    return trial


def _results(document: Mapping[str, Any], trials: Mapping[str, Trial]) -> Results:
    accelerator = document["accelerator"]
    return Results(
        tree=document["tree"],
        accelerator=AcceleratorChoice(Accelerator(accelerator["accelerator"]), accelerator["reason"]),
        toolchain=document["toolchain"],
        plan=document["plan"],
        variants=[_variant(raw) for raw in document["variants"]],
        controls=[trials[raw["folder"]] for raw in document["controls"]],
        controls_proved={raw["workload"]: raw["proved"] for raw in document["controls"]},
        cells=[_cell(raw, trials) for raw in document["cells"]],
        notes=document["notes"],
        seconds=document["seconds"],
    )


def _variant(raw: Mapping[str, Any]) -> VariantReport:
    return VariantReport(
        name=raw["name"],
        summary=raw["summary"],
        commit=raw["commit"],
        source_id=raw["source_id"],
        contained=raw["contained_in_tree"],
        same_as=raw["same_as"],
        kernel=StoredKernel(**raw["kernel"]) if raw["kernel"] else None,
        first_error=raw["first_error"],
        origin=Origin(**raw["origin"]) if raw.get("origin") else None,
        warnings=raw.get("warnings", ()),
    )


def _cell(raw: Mapping[str, Any], trials: Mapping[str, Trial]) -> Cell:
    expected = (
        Expectation(Outcome(raw["expected"]), tuple(raw["expected_evidence"]), raw["expected_because"])
        if raw["expected"]
        else None
    )
    return Cell(
        variant=raw["variant"],
        workload=raw["workload"],
        verdict=Outcome(raw["verdict"]),
        expected=expected,
        as_expected=raw["as_expected"],
        reasons=tuple(raw["reasons"]),
        trials=tuple(trials[item["folder"]] for item in raw["trial_list"]),
        known=Known(**raw["known"]) if raw.get("known") else None,
    )
