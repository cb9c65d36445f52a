# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-recursion on real kernels: one that comes back to the mutex, and one where it is not taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.words import ExitCode, Kernel
from tests.command import harness

pytestmark = pytest.mark.guest


@pytest.mark.timeout(900)
def test_reclaim_comes_back_to_the_mutex_where_history_says_so(guest_kernel: Kernel, tmp_path: Path) -> None:
    """Each time: what makes memory short must not have the OOM killer come, and what ends a call that waits
    for ever must not break the kernel.
    """
    cells = ("--variants", "as-is,scope-atomic", "--workloads", "reclaim-recursion", "--trials", "3")
    done = harness("run", *cells, "--out", tmp_path / "run")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    document = json.loads((tmp_path / "run" / "results.json").read_text())
    (control,) = document["controls"]
    assert control["proved"]
    found = {cell["variant"]: cell for cell in document["cells"]}
    assert found["as-is"]["verdict"] == "fail"
    assert found["as-is"]["failures"] == 3
    assert found["as-is"]["evidence"] == ["lockdep/recursive", "measured/mutex_recursion"]
    assert found["scope-atomic"]["verdict"] == "pass"
    for cell in found.values():
        assert {event["kind"] for event in cell["events"]} <= {"lockdep"}
        assert cell["counters"]["slow_path_scans"] >= 3
        assert cell["counters"]["outside_noio_scope_calls"] >= 3
