# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs and mail readers get: JUnit XML, KTAP, b4's check, a mail."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest
import xmlschema
from b4.review import checks
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.b4 import b4
from harness.report.formats import Format, render
from harness.report.junit import junit
from harness.report.ktap import ktap
from harness.report.mail import mail
from harness.report.results import Origin, Results
from harness.report.stacks import Decoding
from harness.report.stored import StoredRun
from harness.verdict import judge_cell
from harness.words import Expectation, Outcome, Trial
from tests.making import MEASURED, observation, results, trial

HOSTILE = "<script>alert(1)</script> ]]> </pre> \x00\x1b[31m\x08 \u202e &amp; \ud800 # SKIP\nok 1 hostile\n"
PASS = Expectation(Outcome.PASS)


def outcome(kind: Outcome, **changes: object) -> Trial:
    reasons = {Outcome.INCONCLUSIVE: ("witness missing: lockdep_alive",), Outcome.INFRA: ("QEMU was killed",)}
    return trial(kind, **({"reasons": reasons[kind]} if kind in reasons else {}) | changes)


def all_sorts() -> Results:
    """Return a run with a cell of every sort: as expected, failed, surprisingly good, and two broken."""
    base = results(trial(Outcome.FAIL))
    cells = [
        judge_cell("as-is", name, [outcome(kind, workload=name)], expected)
        for name, kind, expected in (
            ("good", Outcome.PASS, PASS),
            ("foreseen", Outcome.FAIL, MEASURED),
            ("bad", Outcome.FAIL, PASS),
            ("better", Outcome.PASS, MEASURED),
            ("unproved", Outcome.INCONCLUSIVE, PASS),
            ("broken", Outcome.INFRA, None),
        )
    ]
    hostile = trial(Outcome.FAIL, reasons=(HOSTILE,), workload="evil #1")
    cells.append(judge_cell("sleepable", "evil #1", [hostile], PASS))
    controls = [*base.controls, trial(control=True, workload="storm", folder="controls/as-is/storm/1")]
    return dataclasses.replace(
        base, cells=cells, controls=controls, controls_proved={"exhaust": True, "storm": False}
    )


def all_good(origin: Origin | None = None) -> Results:
    base = results(trial(), expected=PASS)
    variants = [dataclasses.replace(base.variants[0], origin=origin)]
    return dataclasses.replace(base, variants=variants, cells=base.cells[:1])


def test_every_format_can_be_had(tmp_path: Path) -> None:
    run = StoredRun(tmp_path, all_sorts())
    for form in Format:
        assert render(run, form, lambda key, frames: Decoding())


def test_junit_is_read_by_a_library() -> None:
    read = junitparser.JUnitXml.fromstring(junit(all_sorts()).encode())
    assert (read.tests, read.failures, read.errors) == (9, 3, 3)
    by_name = {case.name: case for suite in read for case in suite}
    kinds = {name: [type(one).__name__ for one in case.result] for name, case in by_name.items()}
    assert kinds == {
        "good": [],
        "foreseen": [],
        "bad": ["Failure"],
        "better": ["Failure"],
        "unproved": ["Error"],
        "broken": ["Error"],
        "evil #1": ["Failure"],
        "exhaust": [],
        "storm": ["Error"],
    }
    assert by_name["unproved"].result[0].message == "inconclusive, expected pass"
    assert "lockdep_alive" in by_name["unproved"].result[0].text
    assert "trials/as-is/exhaust/1" in by_name["bad"].result[0].text
    assert by_name["bad"].classname == "as-is"


def test_junit_follows_the_schema() -> None:
    """junit.xsd says what its source is."""
    schema = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
    schema.validate(junit(all_sorts()))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(junit(all_sorts()).replace("<failure", "<flaw").replace("</failure", "</flaw"))


def test_junit_shows_what_xml_forbids() -> None:
    read = junitparser.JUnitXml.fromstring(junit(all_sorts()).encode())
    (case,) = (case for suite in read for case in suite if case.name == "evil #1")
    text = case.result[0].text
    assert "<script>alert(1)</script> ]]> </pre> \u2400\u241b[31m\u2408" in text
    assert "<202E>" in text


