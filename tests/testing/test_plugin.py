# SPDX-License-Identifier: GPL-2.0-or-later
"""pytest in pytest: what it collects of a plan, what it runs, and what it calls a failure or an error."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.report.stored import read_run
from harness.words import Outcome
from tests.world import BAD, GOOD, TWIN, World

PLAN = f"""
variants = ["{GOOD}", "{BAD}"]
workloads = ["exhaust", "storm"]
jobs = 1
"""


@pytest.fixture
def nested(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # The outer pytest may be one of several workers, which the nested one is not.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makefile(".toml", plan=PLAN)
    return pytester


# What the nested pytest need not load, which takes longer than all that is tested.
OPTIONS = (
    "--percpu-plan",
    "plan.toml",
    "--percpu-out",
    "out",
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:asyncio",
)


def run(nested: pytest.Pytester, *args: str) -> pytest.RunResult:
    return nested.runpytest_inprocess(*OPTIONS, *args)


def test_every_cell_is_an_item(nested: pytest.Pytester, world: World) -> None:
    result = run(nested, "--collect-only", "-q")
    listed = [line for line in result.outlines if "::" in line]
    assert listed == [f"plan.toml::{v}::{w}" for v in (GOOD, BAD) for w in ("exhaust", "storm")]
    assert not world.tried
    assert not (nested.path / "out").exists()


def test_what_is_as_expected_passes_and_the_run_can_be_told_again(
    nested: pytest.Pytester, world: World
) -> None:
    run(nested).assert_outcomes(passed=4)
    document = json.loads((nested.path / "out/results.json").read_text())
    assert document["as_expected"]
    assert len(document["cells"]) == 4


def test_a_failure_says_why_and_where(nested: pytest.Pytester, world: World) -> None:
    world.outcomes[GOOD, "storm"] = [Outcome.FAIL]
    result = run(nested)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        ["*509 of 512 allocations failed*", f"the evidence is in {nested.path}/out/trials/{GOOD}-*"]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.INFRA])
def test_what_proves_nothing_is_an_error(nested: pytest.Pytester, world: World, outcome: Outcome) -> None:
    world.outcomes[GOOD, "storm"] = [outcome]
    result = run(nested, "--junitxml", "junit.xml")
    result.assert_outcomes(passed=3, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (suite,) = ElementTree.parse(nested.path / "junit.xml").getroot()
    assert (suite.get("errors"), suite.get("skipped")) == ("1", "0")
    values = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert values["trials"] == "1"


def test_a_control_that_passes_makes_passes_errors(nested: pytest.Pytester, world: World) -> None:
    world.outcomes[GOOD, "exhaust"] = [Outcome.PASS]
    run(nested, "-k", GOOD).assert_outcomes(passed=1, errors=1, deselected=2)


def test_what_is_deselected_is_neither_built_nor_run(nested: pytest.Pytester, world: World) -> None:
    world.broken.add("good")
    run(nested, "-k", f"{BAD} and exhaust").assert_outcomes(passed=1, deselected=3)
    assert set(world.tried) == {f"control of exhaust on {BAD} #1", f"exhaust on {BAD} #1"}
    assert [cell.variant for cell in read_run(nested.path / "out").results.cells] == [BAD]


def test_one_cell_by_its_name(nested: pytest.Pytester, world: World) -> None:
    run(nested, f"plan.toml::{BAD}::storm").assert_outcomes(passed=1)
    assert "storm" in "".join(world.tried)
    assert "exhaust" not in "".join(world.tried)


def test_x_stops_at_the_first(nested: pytest.Pytester, world: World) -> None:
    world.outcomes[GOOD, "exhaust"] = [Outcome.INCONCLUSIVE]
    run(nested, "-x").assert_outcomes(errors=1)
    assert not any("storm" in name for name in world.tried)


def test_a_kernel_is_built_once_and_the_control_run_once(nested: pytest.Pytester, world: World) -> None:
    nested.makefile(".toml", plan=PLAN.replace(BAD, TWIN))
    run(nested).assert_outcomes(passed=4)
    assert set(world.tried.values()) == {1}
    assert len(world.tried) == 4, "two controls, and the trials that both variants share"


def test_a_variant_that_the_tree_has_not_is_skipped(nested: pytest.Pytester, world: World) -> None:
    nested.makefile(".toml", plan='workloads = ["storm"]\n')
    result = run(nested, "-k", f"{GOOD} or sleepable", "-rs")
    result.assert_outcomes(passed=1, skipped=1, deselected=6)
    result.stdout.fnmatch_lines(["*sleepable is left out*"])


def test_other_tests_run_beside_the_plan(nested: pytest.Pytester, world: World) -> None:
    nested.makepyfile("def test_mine(): pass")
    run(nested, "-k", "storm", ".").assert_outcomes(passed=2, deselected=3)


def test_without_a_plan_nothing_changes(nested: pytest.Pytester) -> None:
    nested.makepyfile("def test_mine(): pass")
    nested.runpytest_inprocess(*OPTIONS[4:]).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("variants = [", "is not TOML"), ('variants = ["series-v9"]', "unknown variant 'series-v9'")],
)
def test_a_plan_that_is_none_is_a_mistake_of_usage(nested: pytest.Pytester, text: str, said: str) -> None:
    nested.makefile(".toml", plan=text)
    result = run(nested)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])


def test_a_folder_in_use_makes_every_cell_an_error_in_a_sentence(
    nested: pytest.Pytester, world: World
) -> None:
    (nested.path / "out").mkdir()
    (nested.path / "out/precious").touch()
    result = run(nested)
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*out is not empty: give another --percpu-out*"])
    assert "During handling" not in result.stdout.str()
    assert not world.tried


CONFTEST = """
from pathlib import Path
import pytest
from tests.world import World

def pytest_configure(config):
    World(Path(config.rootpath)).take_over(pytest.MonkeyPatch())
"""


@pytest.mark.slow
def test_xdist_gives_each_worker_a_folder(nested: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers are processes of their own: there a conftest puts the world of names in place."""
    nested.makeconftest(CONFTEST)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    result = nested.runpytest_subprocess(*OPTIONS, "-n", "2")
    result.assert_outcomes(passed=4)
    folders = sorted(path.parent.name for path in (nested.path / "out").glob("*/results.json"))
    assert folders == ["gw0", "gw1"]


@pytest.mark.slow
def test_workers_use_the_folder_that_their_controller_chose(
    nested: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested.makeconftest(CONFTEST)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    options = [option for option in OPTIONS if option not in ("--percpu-out", "out")]
    result = nested.runpytest_subprocess(*options, "-n", "2")
    result.assert_outcomes(passed=4)
    (folder,) = (nested.path / "runs").iterdir()
    assert {path.name for path in folder.iterdir()} == {"gw0", "gw1"}
    result.stdout.fnmatch_lines([f"*the run's folder is {folder}"])
