# SPDX-License-Identifier: GPL-2.0-or-later
"""`nofail` on a real kernel that can inject faults, beside its control."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harness.report.results import schema
from harness.words import ExitCode
from tests.command import harness
from tests.described import DESCRIBED

POSSIBLE = 16


@pytest.mark.guest
@pytest.mark.timeout(1500)  # a kernel of its own config: the others inject no faults
def test_null_is_returned_to_a_caller_that_cannot_take_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    tuned = (f"--set=nofail.possible_cpus={POSSIBLE}", "--set=nofail.seconds=2", "--trials", "1")
    done = harness("run", *DESCRIBED, "--workloads", "nofail", *tuned, "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    document = json.loads((out / "results.json").read_text())
    jsonschema.validate(document, schema())
    (cell,) = document["cells"]
    assert (cell["verdict"], cell["expected"]) == ("fail", "fail")
    assert document["as_expected"]
    assert all(control["proved"] for control in document["controls"])
    counters = cell["counters"]
    assert counters["faults_kernel_failures"] > 0
    assert counters["calm_nofail_failures"] == 0
    assert counters["calm_most_pages"] == POSSIBLE == counters["possible_cpus"]
    assert counters["hogs_killed"] > 0
    assert counters["pressure_others_calls"] > 0
    assert any(name.startswith("pressure_nofail_latency_log2ns_") for name in counters)
    assert any("one call for 64 bytes took up to 16 pages" in line for line in done.stdout.splitlines())
