# SPDX-License-Identifier: GPL-2.0-or-later
"""`percpu-harness review` from mailboxes and branches to its sentences, with kernels that are only words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli
from harness.build import sandbox
from harness.engine import sources
from harness.report.comparison import Evidence, Pair
from harness.report.stored import read_run
from harness.words import ExitCode, InfraError, UserError

from .lab import FILE, Lab


def two_versions(lab: Lab) -> tuple[str, str]:
    """Make v2, which needs both of its patches, and v3 with a third, which adds nothing."""
    lab.branch("two")
    lab.patch("mm: pass flags on", "reach")
    lab.patch("mm: mask flags", "mask", place=1)
    lab.branch("three", "two")
    lab.patch("mm: tidy up", "tidy", place=2)
    return lab.mailed(2, "main..two"), lab.mailed(3, "main..three")


def only_pair(lab: Lab) -> Pair:
    (pair,) = lab.comparison.pairs
    return pair


def test_two_versions_side_by_side(lab: Lab) -> None:
    code, out, err = lab.review(*two_versions(lab), "--trials", "3")
    assert (code, err) == (ExitCode.OK, "")
    assert lab.verdicts("exhaust") == {"as-is": "fail", "v2": "pass", "v3": "pass"}
    first, second = (one.text for one in lab.comparison.conclusion)
    assert "v2 and v3 both pass all 3 workloads (no failure observed in 3 trials of each: below " in first
    assert "as-is fails exhaust and reclaim-audit" in first
    assert second.startswith("No difference in behaviour between v2 and v3 was observed under 3 workloads")
    cited = set(lab.comparison.conclusion[0].evidence)
    assert {Evidence("v2", "exhaust"), Evidence("v3", "storm"), Evidence("as-is", "reclaim-audit")} <= cited
    assert out.index("In short:") < out.index(first.split(";")[0])
    assert [one.identity != "" for one in lab.comparison.examined] == [True, True]
    builds = [step.build for step in lab.comparison.examined[0].steps]
    assert builds == ["not built alone", "the whole series builds without new warnings"]
    titles = [change.title for change in only_pair(lab).changes]
    assert titles == [
        "v2 1 / v3 1, equal: mm: pass flags on",
        "v2 2 / v3 2, equal: mm: mask flags",
        "v3 3, only in v3: mm: tidy up",
    ]
    assert not any(change.behaviour for change in only_pair(lab).changes)
    assert read_run(lab.folder / "run").comparison == lab.comparison


def test_a_version_that_does_not_mend_it_all(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: mask flags", "mask")
    lab.branch("three")
    lab.patch("mm: mask flags", "mask", "reach")
    code, _, _ = lab.review(lab.mailed(2, "main..two"), lab.mailed(3, "main..three"), "--trials", "8")
    assert code == ExitCode.UNEXPECTED
    first, second = (one.text for one in lab.comparison.conclusion)
    assert "v3 passes all 3 workloads" in first
    assert "v2 fails 1 of 3 workloads (reclaim-audit: 3 of 9 lack reach" in first
    assert "by pcpu_alloc > outer > reach (24)" in first
    assert second.startswith("v2 and v3 differ in reclaim-audit: v2 is fail (3 of 9 lack reach")
    audit = next(one for one in only_pair(lab).contrasts if one.workload == "reclaim-audit")
    assert "8 of 8: above" in audit.left
    assert "0 of 8: below" in audit.right
    assert "v2 was seen to fail and v3 was not; the rates differ significantly (p = " in audit.meaning.text
    assert "corrected for 3 workloads" in audit.meaning.text
    assert "only v2: a splat of the locks [ffff" in audit.meaning.text
    (change,) = only_pair(lab).changes
    assert change.title == "v2 1 / v3 1, changed: mm: mask flags"
    assert "int mask_reach" in change.diff
    (caused,) = change.behaviour
    assert caused.text.startswith("reclaim-audit: v2 is fail (")
    assert caused.text.endswith("and v3 is pass")


def test_single_trials_claim_little(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: mask flags", "mask")
    lab.branch("three")
    lab.patch("mm: mask flags", "mask", "reach")
    lab.review(lab.mailed(2, "main..two"), lab.mailed(3, "main..three"))
    audit = next(one for one in only_pair(lab).contrasts if one.workload == "reclaim-audit")
    assert "do not differ significantly (p = 1 by Fisher's exact test" in audit.meaning.text
    assert {line.shift for line in only_pair(lab).waiting} == {"unknown: 1 and 1 trials are too few"}
    assert "of waiting times too few trials say anything" in lab.comparison.conclusion[1].text


def test_each_patch(lab: Lab) -> None:
    _, v3 = two_versions(lab)
    code, out, _ = lab.review(v3, "--each-patch")
    assert code == ExitCode.OK
    assert lab.verdicts("reclaim-audit") == {
        "as-is": "fail",
        "v3/1": "fail",
        "v3/2": "pass",
        "v3": "pass",
        "v3/without-1": "fail",
        "v3/without-2": "fail",
    }
    first, second, third = lab.comparison.examined[0].steps
    assert [effect.text for effect in first.effects] == [
        "reclaim-audit: still fails, no more by pcpu_alloc > outer > reach"
    ]
    assert [effect.text for effect in second.effects] == [
        "exhaust: turns fail into pass",
        "reclaim-audit: turns fail into pass",
    ]
    assert third.effects == ()
    needs = [step.need.text for step in (first, second, third) if step.need]
    assert needs[0].startswith("needed: without it reclaim-audit (3 of 9 lack reach")
    assert needs[1].startswith("needed: without it exhaust (")
    assert needs[2] == "not needed for anything tested: without it 3 workloads still pass"
    assert lab.comparison.conclusion[-1].text == (
        "Of the 3 patches of v3, patches 1 and 2 are needed, patch 3 is not needed for anything tested, "
        "each builds without new warnings."
    )
    assert "fail (?) ! " not in out, "nobody claims that a part of a series passes"


def test_a_patch_that_breaks_the_build_and_one_that_warns(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: begin", "broken", "mask", "reach")
    path = lab.tree.repo / FILE
    path.write_text(path.read_text().replace("broken_", ""))
    lab.tree.commit("mm: end")
    lab.patch("mm: warn", "odd", place=1)
    code, _, _ = lab.review(lab.mailed(2, "main..two"), "--each-patch")
    assert code == ExitCode.UNEXPECTED
    builds = [step.build for step in lab.comparison.examined[0].steps]
    assert builds == [
        f"does not build: {FILE}:1: error: broken",
        "builds without new warnings",
        f"adds 1 warning: {FILE}: odd 0",
    ]
    second = lab.comparison.examined[0].steps[1]
    assert "turns fail into pass, with patches 1 to 2 together" in second.effects[0].text
    first = lab.comparison.examined[0].steps[0].need
    assert first is not None
    assert first.text.startswith("cannot be left out alone: without it ")
    assert "hunk 1" in first.text
    assert "patch 1 does not build" in lab.comparison.conclusion[-1].text
    assert lab.verdicts("storm")["v2/1"] == "inconclusive"


def test_a_series_that_does_not_build_without_a_patch_has_no_cells_of_that(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: begin", "mask", name="mm/vmalloc.c")
    path = lab.tree.repo / FILE
    path.write_text(path.read_text() + "int mask;\nint reach;\nint broken;\n")
    lab.tree.commit("mm: middle")
    path.write_text(path.read_text().replace("int broken;\n", ""))
    lab.tree.commit("mm: end")
    lab.review("main..two", "--each-patch")
    assert lab.comparison.examined[0].name == "v1"
    assert "v1/without-1" in lab.verdicts("storm")
    (second,) = [step for step in lab.comparison.examined[0].steps if step.number == 2]
    assert second.need is not None
    assert second.need.text.startswith("cannot be left out alone")


def test_equal_sources_and_equal_images_are_run_once(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: mask flags", "mask", "reach")
    lab.branch("three", "two")
    path = lab.tree.repo / FILE
    path.write_text(path.read_text() + "// a remark\n")
    lab.tree.commit("mm: remark")
    lab.branch("four", "two")
    specs = [lab.mailed(2, "main..two"), lab.mailed(3, "main..three"), lab.mailed(4, "main..four")]
    code, _, _ = lab.review(*specs)
    assert code == ExitCode.OK
    assert {name.split("#")[0] for name in lab.tried if "storm" in name} == {
        "storm on as-is ",
        "storm on v2 ",
        "control of storm on as-is ",
    }
    same = {variant["name"]: variant["same_as"] for variant in lab.results["variants"]}
    assert same == {"as-is": None, "v2": None, "v3": "v2", "v4": "v2"}
    assert "the kernel of v3 is bit-identical to that of v2: it was run once" in lab.results["notes"]
    texts = [one.text for one in lab.comparison.conclusion]
    assert "v2 and v3 are bit-identical here: one kernel, run once." in texts
    assert {one.meaning.text for one in lab.comparison.pairs[0].contrasts} == {
        "one kernel, run once: the images are bit-identical"
    }
    assert lab.comparison.pairs[0].waiting == ()


def test_without_a_control_that_fails_it_proves_nothing(lab: Lab) -> None:
    lab.harmless_controls = True
    code, _, _ = lab.review(*two_versions(lab))
    assert code == ExitCode.UNEXPECTED
    first = lab.comparison.conclusion[0]
    assert first.text.startswith("This review proves nothing: the positive control")
    assert {place.variant for place in first.evidence} == {"as-is", "v2", "v3"}
    assert set(lab.verdicts("storm").values()) == {"inconclusive"}


def test_what_takes_longer_is_told(lab: Lab) -> None:
    lab.branch("two")
    lab.patch("mm: mask flags", "mask", "reach")
    lab.branch("three", "two")
    lab.patch("mm: wait", "slow", "noted")
    lab.review(lab.mailed(2, "main..two"), lab.mailed(3, "main..three"), "--trials", "8")
    line = next(line for line in only_pair(lab).waiting if (line.workload, line.share) == ("storm", "half"))
    assert line.shift.startswith("+")
    assert ": differs, p = 0.0" in line.shift
    told = lab.comparison.conclusion[1].text
    assert "waiting times differ in 6 of 6 comparisons, as in half of the kernel calls of exhaust: +" in told
    assert "storm: v3: it was noted" in lab.comparison.conclusion[1].text
    storm = next(one for one in only_pair(lab).contrasts if one.workload == "storm")
    assert "noted in every trial of v3: it was noted" in storm.meaning.text


def test_what_is_timed_takes_turns_when_all_is_built(lab: Lab) -> None:
    """A machine that is busier while one of the series is tried must not look like a slower series."""
    lab.review(*two_versions(lab), "--trials", "3", "--jobs", "1")
    order = list(lab.tried)
    timed = [name for name in order if name.startswith("storm")]
    assert order[-len(timed) :] == timed
    assert [name.rpartition("#")[2] for name in timed] == ["1"] * 3 + ["2"] * 3 + ["3"] * 3


def test_versions_on_different_bases(lab: Lab) -> None:
    two, _ = two_versions(lab)
    lab.tree.git("checkout", "--quiet", "main")
    lab.tree.git("checkout", "--quiet", "-b", "older")
    lab.patch("mm: other base", "base", name="mm/vmalloc.c")
    lab.branch("three-b", "older")
    lab.patch("mm: mask flags", "mask", "reach")
    three = lab.mailed(3, "--base=older", "older..three-b")
    code, _, _ = lab.review(two, three)
    assert code == ExitCode.OK
    assert set(lab.verdicts("exhaust")) == {"as-is", "v2", "v3/0", "v3"}
    assert "v2 stands on " in only_pair(lab).remark
    assert "v3/0 fails exhaust and reclaim-audit" in lab.comparison.conclusion[0].text


def test_a_built_in_variant_that_the_tree_does_not_allow(lab: Lab) -> None:
    code, _, err = lab.review("series-v4")
    assert code == ExitCode.USAGE
    assert "series-v4 does not apply" in err


def test_a_mailbox_is_built_in_the_sandbox_and_a_branch_is_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_sandbox", lambda *, trusted: object())
    lab.review(two_versions(lab)[0])
    assert lab.sandboxed == {True: 1, False: 1}


def test_where_there_is_no_sandbox_a_strangers_series_must_be_trusted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise InfraError("builds cannot be shut in: install the package 'bubblewrap'")

    monkeypatch.setattr(sandbox, "_working", none)
    spec, _ = two_versions(lab)
    code, _, err = lab.review(spec)
    assert code == ExitCode.USAGE
    assert "say --trust-source if you trust it" in err
    assert err.count("\n") == 1
    assert not lab.tried
    assert not list((lab.folder / "run").iterdir())  # so that the same command works when it is mended
    code, _, err = lab.review(spec, "--trust-source")
    assert (code, err) == (ExitCode.OK, "")
    assert lab.sandboxed == {False: 2}


def test_it_goes_on_where_it_was_cut_off(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    two_versions(lab)
    monkeypatch.chdir(lab.folder)
    lab.review("v2.mbox", "v3.mbox")
    before = lab.comparison
    for name in ("results.json", "comparison.json"):
        (lab.folder / "run" / name).unlink()
    lab.tried.clear()
    monkeypatch.chdir("/")
    assert cli.main(["review", "--resume", "--out", str(lab.folder / "run")]) == ExitCode.OK
    assert not lab.tried
    assert lab.comparison == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "review needs a series"),
        (["nothing-there"], "'nothing-there' is no series"),
        (["a.mbox", "a.mbox"], "candidates names"),
        (["--resume"], "--resume needs --out"),
    ],
)
def test_mistakes(args: list[str], said: str, lab: Lab) -> None:
    (lab.folder / "a.mbox").write_text("From: x\n")
    code = cli.main(["review", *args, "--tree", str(lab.tree.repo)])
    err = lab.capsys.readouterr().err
    assert code == ExitCode.USAGE
    assert said in err
    assert err.count("\n") == 1


def test_a_patch_that_does_not_apply_is_named(lab: Lab) -> None:
    spec = Path(two_versions(lab)[0])
    spec.write_text(spec.read_text().replace("int filler_7", "int none"))
    code, _, err = lab.review(str(spec))
    assert code == ExitCode.USAGE
    assert f"patch 1/2 ('mm: pass flags on') does not apply to {lab.tree.repo}@main" in err
    assert f"{FILE}, hunk 1, @@ " in err


def test_plans_of_reviews(lab: Lab, tmp_path: Path) -> None:
    from harness.plan import Plan

    with pytest.raises(UserError, match="variants or candidates"):
        Plan(variants=("as-is",), candidates=("x",))
    with pytest.raises(UserError, match="there is no series to take apart"):
        Plan(each_patch=True)
