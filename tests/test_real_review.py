# SPDX-License-Identifier: GPL-2.0-or-later
"""Reviews on real kernels: series that came by mail, built in the sandbox, booted, compared, told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.build import find_sandbox
from harness.words import ExitCode, Kernel
from tests.source.series.debian import FILE, WEAK, Sent, sent
from tests.source.series.mails import answer, encoded, mbox
from tests.test_real_run import harness, load

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(find_sandbox(trusted=True) is None, reason="bubblewrap does not work on this machine"),
]


@pytest.fixture(scope="module")
def series(guest_kernel: Kernel) -> Sent:
    return sent()


def reviewed(out: Path, specs: Sequence[str | Path], *args: str) -> tuple[int, str, dict[str, Any]]:
    done = harness("review", *specs, *args, "--out", out)
    assert "Traceback" not in done.stderr
    assert (out / "comparison.json").is_file(), done.stdout + done.stderr
    document: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return done.returncode, done.stdout, document


def verdicts(out: Path) -> dict[tuple[str, str], str]:
    return {(cell["variant"], cell["workload"]): cell["verdict"] for cell in load(out)["cells"]}


@pytest.mark.timeout(1700)
def test_a_mask_that_is_too_weak_for_io_is_told_from_the_right_one(series: Sent, tmp_path: Path) -> None:
    """v5 masks to GFP_NOFS: lockdep has nothing against it, the audit has."""
    v4, v5 = series.mails(4), series.mails(5, series.weak)
    thread = tmp_path / "thread.mbox"
    thread.write_bytes(mbox([*v4, *(encoded(mail, "base64") for mail in v5), answer(v4[0]), answer(v5[1])]))
    out = tmp_path / "run"
    names = "--workloads", "reclaim-inversion,constrained-holder,reclaim-audit"
    code, shown, found = reviewed(out, [f"{thread}@v4", f"{thread}@v5"], *names)
    assert code == ExitCode.UNEXPECTED
    told = verdicts(out)
    assert {name: told["v5", name] for name in ("reclaim-inversion", "constrained-holder")} == {
        "reclaim-inversion": "pass",
        "constrained-holder": "pass",
    }
    assert told["v5", "reclaim-audit"] == "fail"
    assert {told["v4", name] for _, name in told} == {"pass"}
    assert {told["as-is", name] for _, name in told} == {"fail"}
    first, second = (one["text"] for one in found["conclusion"])
    assert "v4 passes all 3 workloads" in first
    assert "v5 fails 1 of 3 workloads (reclaim-audit: " in first
    assert second.startswith("v4 and v5 differ in reclaim-audit: v4 is pass and v5 is fail (")
    (pair,) = found["pairs"]
    (cause,) = [change for change in pair["changes"] if change["behaviour"]]
    assert "changed: mask-noio" in cause["title"]
    assert WEAK.split(" ", maxsplit=1)[0] in cause["diff"]
    assert "In short:" in shown
    cells = {(cell["variant"], cell["workload"]): cell for cell in load(out)["cells"]}
    assert not any(cell["events"] for (variant, _), cell in cells.items() if variant == "v5")
    paths = cells["v5", "reclaim-audit"]["paths"]
    assert all("GFP_NOFS" in path["label"] for path in paths if "violation" in path["label"])
    page = harness("report", out, "--format", "html").stdout
    assert "v4 beside v5" in page
    reply = harness("report", out, "--format", "mail", "--variants", "v5").stdout
    assert "In-Reply-To: <" in reply
    assert "Re: [PATCH v5 0/4] percpu: no IO under the mutex, v5" in reply


@pytest.mark.timeout(1700)
def test_each_patch_of_a_series_that_breaks_the_build_and_warns(series: Sent, tmp_path: Path) -> None:
    base = series.tree.base
    text = "void __percpu *pcpu_alloc_noprof("
    warned = series.add(base, "mm: add a file", "mm/added.c", "int added;\n")
    unused = "static int nobody_calls(void) { return 0; }\n"
    warned = series.commit(warned, "mm: warn", FILE, text, unused + text)
    broken = series.commit(warned, "mm: break", FILE, text, f"int broken\n{text}")
    mended = series.commit(broken, "mm: mend", FILE, "int broken\n", "int broken;\n")
    path = tmp_path / "breaks.mbox"
    path.write_bytes(mbox(series.mails(1, mended)))
    code, _, found = reviewed(tmp_path / "run", [path], "--each-patch", "--workloads", "storm")
    assert code == ExitCode.UNEXPECTED
    steps = found["examined"][0]["steps"]
    assert steps[0]["effects"] == [
        {"text": "changes nothing: the kernel is bit-identical to the one before", "evidence": []}
    ]
    assert steps[1]["build"].startswith(f"adds 1 warning: {FILE}: ")
    assert "nobody_calls" in steps[1]["build"]
    assert steps[2]["build"].startswith("does not build: mm/percpu.c:")
    assert "error: " in steps[2]["build"]
    assert steps[3]["build"] == "builds without new warnings"
    assert "patch 2 adds 1 warning" in found["conclusion"][-1]["text"]
    assert verdicts(tmp_path / "run")["v1", "storm"] == "pass"


@pytest.mark.timeout(1700)
def test_the_mask_alone_is_not_enough_and_by_which_ways(series: Sent, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, _, found = reviewed(out, ["mask-only"], "--workloads", "reclaim-inversion,reclaim-audit")
    assert code == ExitCode.UNEXPECTED
    assert set(verdicts(out).values()) == {"fail"}
    told = found["conclusion"][0]["text"]
    assert "mask-only fails 2 of 2 workloads" in told
    for way in ("pcpu_create_chunk > pcpu_get_vm_areas", "pcpu_populate_chunk > pcpu_get_pages"):
        assert f"pcpu_alloc_noprof > {way} (" in told
