# SPDX-License-Identifier: GPL-2.0-or-later
"""A review of two mailed series on real kernels: what lockdep cannot tell apart, the audit does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.words import ExitCode, Kernel
from tests.command import harness
from tests.source.series.debian import Sent, sent
from tests.source.series.mails import mbox

pytestmark = [pytest.mark.guest, pytest.mark.network]

WORKLOADS = "reclaim-inversion,constrained-holder,reclaim-audit"


@pytest.fixture(scope="module")
def series() -> Sent:
    return sent()


def cells(results: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(cell["variant"], cell["workload"]): cell for cell in results["cells"]}


@pytest.mark.timeout(1500)
def test_a_mask_that_lets_io_through_is_told_from_the_right_one(
    guest_kernel: Kernel, series: Sent, tmp_path: Path
) -> None:
    """Both come by mail and are built in the sandbox. lockdep is silent on both: it sees FS alone."""
    right, weak = tmp_path / "v4.mbox", tmp_path / "v5.mbox"
    right.write_bytes(mbox(series.mails(4)))
    weak.write_bytes(mbox(series.mails(5, series.weak)))
    out = tmp_path / "run"
    done = harness("review", right, weak, "--workloads", WORKLOADS, "--out", out)
    assert done.returncode == ExitCode.UNEXPECTED, done.stdout + done.stderr
    found = cells(json.loads((out / "results.json").read_text()))
    verdicts = {place: cell["verdict"] for place, cell in found.items()}
    names = WORKLOADS.split(",")
    assert [verdicts["as-is", name] for name in names] == ["fail", "fail", "fail"]
    assert [verdicts["v4", name] for name in names] == ["pass", "pass", "pass"]
    assert [verdicts["v5", name] for name in names] == ["pass", "pass", "fail"]
    assert found["v5", "reclaim-audit"]["evidence"] == ["measured/may_recurse"]  # and no word on the console
    configs = [(out / "builds" / name / "config").read_bytes() for name in ("as-is", "v4", "v5")]
    assert configs[0] == configs[1] == configs[2]  # else nothing of the compiler cache fits in the sandbox
    compared = json.loads((out / "comparison.json").read_text())
    (pair,) = compared["pairs"]
    (changed,) = [change for change in pair["changes"] if change["behaviour"]]
    assert changed["title"].startswith("v4 4 / v5 4, changed")
    assert "GFP_NOFS" in changed["diff"]
    assert changed["behaviour"][0]["text"].startswith("reclaim-audit: v4 is pass and v5 is fail")
    mail = harness("report", out, "--format", "mail")
    assert mail.returncode == ExitCode.OK
    assert "v4 and v5 differ in reclaim-audit" in " ".join(mail.stdout.split())
    assert all(len(line) <= 72 for line in mail.stdout.splitlines() if str(tmp_path) not in line)
