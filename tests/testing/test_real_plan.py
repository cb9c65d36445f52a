# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan run by pytest on a real kernel, and what is told of it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.words import ExitCode, Kernel

pytestmark = pytest.mark.guest

PLAN = 'variants = ["as-is"]\nworkloads = ["exhaust", "reclaim-inversion", "storm"]\njobs = 1\n'


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *args], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.timeout(1200)
def test_pytest_runs_two_cells_of_a_plan(guest_kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    options = (
        "--percpu-plan",
        "plan.toml",
        "--percpu-out",
        "out",
        "-k",
        "not storm",
        "-p",
        "no:cacheprovider",
    )
    done = run(tmp_path, "pytest", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 1 deselected" in done.stdout
    ran = {path.parents[1].name for path in (tmp_path / "out").glob("*/*/*/*/trial.json")}
    assert ran == {"exhaust", "reclaim-inversion"}
    told = {}
    for form in ("terminal", "html", "junit", "ktap", "mail", "b4"):
        report = run(tmp_path, "harness.cli", "report", "out", "--format", form)
        assert report.returncode == ExitCode.OK, report.stderr
        told[form] = report.stdout
    assert "2 of 2 cells are as expected" in told["terminal"]
    page = told["html"]
    assert "cycle of locks" in page
    assert "holding <b>fs_reclaim</b>" in page
    assert guest_kernel.build_id in page
    assert "the kernel has no debug info" in page
