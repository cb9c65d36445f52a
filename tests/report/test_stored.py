# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's folder read back, whole and damaged."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness import cli
from harness.report.comparison import (
    Change,
    Comparison,
    Contrast,
    Evidence,
    Examined,
    Pair,
    Statement,
    Step,
    Waiting,
    comparison_from_dict,
)
from harness.report.results import Origin, Results, results_to_dict
from harness.report.stored import read_run
from harness.words import ExitCode, Outcome, UserError
from tests.making import event, results, store, trial

COMPARISON = Comparison(
    (Statement("Both fail.", (Evidence("as-is", "exhaust"),)),),
    (
        Examined(
            "v2",
            "mm: x",
            "the tree",
            "id",
            (
                Step(1, "mm: a", "p", "builds", (Statement("turns it"),), Statement("needed")),
                Step(2, "mm: b", "", "builds"),
            ),
        ),
    ),
    (
        Pair(
            "as-is",
            "sleepable",
            (Contrast("exhaust", "fail", "fail", Statement("no difference")),),
            (Waiting("storm", "kernel", "half", "1 µs", "2 µs", "+1 µs"),),
            (Change("1/1", "- old\n+ new", (Statement("none"),)),),
            "nothing is known of more",
        ),
    ),
)


def failing() -> Results:
    return results(trial(Outcome.FAIL, events=(event(),)), trial(index=2, folder="trials/as-is/exhaust/2"))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = failing()
    with_origin = dataclasses.replace(written.variants[0], origin=Origin("1@example.org", "[PATCH] x"))
    written = dataclasses.replace(written, variants=[with_origin, *written.variants[1:]])
    run = read_run(store(tmp_path, written))
    assert results_to_dict(run.results) == results_to_dict(written)
    assert run.results.cells == written.cells
    assert run.comparison is None


def test_a_kernel_that_did_not_build_is_read_back(tmp_path: Path) -> None:
    run = read_run(store(tmp_path, results(error="mm/percpu.c:1: error: no")))
    assert run.results.variants[0].kernel is None
    assert [cell.verdict for cell in run.results.cells] == [Outcome.INCONCLUSIVE] * 2


def test_a_comparison_is_read_with_the_run(tmp_path: Path) -> None:
    store(tmp_path, failing())
    raw = dataclasses.asdict(COMPARISON)
    assert comparison_from_dict(raw) == COMPARISON
    (tmp_path / "comparison.json").write_text(json.dumps(raw))
    assert read_run(tmp_path).comparison == COMPARISON
    (tmp_path / "comparison.json").write_text('{"left": 1}')
    with pytest.raises(UserError, match=r"comparison\.json is damaged"):
        read_run(tmp_path)


def damage(folder: Path, how: str) -> None:
    target = folder / "results.json"
    document = json.loads(target.read_text())
    match how:
        case "gone":
            target.unlink()
        case "not a run":
            target.unlink()
            (folder / "plan.toml").unlink()
        case "cut off":
            target.write_text(target.read_text()[:1000])
        case "not an object":
            target.write_text("[]")
        case "deep":
            target.write_text("[" * 100_000)
        case "another version":
            target.write_text(json.dumps(document | {"schema_version": 99}))
        case "no version":
            del document["schema_version"]
            target.write_text(json.dumps(document))
        case "a trial is gone":
            (folder / "trials/as-is/exhaust/2/trial.json").unlink()
        case "a trial is cut off":
            (folder / "trials/as-is/exhaust/2/trial.json").write_text("{")
        case "a trial elsewhere":
            outside = folder.with_name("outside")
            (folder / "trials/as-is/exhaust/2").rename(outside)
            (folder / "trials/as-is/exhaust/2").symlink_to(outside)
        case "binary":
            target.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("gone", "is not finished: end it with `run --resume"),
        ("not a run", "holds no run"),
        ("cut off", "it is not JSON"),
        ("not an object", "it does not follow its schema"),
        ("deep", "it is not JSON"),
        ("another version", "schema version 99"),
        ("no version", "damaged at its top"),
        ("a trial is gone", "the trial in"),
        ("a trial is cut off", "is missing or damaged"),
        ("a trial elsewhere", "is missing or damaged"),
        ("binary", "it is not JSON"),
    ],
)
def test_a_damaged_folder_is_one_sentence_and_exit_code_2(
    how: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(store(tmp_path / "run", failing()), how)
    assert cli.main(["report", str(tmp_path / "run")]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert told.startswith("percpu-harness: ")
    assert told.count("\n") == 1
    assert said in told


@pytest.mark.parametrize("name", ["none", "file"])
def test_what_is_no_folder(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["report", str(tmp_path / name)]) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    run = read_run(store(tmp_path / "run", failing()))
    (tmp_path / "secret").write_text("secret")
    (run.folder / "link").symlink_to(tmp_path / "secret")
    for name in ("../secret", "link", "trials", "\0", "x" * 5000, str(tmp_path / "secret")):
        assert run.file(name) is None, name
    assert run.file("plan.toml") is not None


def test_events_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    run = read_run(store(tmp_path, failing()))
    first = run.results.cells[0].trials[0]
    assert run.events(first) == []
    for text in ("{", '{"a": 1}', "[1]"):
        (tmp_path / first.folder / "events.json").write_text(text)
        assert run.events(first) == []


def test_report_writes_a_file_that_is_whole_or_not_there(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = store(tmp_path / "run", failing())
    out = tmp_path / "report.html"
    assert cli.main(["report", str(folder), "--format", "html", "--out", str(out)]) == ExitCode.OK
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert cli.main(["report", str(folder), "--format", "html"]) == ExitCode.OK
    assert capsysbinary.readouterr().out == out.read_bytes()
    assert cli.main(["report", str(folder), "--format", "ktap", "--out", str(folder)]) == ExitCode.INFRA
    assert b"cannot be written" in capsysbinary.readouterr().err
    nowhere = tmp_path / "none/report.html"
    assert cli.main(["report", str(folder), "--out", str(nowhere)]) == ExitCode.INFRA
    assert not nowhere.exists()


def test_report_of_some_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(store(tmp_path, failing()))
    assert cli.main(["report", folder, "--variants", "sleepable"]) == ExitCode.OK
    assert "1 of 1 cells are as expected" in capsys.readouterr().out
    assert cli.main(["report", folder, "--variants", "series-v9"]) == ExitCode.USAGE
    assert "unknown variant of this run 'series-v9'" in capsys.readouterr().err
