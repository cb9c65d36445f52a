# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's own rules, with sources, builds and guests that are only names."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.engine import Engine, open_folder, run, sources
from harness.engine.lineup import cells_of
from harness.engine.trial import TrialJob
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.variants import AS_IS, catalogue
from harness.words import InfraError, Outcome, Trial, UserError
from tests.world import BAD, GOOD, TWIN, World


def go(world: World, plan: Plan | None = None) -> dict[str, Any]:
    """Run the engine and return its results.json."""
    out = world.folder / "out"
    out.mkdir(exist_ok=True)
    shown = PlainProgress(Console(file=io.StringIO()))
    engine = Engine(plan or Plan(jobs=2), out, world.folder, shown)
    asyncio.run(engine.run(*engine.prepare()))
    loaded: dict[str, Any] = json.loads((out / "results.json").read_text())
    return loaded


def cell(document: dict[str, Any], variant: str, workload: str = "exhaust") -> dict[str, Any]:
    found: dict[str, Any] = next(
        cell for cell in document["cells"] if (cell["variant"], cell["workload"]) == (variant, workload)
    )
    return found


def test_every_cell_is_tried_and_equal_sources_only_once(world: World) -> None:
    document = go(world, Plan(trials=3, jobs=2))
    assert document["as_expected"]
    assert len(document["cells"]) == 6
    assert sum(world.tried.values()) == 2 * 2 * 3 + 2
    assert cell(document, TWIN)["trial_list"] == cell(document, GOOD)["trial_list"]
    twin = next(variant for variant in document["variants"] if variant["name"] == TWIN)
    assert twin["same_as"] == GOOD
    assert document["notes"] == ["noted"]


def test_some_guests_of_each_kernel_are_booted_and_the_others_restored(world: World) -> None:
    document = go(world, Plan(trials=30, jobs=2, cold_every=10, seed=5))
    for variant, controls in ((GOOD, 2), (BAD, 0)):
        listed = [
            trial for name in ("exhaust", "storm") for trial in cell(document, variant, name)["trial_list"]
        ]
        booted = sum(not trial["restored"] for trial in listed)
        assert booted == {2: 1 + 5, 0: 1 + 6}[controls]
    seeds = {trial["seed"] for made in document["cells"] for trial in made["trial_list"]}
    assert len(seeds) == 120
    shutil.rmtree(world.folder / "out")
    again = go(world, Plan(trials=30, jobs=1, seed=5))
    assert {trial["seed"] for made in again["cells"] for trial in made["trial_list"]} == seeds


def test_one_control_per_workload(world: World) -> None:
    document = go(world)
    assert [control["workload"] for control in document["controls"]] == ["exhaust", "storm"]
    assert all(control["proved"] for control in document["controls"])


def test_a_control_that_passes_spoils_every_pass_of_its_workload(world: World) -> None:
    world.outcomes[GOOD, "exhaust"] = [Outcome.PASS]
    document = go(world)
    assert cell(document, GOOD)["verdict"] == "inconclusive"
    assert cell(document, GOOD, "storm")["verdict"] == "pass"
    assert cell(document, BAD)["verdict"] == "fail"
    assert not document["as_expected"]


def test_where_failing_is_chance_nothing_passes_unless_the_reference_failed_once(world: World) -> None:
    world.must_fail_on = BAD
    assert go(world, Plan(trials=3, jobs=2))["as_expected"]


def test_a_reference_that_never_failed_spoils_every_pass_and_says_how_it_was_tried(world: World) -> None:
    world.must_fail_on = BAD
    world.outcomes[BAD, "exhaust"] = [Outcome.PASS]
    document = go(world, Plan(trials=3, jobs=2))
    said = ["the control did not fail: 0 of 3 trials on scope-atomic (8 readers)"]
    for variant in (GOOD, BAD):
        assert cell(document, variant)["verdict"] == "inconclusive"
        assert cell(document, variant)["reasons"] == said
    assert cell(document, GOOD, "storm")["verdict"] == "pass"


def test_without_the_reference_a_pass_is_noted_to_be_luck(world: World) -> None:
    world.must_fail_on = "mask-only"
    document = go(world)
    assert document["as_expected"]
    assert (
        "exhaust: without mask-only, which must fail under the same load, a pass may be luck"
        in document["notes"]
    )


def test_a_review_says_which_workloads_it_leaves_out(world: World) -> None:
    (said,) = [note for note in go(world, Plan(candidates=("v3.mbox",)))["notes"] if "not run" in note]
    assert said.startswith("not run, as only --workloads names them: ")
    assert {"nofail", "reclaim-recursion"} <= set(said.partition(": ")[2].split(", "))
    for plan in Plan(), Plan(candidates=("v3.mbox",), workloads=("exhaust",)):
        assert not any("not run" in note for note in go(world, plan)["notes"])