@pytest.mark.network
def test_junit_follows_the_schema_that_jenkins_has(tmp_path: Path) -> None:
    """pytest's source package carries the schema of Jenkins' xunit plugin for its own tests."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "-d", str(tmp_path), f"pytest=={pytest.__version__}"], check=True)
    (package,) = tmp_path.glob("*.tar.gz")
    name = f"pytest-{pytest.__version__}/testing/example_scripts/junit-10.xsd"
    subprocess.run(["tar", "-xf", str(package), "-C", str(tmp_path), name], check=True)
    xmlschema.XMLSchema(str(tmp_path / name)).validate(junit(all_sorts()))


def test_ktap_counts_what_proves_nothing_as_not_ok() -> None:
    lines = [line.strip() for line in ktap(all_sorts()).splitlines()]
    assert lines[:2] == ["KTAP version 1", "1..3"]
    good = [line for line in lines if line.startswith("ok ")]
    bad = [line for line in lines if line.startswith("not ok ")]
    assert good == ["ok 1 good", "ok 2 foreseen", "ok 1 exhaust"]
    assert bad == [
        *("not ok 3 bad", "not ok 4 better", "not ok 5 unproved", "not ok 6 broken", "not ok 1 as-is"),
        *("not ok 1 evil _1", "not ok 2 sleepable", "not ok 2 storm", "not ok 3 (control)"),
    ]
    assert "SKIP" not in "".join(line for line in lines if not line.startswith("#"))


@settings(max_examples=50)
@given(text=st.text(st.characters()))
def test_no_text_breaks_a_format(text: str) -> None:
    evil = trial(Outcome.FAIL, reasons=(text,), observation=observation(notes=(text,)))
    found = results(evil, expected=PASS)
    found = dataclasses.replace(found, variants=[dataclasses.replace(found.variants[0], summary=text)])
    assert len(ElementTree.fromstring(junit(found))) == 2
    lines = [line.strip() for line in ktap(found).split("\n")]
    assert sum(line.startswith(("ok ", "not ok ")) for line in lines) == 4
    assert all(len(line) <= 72 for line in mail(found).split("\n"))
    for told in (junit(found), ktap(found), mail(found), b4(found)):
        told.encode()


def test_b4_takes_the_check(tmp_path: Path) -> None:
    """Run as b4 runs a check command: by its own code, with the patch on standard input."""
    answer = tmp_path / "answer.json"
    answer.write_text(b4(all_sorts()))
    found = checks._run_external_cmd(["cat", str(answer)], email.message.EmailMessage(), str(tmp_path))
    assert [(one["tool"], one["status"]) for one in found] == [("percpu-harness", "fail")] * 2
    assert found[0]["summary"].startswith(
        "as-is: 2 of 6 workloads fail (foreseen, bad); 2 of 6 workloads prove"
    )
    assert "unproved: inconclusive, expected pass" in found[0]["details"]
    assert "\x1b" not in found[1]["details"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Outcome.PASS, "pass"), (Outcome.FAIL, "fail"), (Outcome.INCONCLUSIVE, "warn"), (Outcome.INFRA, "warn")],
)
def test_b4_hears_what_the_kernel_does(kind: Outcome, status: str) -> None:
    found = json.loads(b4(results(outcome(kind), expected=MEASURED)))
    assert [one["status"] for one in found] == [status, status]


def test_b4_does_not_pass_what_was_not_run() -> None:
    assert json.loads(b4(dataclasses.replace(all_good(), cells=[])))[0]["status"] == "warn"


def test_a_mail_fits_its_72_columns_and_says_all() -> None:
    noted = outcome(Outcome.PASS, observation=observation(notes=("reserves were used " * 9,)))
    text = mail(results(noted, trial(Outcome.FAIL, index=2, reasons=(HOSTILE * 3,)), expected=PASS))
    assert max(map(len, text.splitlines())) <= 72
    assert "  exhaust              fail, expected pass; failed in 1 of 2:" in text
    assert "note: reserves were used" in text
    assert "  percpu-harness run \\\n      --tree debian:6.12" in text
    assert "      --seed 7" in text
    assert "Subject:" not in text
    assert "In-Reply-To:" not in text
    assert "\x1b" not in text
    assert "its source is that of as-is" in text


@pytest.mark.parametrize(
    ("found", "suggested"),
    [
        (all_good(), True),
        (results(trial(Outcome.FAIL)), False),
        (all_sorts(), False),
        (results(outcome(Outcome.INCONCLUSIVE), expected=PASS), False),
        (dataclasses.replace(all_good(), cells=[]), False),
    ],
)
def test_a_tag_is_suggested_only_when_all_passed_and_without_a_name(found: Results, suggested: bool) -> None:
    text = mail(found)
    assert ("Tested-by" in text) is suggested
    # As a trailer it would be collected, whoever's name stands in it.
    assert not any(line.strip().lower().startswith("tested-by:") for line in text.splitlines())


@pytest.mark.parametrize("subject", ["[PATCH v3 0/3] mm/percpu: größer", "Re: [PATCH 1/1] x\r\nBcc: y"])
def test_a_mail_is_a_reply_where_the_series_came_by_mail(subject: str) -> None:
    text = mail(all_good(Origin("20260601.1@example.org", subject)))
    message = email.message_from_string(text, policy=email.policy.default)
    assert message["In-Reply-To"] == message["References"] == "<20260601.1@example.org>"
    assert message["Subject"].lower().count("re:") == 1
    assert message["Bcc"] is None
    assert message["To"] is None
    assert message["From"] is None
    assert "as-is: the tree" in message.get_content()


def test_a_mail_about_two_series_replies_to_none() -> None:
    base = all_good(Origin("1@example.org", "[PATCH v2]"))
    other = dataclasses.replace(base.variants[0], name="v3", origin=Origin("2@example.org", "[PATCH v3]"))
    assert "In-Reply-To" not in mail(dataclasses.replace(base, variants=[*base.variants, other]))


def test_the_terminal_form_drives_no_terminal(tmp_path: Path) -> None:
    evil = dataclasses.replace(all_sorts().variants[1], name="[bold]\x1b[2J", same_as="[red]")
    found = dataclasses.replace(all_sorts(), variants=[all_sorts().variants[0], evil])
    text = render(StoredRun(tmp_path, found), Format.TERMINAL, lambda key, frames: Decoding())
    assert "2 of 6 cells are as expected" in text
    assert "[bold]\u241b[2J" in text
    assert "= [red]" in text
    assert "\x1b" not in text
    assert "\ud800" not in text
