# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.report.codec import read_trial, trial_from_dict, trial_to_dict, write_json, write_trial
from harness.words import CallPath, InfraError, Outcome, Tally
from tests.making import MISBEHAVIOUR, event, observation, trial


def test_a_trial_survives_its_file(tmp_path: Path) -> None:
    seen = observation(
        paths=(CallPath("violation", 3, ("a", "b")),),
        notes=("a note",),
        failures=(MISBEHAVIOUR,),
        obstacles=("no portal",),
        series={"disks": ((0, 0), (1200, 5))},
        tally=Tally(5, 24),
    )
    kept = trial(Outcome.FAIL, events=(event(),), observation=seen)
    write_trial(tmp_path / "trial.json", kept)
    assert read_trial(tmp_path / "trial.json") == kept


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kernel": "x"}', '{"outcome": "great"}'])
def test_a_damaged_file_is_no_trial(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.json").write_text(text)
    assert read_trial(tmp_path / "trial.json") is None
    assert read_trial(tmp_path / "none.json") is None


def test_an_outcome_that_is_none_is_refused() -> None:
    raw = json.loads(json.dumps(trial_to_dict(trial())))
    with pytest.raises(ValueError, match="great"):
        trial_from_dict(raw | {"outcome": "great"})


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    target.mkdir()
    with pytest.raises(InfraError, match="cannot be written"):
        write_json(target, {})
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
