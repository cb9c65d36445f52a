# SPDX-License-Identifier: GPL-2.0-or-later
"""The built wheel works in another environment, outside the clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.words import Expectation, Outcome
from tests.making import results, store, trial

_TOP = Path(__file__).resolve().parent.parent


@pytest.mark.network
def test_the_wheel_brings_all_it_needs(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, _TOP], check=True)
    (wheel,) = tmp_path.glob("percpu_harness-*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "other"], check=True)
    other = tmp_path / "other" / "bin"
    subprocess.run([other / "pip", "install", "-q", wheel], check=True)
    look = "from harness.data import data_dir; print(data_dir('images')); print(data_dir('kconfigs'))"
    found = subprocess.run(
        [other / "python", "-c", look], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    images, kconfigs = map(Path, found)
    assert tmp_path in images.parents
    assert list((images / "module").glob("*.c"))
    assert list((images / "agent").glob("*.c"))
    assert (kconfigs / "lockdep.config").is_file()
    for command, said in (("variants", "series-v4"), ("workloads", "reclaim-audit")):
        shown = subprocess.run(
            [other / "percpu-harness", command], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        assert said in shown.stdout
    run = store(tmp_path / "run", results(trial(), expected=Expectation(Outcome.PASS)))
    page = subprocess.run(
        [other / "percpu-harness", "report", run, "--format", "html"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "2 of 2 cells are as expected" in page.stdout
