# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.plan import DEFAULT_TREE, Plan, accelerator, choose, duration, load, save, setting
from harness.words import Accelerator, InfraError, UserError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return path


def test_the_empty_plan_is_the_default_one(tmp_path: Path) -> None:
    plan = load(written(tmp_path, ""))
    assert plan == Plan()
    assert plan.tree == DEFAULT_TREE


def test_a_whole_plan_survives_saving(tmp_path: Path) -> None:
    plan = Plan(
        tree="~/linux@v6.12",
        variants=("sleepable", "series-v4"),
        workloads=("exhaust",),
        trials=20,
        parameters={"storm": {"seconds": 3}, "iscsi-scan": {"initiator": "newest"}},
        until=0.01,
        seconds=1800,
        jobs=3,
        memory=4096,
        kconfig=("kasan",),
        accelerator=Accelerator.TCG,
        debian_mirror="file:///mirror",
    )
    save(plan, tmp_path / "plan.toml")
    assert load(tmp_path / "plan.toml") == plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tree = 7", "'tree' must be a string"),
        ('variants = "as-is"', "'variants' must be a list of strings"),
        ("variants = [1]", "'variants' must be a list of strings"),
        ("trials = -1", "trials = -1"),
        ("parameters = 3", "must be tables"),
        ("[parameters.storm]\nseconds = [1]", "must be tables"),
        ("trials = true", "'trials' must be a whole number"),
        ("jobs = -1", "jobs = -1"),
        ("memory = -1", "memory = -1"),
        ("seconds = -1", "seconds = -1"),
        ("until = 1", "until = 1.0: give a failure rate between 0 and 1"),
        ("until = 0.0", "until = 0.0"),
        ('until = "often"', "must be a number between 0 and 1"),
        ('workloads = ["a", "a"]', "names a twice"),
        ('accelerator = "xen"', "known are auto, kvm, tcg"),
        ("varients = []", "did you mean variants?"),
        ("tree = ", "is not TOML"),
    ],
)
def test_a_wrong_plan_is_told_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_a_plan_of_other_bytes(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not TOML"):
        load(path)


def test_a_plan_that_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="cannot be written"):
        save(Plan(), tmp_path / "none" / "plan.toml")


def test_choose() -> None:
    assert choose("variant", [], ["a", "b"]) == ("a", "b")
    assert choose("variant", ["b"], ["a", "b"]) == ("b",)
    with pytest.raises(
        UserError, match=r"unknown variant 'serie-v4': did you mean series-v4\? known are series-v4"
    ):
        choose("variant", ["serie-v4"], ["series-v4"])
    with pytest.raises(UserError, match="unknown variant 'xyz': known are series-v4"):
        choose("variant", ["xyz"], ["series-v4"])


def test_accelerator() -> None:
    assert accelerator("auto") is None
    assert accelerator("kvm") is Accelerator.KVM
    assert dataclasses.replace(Plan(), accelerator=Accelerator.KVM).accelerator is Accelerator.KVM


def test_a_setting_of_a_workload() -> None:
    assert setting("iscsi-scan.luns=24") == ("iscsi-scan", "luns", 24)
    assert setting("iscsi-scan.initiator=2.1.8") == ("iscsi-scan", "initiator", "2.1.8")
    for text in ("iscsi-scan=3", "luns=24", "iscsi-scan.luns=", ".luns=3"):
        with pytest.raises(UserError, match="is no setting"):
            setting(text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("45", 45)])
def test_times_are_read_with_their_unit(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0", "0s", "-5", "1.5h", "2d", "30 m"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(UserError, match="is no time: write 90s, 30m or 2h"):
        duration(text)
