# SPDX-License-Identifier: GPL-2.0-or-later
"""A trial once more: which one, with what, how often, and who looks at it; with guests that are only told."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine import replaying as room
from harness.engine.replaying import Look, find_trial, replay, replay_job, same
from harness.engine.trial import TrialJob
from harness.plan import Plan, save
from harness.report.codec import trial_to_dict
from harness.words import Accelerator, Ending, Outcome, Trial, UserError
from tests.making import trial
from tests.world import kernel

KEY = "abcdef123456"
FOLDER = f"trials/as-is-{KEY}/exhaust/3"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run's folder with one finished trial that failed."""
    save(Plan(parameters={"exhaust": {"memory_mib": 300}}), tmp_path / "plan.toml")
    place = tmp_path / FOLDER
    place.mkdir(parents=True)
    failed = trial(Outcome.FAIL, folder=FOLDER, index=3, seed=77)
    (place / "trial.json").write_text(json.dumps(trial_to_dict(failed)))
    return tmp_path


@pytest.mark.parametrize("name", [FOLDER, "as-is/exhaust/3"])
def test_a_trial_is_found_by_its_folder_and_by_its_name(run: Path, name: str) -> None:
    assert find_trial(run, name).seed == 77


@pytest.mark.parametrize("name", ["as-is/exhaust/4", "as/exhaust/3", "exhaust", "trials", ""])
def test_a_trial_that_is_not_there_is_told(run: Path, name: str) -> None:
    with pytest.raises(UserError, match="no finished trial"):
        find_trial(run, name)


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        find_trial(tmp_path, FOLDER)


def test_it_has_the_kernel_the_parameters_and_the_seed_of_the_original(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kernel("as-is", run)
    monkeypatch.setattr(room, "KernelCache", lambda cache: SimpleNamespace(find={KEY: kept}.get))
    job = replay_job(run, find_trial(run, FOLDER), run / "out", run / "cache", print)
    assert job.kernel is kept
    assert (job.seed, job.control, job.workload.name, job.workload.memory_mib) == (77, False, "exhaust", 300)


def test_a_kernel_that_is_gone_is_told(run: Path) -> None:
    with pytest.raises(UserError, match="not in the cache any more"):
        replay_job(run, find_trial(run, FOLDER), run / "out", run / "cache", print)


class Told:
    """Runs trials that come to what it is told."""

    def __init__(self, outcomes: list[Outcome], ending: Ending = Ending.SETTLED) -> None:
        self.outcomes = outcomes
        self.ending = ending
        self.cold: list[bool] = []
        self.seen: list[str] = []

    async def run_trial(self, job: TrialJob, seat: object) -> Trial:
        self.cold.append(job.cold)
        job.folder.mkdir(parents=True)
        folder = str(job.folder.relative_to(job.out))
        return trial(self.outcomes[job.index - 1], index=job.index, folder=folder, ending=self.ending)

    async def dump(self, vm: object, path: Path) -> None:
        self.seen.append(f"dump {path}")

    async def shell(self, guest: object) -> None:
        self.seen.append("shell")

    async def wake(self) -> None:
        self.seen.append("wake")

    async def clear(self) -> None:
        self.seen.append("clear")


async def go(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, times: int, look: Look
) -> list[Trial]:
    seat = SimpleNamespace(guest=SimpleNamespace(vm=None, wake=told.wake), clear=told.clear)
    monkeypatch.setattr(room, "run_trial", told.run_trial)
    monkeypatch.setattr(room, "Seat", lambda *_: seat)
    monkeypatch.setattr(room, "dump", told.dump)
    monkeypatch.setattr(room, "shell", told.shell)
    workload: Any = SimpleNamespace(name="exhaust")
    job = TrialJob("as-is", kernel("as-is", tmp_path), workload, 1, False, tmp_path / "out", seed=7)
    return await replay(job, trial(Outcome.FAIL), Accelerator.TCG, times, look, lambda text: None)


FAIL, PASS = Outcome.FAIL, Outcome.PASS


async def test_all_are_run_to_tell_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told([FAIL, PASS, FAIL])
    done = await go(tmp_path, told, monkeypatch, 3, Look())
    assert sum(same(one, trial(FAIL)) for one in done) == 2
    assert told.cold == [True, False, False]
    assert told.seen == ["clear"]
    assert len(list((tmp_path / "out").rglob("trial.json"))) == 3


async def test_who_looks_gets_the_first_that_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told([PASS, FAIL, FAIL])
    look = Look(shell=True, vmcore=tmp_path / "core")
    assert len(await go(tmp_path, told, monkeypatch, 3, look)) == 2
    assert told.seen == [f"dump {tmp_path / 'core'}", "wake", "shell", "clear"]


async def test_nobody_enters_a_guest_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told([FAIL], ending=Ending.PANIC)
    await go(tmp_path, told, monkeypatch, 3, Look(shell=True))
    assert told.seen == ["clear"]


async def test_what_never_comes_again_is_tried_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told([PASS] * 5)
    assert len(await go(tmp_path, told, monkeypatch, 5, Look(shell=True))) == 5
    assert told.seen == ["clear"]
