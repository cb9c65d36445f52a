# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-recursion on real kernels: one that comes back to the mutex, and one where it is not taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.words import ExitCode, Kernel

pytestmark = pytest.mark.guest


@pytest.mark.timeout(900)
def test_reclaim_comes_back_to_the_mutex_where_history_says_so(guest_kernel: Kernel, tmp_path: Path) -> None:
    """Each time: what makes memory short must not have the OOM killer come, and what ends a call that waits
    for ever must not break the kernel.
    """
    command = [sys.executable, "-m", "harness.cli", "run", "--variants", "as-is,scope-atomic"]
    command += ["--workloads", "reclaim-recursion", "--trials", "3", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    document = json.loads((tmp_path / "run" / "results.json").read_text())
    (control,) = document["controls"]
    assert control["proved"]
    cells = {cell["variant"]: cell for cell in document["cells"]}
    assert cells["as-is"]["verdict"] == "fail"
    assert cells["as-is"]["failures"] == 3
    assert cells["as-is"]["evidence"] == ["lockdep/recursive", "measured/mutex_recursion"]
    assert cells["scope-atomic"]["verdict"] == "pass"
    for cell in cells.values():
        assert {event["kind"] for event in cell["events"]} <= {"lockdep"}
        assert cell["counters"]["slow_path_scans"] >= 3
        assert cell["counters"]["outside_noio_scope_calls"] >= 3
