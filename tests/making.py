# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the nouns that tests need, with everything that a test does not care about filled in."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from harness.report.codec import trial_to_dict
from harness.report.results import Results, VariantReport, results_to_dict
from harness.verdict import judge_cell
from harness.words import (
    Accelerator,
    AcceleratorChoice,
    Ending,
    Event,
    Expectation,
    Kernel,
    Kind,
    Misbehaviour,
    Observation,
    Outcome,
    Trial,
)

MISBEHAVIOUR = Misbehaviour("refused_in_scope", "64 of 64 failed")
REFUSED = f"measured/{MISBEHAVIOUR.what}"
WITNESSES = {"lockdep_alive": True, "chunks_created": True}


def event(kind: Kind = Kind.LOCKDEP, subtype: str = "circular", title: str = "a splat") -> Event:
    return Event(
        kind, subtype, title, "f" * 16, 10, 20, "raw\n<b>text</b>", time=1.5, cycle=("fs_reclaim", "a_lock")
    )


def observation(**changes: object) -> Observation:
    good = Observation(complete=True, counters={"failures": 0, "allocations": 512}, witnesses=WITNESSES)
    return dataclasses.replace(good, **changes)  # type: ignore[arg-type]


def trial(outcome: Outcome = Outcome.PASS, **changes: object) -> Trial:
    made = Trial(
        kernel="as-is",
        workload="exhaust",
        index=1,
        control=False,
        outcome=outcome,
        evidence=(REFUSED,) if outcome is Outcome.FAIL else (),
        reasons=("509 of 512 allocations failed",) if outcome is Outcome.FAIL else (),
        ending=Ending.POWEROFF,
        observation=observation(),
        events=(),
        folder="trials/as-is/exhaust/1",
        seconds=4.0,
        boot_seconds=2.0,
        seed=7,
        booted_in="trials/as-is/exhaust/1",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


MEASURED = Expectation(Outcome.FAIL, (REFUSED,), "the source says so")


def results(*trials: Trial, expected: Expectation | None = MEASURED, error: str | None = None) -> Results:
    somewhere = Path("k")
    kernel = Kernel(
        "k" * 64,
        "s" * 40,
        somewhere,
        somewhere,
        somewhere,
        somewhere,
        somewhere,
        "6.12.0",
        "ab" * 20,
        "gcc",
        4.0,
    )
    variant = VariantReport(
        "as-is", "the tree", "c" * 40, "s" * 40, True, None, None if error else kernel, error
    )
    twin = dataclasses.replace(variant, name="sleepable", same_as="as-is")
    cells = [
        judge_cell(name, "exhaust", trials, expected, build_failure=error) for name in ("as-is", "sleepable")
    ]
    return Results(
        tree={
            "spec": "debian:6.12",
            "name": "debian:6.12 (6.12.1-1)",
            "version": "6.12.1",
            "source_id": "s" * 40,
        },
        accelerator=AcceleratorChoice(Accelerator.TCG, "the KVM probe guest did not come up"),
        toolchain={"gcc": "gcc 12.2.0"},
        plan={"tree": "debian:6.12", "seed": 7},
        variants=[variant, twin],
        controls=[trial(Outcome.FAIL, control=True, folder="controls/as-is/exhaust/1")],
        controls_proved={"exhaust": True},
        cells=cells,
        notes=["a note of the run"],
        seconds={"total": 12.3456},
    )


def store(folder: Path, found: Results, console: bytes = b"Linux version 6.12.0\n") -> Path:
    """Write what a run leaves in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.toml").write_text('tree = "debian:6.12"\n')
    for one in [*found.controls, *(one for cell in found.cells for one in cell.trials)]:
        place = folder / one.folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "console.log").write_bytes(console)
        (place / "qemu-command.txt").write_text("-machine q35 -append 'console=ttyS0'\n")
        (place / "trial.json").write_text(json.dumps(trial_to_dict(one)))
    (folder / "results.json").write_text(json.dumps(results_to_dict(found)))
    return folder