def test_what_must_be_alone_runs_last_and_with_a_processor_for_each_of_its_guests(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    running, beside = 0, []

    async def run_trial(job: TrialJob, seat: object, tell: object) -> Trial:
        nonlocal running
        running += 1
        order.append(job.workload.name)
        beside.append((job.workload.name, running))
        trial = await world.run_trial(job, seat, tell)
        running -= 1
        return trial

    world.alone = "exhaust"
    monkeypatch.setattr(run, "run_trial", run_trial)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert go(world, Plan(trials=4, jobs=2))["as_expected"]
    assert order == ["storm"] * 9 + ["exhaust"] * 9
    assert {count for name, count in beside if name == "exhaust"} == {1}
    assert {count for name, count in beside if name == "storm"} == {1, 2}


def test_a_workload_that_a_variant_does_not_get_makes_no_cell(world: World) -> None:
    world.cells = {GOOD: ["exhaust"], TWIN: ["exhaust"], BAD: ["exhaust", "storm"]}
    document = go(world)
    assert [(one["variant"], one["workload"]) for one in document["cells"]].count((GOOD, "storm")) == 0
    assert not [name for name in world.tried if name.startswith(f"storm on {GOOD}")]
    assert cell(document, BAD, "storm")["as_expected"]


def test_a_failure_is_never_tried_again(world: World) -> None:
    world.outcomes[BAD, "exhaust"] = [Outcome.FAIL, Outcome.PASS]
    assert cell(go(world), BAD)["verdict"] == "fail"
    assert world.tried[f"exhaust on {BAD} #1"] == 1


def test_infra_is_tried_again_once_and_counted(world: World) -> None:
    world.outcomes[BAD, "exhaust"] = [Outcome.INFRA, Outcome.FAIL]
    world.outcomes[BAD, "storm"] = [Outcome.INFRA]
    document = go(world)
    assert cell(document, BAD)["verdict"] == "fail"
    assert cell(document, BAD)["trial_list"][0]["attempts"] == 2
    assert cell(document, BAD, "storm")["verdict"] == "infra"
    assert not cell(document, BAD, "storm")["as_expected"]
    assert world.tried[f"storm on {BAD} #1"] == 2


def test_a_variant_that_does_not_build_stops_no_other(world: World) -> None:
    world.broken.add("good")
    document = go(world)
    assert cell(document, GOOD)["reasons"] == ["does not build: mm/percpu.c:1: error: no"]
    assert cell(document, GOOD)["verdict"] == "inconclusive"
    assert cell(document, BAD)["as_expected"]
    assert len(document["controls"]) == 2, "the controls move on to the next kernel"


def test_finished_trials_are_not_repeated(world: World) -> None:
    go(world)
    world.tried.clear()
    document = go(world)
    assert world.tried == Counter()
    assert document["as_expected"]


def test_what_broke_is_tried_again_when_resumed(world: World) -> None:
    world.outcomes[BAD, "storm"] = [Outcome.INFRA]
    go(world)
    world.outcomes.clear()
    world.tried.clear()
    assert go(world)["as_expected"]
    assert list(world.tried) == [f"storm on {BAD} #1"]


def test_a_machine_that_fails_ends_the_run_but_keeps_what_is_done(world: World) -> None:
    def full(job: TrialJob) -> None:
        if job.kernel_name == BAD and job.workload.name == "storm":
            raise InfraError("the disk is full")

    world.on_trial = full
    with pytest.raises(InfraError, match="the disk is full"):
        go(world)
    assert not (world.folder / "out" / "results.json").exists()
    world.on_trial = lambda job: None
    world.tried.clear()
    assert go(world)["as_expected"]
    assert f"exhaust on {GOOD} #1" not in world.tried


def test_cells_one_by_one_share_kernels_controls_and_trials(world: World) -> None:
    out = world.folder / "out"
    out.mkdir()
    engine = Engine(Plan(trials=2, jobs=2), out, world.folder, PlainProgress(Console(file=io.StringIO())))
    opened = engine.prepare()
    for variant in (GOOD, TWIN, BAD):
        done = asyncio.run(engine.run_cell(*opened, variant, "exhaust"))
        assert done.as_expected
        assert len(done.trials) == 2
    assert world.tried == Counter(
        {f"control of exhaust on {GOOD} #1": 1}
        | {f"exhaust on {name} #{index}": 1 for name in (GOOD, BAD) for index in (1, 2)}
    )
    engine.keep_cells(*opened)
    document = json.loads((out / "results.json").read_text())
    assert document["as_expected"]
    assert [(one["variant"], one["workload"]) for one in document["cells"]] == [
        (GOOD, "exhaust"),
        (TWIN, "exhaust"),
        (BAD, "exhaust"),
    ]


def test_a_cell_brings_the_reference_that_must_fail_along(world: World) -> None:
    world.must_fail_on = BAD
    (world.folder / "out").mkdir()
    engine = Engine(Plan(), world.folder / "out", world.folder, PlainProgress(Console(file=io.StringIO())))
    opened = engine.prepare()
    assert asyncio.run(engine.run_cell(*opened, GOOD, "exhaust")).verdict is Outcome.PASS
    assert asyncio.run(engine.run_cell(*opened, BAD, "exhaust")).as_expected
    assert set(world.tried.values()) == {1}
    assert len(world.tried) == 3


def test_a_cell_whose_kernel_does_not_build_proves_nothing(world: World) -> None:
    world.broken.add("bad")
    (world.folder / "out").mkdir()
    engine = Engine(Plan(), world.folder / "out", world.folder, PlainProgress(Console(file=io.StringIO())))
    done = asyncio.run(engine.run_cell(*engine.prepare(), BAD, "storm"))
    assert done.verdict is Outcome.INCONCLUSIVE
    assert done.reasons == ("does not build: mm/percpu.c:1: error: no",)
    assert not world.tried


def use(out: Path, *, resume: bool) -> None:
    with open_folder(out, resume=resume):
        pass


def test_a_folder_is_resumed_or_empty(tmp_path: Path) -> None:
    use(tmp_path / "new", resume=False)
    use(tmp_path / "new", resume=False)
    with pytest.raises(UserError, match="no run to resume"):
        use(tmp_path / "new", resume=True)
    (tmp_path / "new" / "plan.toml").touch()
    use(tmp_path / "new", resume=True)
    with pytest.raises(UserError, match="is not empty"):
        use(tmp_path / "new", resume=False)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not empty"):
        use(tmp_path / "file", resume=False)
    with pytest.raises(InfraError, match="cannot be made"):
        use(tmp_path / "file" / "below", resume=False)


def test_two_cannot_work_in_one_folder(tmp_path: Path) -> None:
    with open_folder(tmp_path, resume=False), pytest.raises(UserError, match="another percpu-harness works"):
        use(tmp_path, resume=False)
    use(tmp_path, resume=False)


def test_fragments_of_a_plan(tmp_path: Path) -> None:
    own = tmp_path / "my.config"
    own.write_text("CONFIG_KASAN=y\n")
    workload: Any = {"exhaust": SimpleNamespace(fragments=("base", "lockdep"))}
    found = sources._fragments(Plan(kconfig=(str(own), "percpu")), workload)
    assert [path.name for path in found] == ["base.config", "lockdep.config", "my.config", "percpu.config"]
    with pytest.raises(UserError, match="neither a config fragment of ours"):
        sources._fragments(Plan(kconfig=("nothing",)), workload)


def test_the_default_plan_scans_where_history_knows_of_it() -> None:
    chosen = sources.planned_workloads(Plan())
    assert not {"scsi-scan", "iscsi-scan-newest", "iscsi-scan-no-flusher"} & set(chosen)
    known = catalogue()
    scanned = [name for name, one in known.items() if "iscsi-scan" in cells_of(Plan(), one, None, chosen)]
    assert scanned == ["scope-atomic", "sleepable", "series-v4"]
    assert "iscsi-scan" in cells_of(Plan(), known[AS_IS], "sleepable", chosen)
    assert "iscsi-scan" not in cells_of(Plan(variants=(TWIN,)), known[TWIN], None, chosen)


def test_costly_workloads_run_where_history_knows_of_them_unless_both_are_named() -> None:
    asked = Plan(workloads=("scsi-scan",), parameters={"scsi-scan": {"luns": 24}})
    chosen, known = sources.planned_workloads(asked), catalogue()
    assert chosen["scsi-scan"].parameters["luns"] == 24
    assert cells_of(asked, known[BAD], None, chosen) == ["scsi-scan"]
    assert cells_of(asked, known[TWIN], None, chosen) == []
    assert cells_of(asked, known[AS_IS], "sleepable", chosen) == ["scsi-scan"]
    named = Plan(workloads=("scsi-scan",), variants=(TWIN,))
    assert cells_of(named, known[TWIN], None, chosen) == ["scsi-scan"]
    with pytest.raises(UserError, match="unknown workload 'scan'"):
        sources.planned_workloads(Plan(parameters={"scan": {"luns": 1}}))
