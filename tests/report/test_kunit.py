# SPDX-License-Identifier: GPL-2.0-or-later
"""Our KTAP read by the kernel tree's own parser."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engine import Prepared
from harness.report.ktap import ktap
from harness.report.results import Results
from tests.making import results, trial
from tests.report.test_formats import PASS, all_sorts

pytestmark = pytest.mark.network


def parsed(prepared: Prepared, folder: Path, found: Results) -> tuple[int, str]:
    """Run `kunit.py parse`; return its exit code and what it printed."""
    place = "tools/testing/kunit"
    tar = ["git", "-C", str(prepared.tree.repo), "archive", prepared.tree.source_id, place]
    archive = subprocess.run(tar, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    text = folder / "run.ktap"
    text.write_text(ktap(found))
    command = [sys.executable, str(folder / place / "kunit.py"), "parse", str(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_kunit_counts_as_we_do(prepared: Prepared, tmp_path: Path) -> None:
    code, said = parsed(prepared, tmp_path, all_sorts())
    assert code == 1
    assert re.search(r"Ran 9 tests: passed: 3, failed: 6\b", said), said
    assert "skipped" not in said
    assert "crashed" not in said
    assert "[ERROR]" not in said
    for name in ("bad", "better", "unproved", "broken", "evil _1"):
        assert f"[FAILED] {name}" in said
    assert "as-is (6 subtests)" in said, "a variant is a suite"


def test_kunit_agrees_when_all_is_well(prepared: Prepared, tmp_path: Path) -> None:
    code, said = parsed(prepared, tmp_path, results(trial(), expected=PASS))
    assert code == 0, said
    assert "Ran 3 tests: passed: 3" in said
