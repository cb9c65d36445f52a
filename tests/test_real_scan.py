# SPDX-License-Identifier: GPL-2.0-or-later
"""The SCSI scans on a real kernel, with few LUNs: end to end, and each way in which a guest can be broken."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from harness.cli import cache_folder
from harness.engine import Prepared, build, prepare
from harness.engine.files import guest_files
from harness.engine.seat import Seat
from harness.engine.trial import TrialJob, run_trial
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.report.results import schema
from harness.variants import AS_IS
from harness.words import Accelerator, ExitCode, Kernel, Outcome, Tally, Trial

pytestmark = [pytest.mark.guest, pytest.mark.network]

LUNS = 24
FEW: dict[str, int | str] = {"luns": 4, "width": 2, "depth": 2, "patience": 60}


@pytest.fixture(scope="module")
def scanning() -> tuple[Prepared, Kernel]:
    """Return the default tree with a kernel that has SCSI, network and target, built if need be."""
    shown = PlainProgress(Console(stderr=True))
    plan = Plan(variants=(AS_IS,), workloads=("iscsi-scan", "iscsi-scan-newest", "iscsi-scan-no-flusher"))
    prepared = prepare(plan, cache_folder(), shown)
    source = prepared.source_of(AS_IS)
    asyncio.run(build(prepared, source, cache_folder() / "logs" / "scan-test", shown))
    assert source.kernel is not None, source.first_error
    return prepared, source.kernel


def scan(
    scanning: tuple[Prepared, Kernel], out: Path, name: str = "iscsi-scan", **changes: int | str
) -> Trial:
    prepared, kernel = scanning
    workload = prepared.workloads[name].tuned({**FEW, **changes})
    files = guest_files(workload, cache_folder(), None, lambda _: None)
    job = TrialJob(AS_IS, kernel, workload, 1, False, out, files=files, cold=True)

    async def run() -> Trial:
        seat = Seat(Accelerator.TCG)
        try:
            return await run_trial(job, seat)
        finally:
            await seat.clear()

    return asyncio.run(run())


@pytest.mark.timeout(1700)
def test_iscsid_finds_every_device_of_a_kernel_that_lets_it_sleep(
    scanning: tuple[Prepared, Kernel], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "harness.cli", "run", "--variants", AS_IS, "--workloads", "iscsi-scan"]
    settings = [f"--set=iscsi-scan.{name}={value}" for name, value in {"luns": LUNS, "width": 8}.items()]
    done = subprocess.run(
        [*command, *settings, "--trials", "1", "--out", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    document = json.loads((out / "results.json").read_text())
    jsonschema.validate(document, schema())
    (cell,) = document["cells"]
    (trial,) = cell["trial_list"]
    assert cell["verdict"] == cell["expected"] == "pass"
    assert trial["tally"] == {"found": LUNS, "wanted": LUNS}
    assert trial["series"]["disks"][-1][1] == LUNS
    assert cell["counters"]["scanner_calls"] == cell["counters"]["scanner_noio_calls"] >= 3 * LUNS
    (control,) = document["controls"]
    assert control["proved"], control["reasons"]
    assert "without scope-atomic" in done.stdout, "alone, a pass may be luck, and the report says so"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no-configfs", "no target: the kernel has no /sys/kernel/config/target"),
        ("no-target", "no target: the portal offers none"),
        ("no-portal", "no portal: nobody answers at 127.0.0.1:3260: Connection refused"),
        ("login-refused", "the target refused the login"),
        ("iscsid-dead", "iscsid is dead (killed by signal 9)"),
        ("few-luns", "too few LUNs: only 3 of 4 are exported"),
        ("time-out", "time out: the scan was not done after 6 s"),
    ],
)
def test_a_broken_guest_is_told_in_its_own_words_and_is_no_failure(
    scanning: tuple[Prepared, Kernel], tmp_path: Path, fault: str, said: str
) -> None:
    patience = 6 if fault == "time-out" else 60
    trial = scan(scanning, tmp_path, fault=fault, patience=patience)
    assert trial.outcome is Outcome.INCONCLUSIVE
    assert trial.reasons[0].startswith(said)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["iscsi-scan-newest", "iscsi-scan-no-flusher"])
def test_an_initiator_that_scans_outside_the_scope_passes_in_its_own_cell_alone(
    scanning: tuple[Prepared, Kernel], tmp_path: Path, name: str
) -> None:
    own = scan(scanning, tmp_path / "own", name)
    assert own.outcome is Outcome.PASS, own.reasons
    assert own.observation.tally == Tally(4, 4)
    initiator = str(scanning[0].workloads[name].parameters["initiator"])
    proper = scan(scanning, tmp_path / "proper", initiator=initiator)
    assert proper.outcome is Outcome.INCONCLUSIVE
    assert proper.reasons == ("witness missing: scanned_in_noio_scope",)
