# SPDX-License-Identifier: GPL-2.0-or-later
"""Sources, builds and guests that are only names, for tests of what schedules them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine import Prepared, Source, run
from harness.engine.trial import TrialJob
from harness.plan import Plan
from harness.words import (
    Accelerator,
    AcceleratorChoice,
    BuildError,
    Expectation,
    Kernel,
    Outcome,
    Trial,
)
from tests.making import REFUSED, trial

MEASURED = Expectation(Outcome.FAIL, (REFUSED,))
PASS = Expectation(Outcome.PASS)
GOOD, BAD, TWIN = "series-v4", "scope-atomic", "series-v2"


def kernel(name: str, folder: Path) -> Kernel:
    config = folder / "config"
    config.write_text("CONFIG_SMP=y\n")
    return Kernel(name * 8, name, folder, folder, config, folder, folder, "6.12", "ab", "gcc", 1.0)


class World:
    """What the engine would otherwise find outside: counts what is built and tried, answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: set[str] = set()
        self.outcomes: dict[tuple[str, str], list[Outcome]] = {}
        self.tried: Counter[str] = Counter()
        self.must_fail_on = ""
        self.alone = ""
        self.cells: dict[str, list[str]] = {}
        self.on_trial: Callable[[TrialJob], None] = lambda job: None

    def build(self, commit: str, source_id: str, log: Path, told: object) -> Kernel:
        if source_id in self.broken:
            raise BuildError("no", first_error="mm/percpu.c:1: error: no", log=log)
        return kernel(source_id, self.folder)

    async def run_trial(self, job: TrialJob, seat: object, tell: object) -> Trial:
        await asyncio.sleep(0)
        self.on_trial(job)
        job.folder.mkdir(parents=True, exist_ok=True)
        self.tried[job.name] += 1
        default = [Outcome.FAIL if job.control or job.kernel_name == BAD else Outcome.PASS]
        answers = self.outcomes.get((job.kernel_name, job.workload.name), default)
        outcome = answers.pop(0) if len(answers) > 1 else answers[0]
        return trial(
            outcome,
            kernel=job.kernel_name,
            workload=job.workload.name,
            index=job.index,
            control=job.control,
            folder=str(job.folder.relative_to(job.out)),
            seed=job.seed,
            booted_in=str(job.folder.relative_to(job.out)) if job.cold else "another",
        )

    def prepare(self, plan: Plan, cache: Path, shown: object) -> Prepared:
        expects = {GOOD: PASS, TWIN: PASS, BAD: MEASURED}
        variant = {
            name: SimpleNamespace(name=name, summary="", expects={"exhaust": expected, "storm": expected})
            for name, expected in expects.items()
        }
        ids = {GOOD: "good", TWIN: "good", BAD: "bad"}
        commit = {
            name: SimpleNamespace(commit="c", source_id=source_id, contained=False)
            for name, source_id in ids.items()
        }
        workload = {
            name: SimpleNamespace(
                name=name,
                control_evidence=(REFUSED,),
                boots=1,
                cold=False,
                alone=name == self.alone,
                timed=False,
                cpus=2,
                memory_mib=256,
                packages=(),
                must_fail_on=self.must_fail_on,
                load=lambda: "8 readers",
            )
            for name in ("exhaust", "storm")
        }
        tree = SimpleNamespace(spec="t", name="t", version="6.12", source_id="s")
        made: Any = Prepared
        return made(
            tree=tree,
            stage=None,
            variants=variant,
            commits=commit,
            sources=[Source([GOOD, TWIN], "c", "good"), Source([BAD], "c", "bad")],
            workloads=workload,
            builder=SimpleNamespace(build=self.build, stop=lambda: None),
            notes=["noted"],
            cells={name: self.cells.get(name, ["exhaust", "storm"]) for name in expects},
            files={"exhaust": {}, "storm": {}},
        )

    def take_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the engine find this world instead of the real one."""

        async def choose(*_: object) -> AcceleratorChoice:
            return AcceleratorChoice(Accelerator.TCG, "told so")

        monkeypatch.setattr(run, "prepare", self.prepare)
        monkeypatch.setattr(run, "run_trial", self.run_trial)
        monkeypatch.setattr(run, "choose_accelerator", choose)
        monkeypatch.setattr(run, "toolchain_versions", lambda: {"gcc": "12"})
