# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
import io

import jsonschema
import pytest
from rich.console import Console

from harness.report.results import Results, results_to_dict, schema
from harness.report.terminal import print_results
from harness.words import CallPath, Expectation, Outcome, Tally, Trial
from tests.making import MISBEHAVIOUR, event, observation, results, trial


def shown(found: Results) -> str:
    stream = io.StringIO()
    print_results(found, Console(file=stream, width=80))
    return stream.getvalue()


def failing() -> Trial:
    seen = observation(
        notes=("reserves were used",),
        paths=(CallPath("violation", 3, ("a", "b")),),
        failures=(MISBEHAVIOUR,),
    )
    return trial(Outcome.FAIL, observation=seen, events=(event(),))


def test_the_document_follows_its_schema_and_says_what_was_asked_for() -> None:
    document = results_to_dict(results(failing(), trial(index=2)))
    jsonschema.Draft202012Validator.check_schema(schema())
    cell = document["cells"][0]
    assert cell["verdict"] == "fail"
    assert (cell["trials"], cell["failures"]) == (2, 1)
    assert cell["counters"] == {"failures": 0, "allocations": 1024}
    assert cell["witnesses"] == {"lockdep_alive": True, "chunks_created": True}
    assert cell["events"][0]["trial"] == 1
    assert set(cell["events"][0]) >= {"kind", "subtype", "title", "fingerprint"}
    assert cell["paths"] == [{"label": "violation", "count": 3, "functions": ["a", "b"]}]
    assert document["as_expected"]


def test_a_witness_must_be_there_in_every_trial() -> None:
    document = results_to_dict(results(trial(), trial(index=2, observation=observation(witnesses={}))))
    assert document["cells"][0]["witnesses"] == {"lockdep_alive": False, "chunks_created": False}


def test_a_run_without_cells_is_not_as_expected() -> None:
    empty = dataclasses.replace(results(trial()), cells=[])
    assert not empty.as_expected


@pytest.mark.parametrize("verdict", ["great", None])
def test_the_schema_refuses_another_verdict(verdict: str | None) -> None:
    document = results_to_dict(results(trial()))
    document["cells"][0]["verdict"] = verdict
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_the_matrix_puts_each_verdict_next_to_historys() -> None:
    text = shown(results(failing()))
    assert "fail (fail)" in text
    assert "= as-is" in text
    assert " ! \n" not in text
    assert "2 of 2 cells are as expected" in text
    assert "reserves were used [as-is x exhaust, sleepable x exhaust]" in text
    assert "the KVM probe guest did not come up" in text
    assert "a note of the run" in text


def test_a_difference_is_marked_and_explained() -> None:
    text = shown(results(trial()))
    assert "pass (fail) !" in " ".join(text.split())
    assert "expected fail by measured/refused_in_scope" in text
    assert "trials/as-is/exhaust/1" in text
    assert "0 of 2 cells are as expected" in text


def test_a_kernel_that_does_not_build_says_so() -> None:
    found = results(error="mm/percpu.c:1: error: no")
    assert "as-is did not build: mm/percpu.c:1: error: no" in shown(found)
    assert results_to_dict(found)["variants"][0]["built"] is False


def test_a_control_that_passes_is_shown() -> None:
    found = dataclasses.replace(
        results(failing()), controls=[trial(control=True)], controls_proved={"exhaust": False}
    )
    assert "control of exhaust: pass, so nothing of it may pass" in shown(found)


def test_text_of_a_kernel_is_never_markup() -> None:
    found = results(trial(Outcome.FAIL, reasons=("[bold]lock[/] [/x]",)))
    assert "[bold]lock[/] [/x]" in shown(found)


def test_where_history_is_silent_the_matrix_asks() -> None:
    text = shown(results(trial(), expected=None))
    assert "pass (?)" in text
    assert "0 of 0 cells are as expected; of 2 more, of which history says nothing, 2 pass" in text


def test_call_paths_stand_under_what_they_explain() -> None:
    assert "      3 x violation: a < b" in shown(results(failing())).splitlines()
    noted = observation(notes=("reserves were used",), paths=(CallPath("reserves", 2, ("pte", "worker")),))
    lines = shown(results(trial(observation=noted), expected=Expectation(Outcome.PASS))).splitlines()
    place = next(number for number, line in enumerate(lines) if "reserves were used" in line)
    assert lines[place + 1] == "      2 x reserves: pte < worker"


def test_what_was_found_stands_below_the_verdict_unless_nothing_is_lost() -> None:
    lost = [
        trial(
            Outcome.FAIL,
            index=index,
            observation=observation(failures=(MISBEHAVIOUR,), tally=Tally(found, 193)),
        )
        for index, found in enumerate((24, 153, 84), 1)
    ]
    assert "24, 153, 84 of 193" in shown(results(*lost))
    whole = trial(observation=observation(tally=Tally(193, 193)))
    assert "of 193" not in shown(results(whole, expected=Expectation(Outcome.PASS)))


def test_a_cell_that_is_not_there_is_left_blank() -> None:
    found = results(failing())
    found = dataclasses.replace(found, cells=found.cells[:1])
    assert "fail (fail)" in shown(found)
