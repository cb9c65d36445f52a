# SPDX-License-Identifier: GPL-2.0-or-later
"""The SCSI scans on real kernels, with few LUNs: end to end, and each way in which a guest can be broken."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.cli import cache_folder
from harness.engine.files import guest_files
from harness.engine.seat import Seat
from harness.engine.trial import TrialJob, run_trial
from harness.report.results import schema
from harness.variants import AS_IS
from harness.words import Accelerator, ExitCode, Kernel, Outcome, Tally, Trial
from harness.workload import workloads
from tests.command import harness

pytestmark = [pytest.mark.guest, pytest.mark.network]

LUNS = 24
CONSOLE_TAIL = 12_000  # characters
FEW: dict[str, int | str] = {"luns": 4, "width": 2, "depth": 2, "patience": 60}
# As much load for few LUNs as makes a scan fail that may not sleep (docs/iscsi-scan.md).
HEAVY: dict[str, int | str] = {"luns": LUNS, "width": 64, "depth": 32}


def scan(kernel: Kernel, out: Path, name: str = "iscsi-scan", cpus: int = 2, **changes: int | str) -> Trial:
    """Run one trial; of a test that fails, pytest shows what is printed here."""
    workload = replace(workloads()[name].tuned({**FEW, **changes}), cpus=cpus)
    files = guest_files(workload, cache_folder(), None, lambda _: None)
    job = TrialJob(AS_IS, kernel, workload, 1, False, out, files=files, cold=True, keep=False)

    async def run() -> Trial:
        seat = Seat(Accelerator.TCG)
        try:
            return await run_trial(job, seat)
        finally:
            await seat.clear()

    trial = asyncio.run(run())
    print(f"{trial.outcome} {trial.evidence} ({trial.ending}, {trial.seconds:.1f} s): {trial.reasons}")
    print((out / trial.folder / "console.log").read_text(errors="replace")[-CONSOLE_TAIL:])
    return trial


def run_cells(out: Path, trials: int, load: dict[str, int | str]) -> tuple[int, str, dict[str, Any]]:
    """Scan on a stage that loses devices and on one that does not."""
    cells = ("--variants", f"{AS_IS},scope-atomic", "--workloads", "iscsi-scan", "--trials", str(trials))
    tuned = [f"--set=iscsi-scan.{name}={value}" for name, value in load.items()]
    done = harness("run", *cells, *tuned, "--out", out)
    assert "Traceback" not in done.stderr
    document = json.loads((out / "results.json").read_text())
    jsonschema.validate(document, schema())
    return done.returncode, done.stdout, document


@pytest.mark.timeout(1700)
def test_devices_are_lost_on_the_stage_that_history_names_and_on_no_other(
    guest_kernel: Kernel, tmp_path: Path
) -> None:
    code, said, document = run_cells(tmp_path / "run", 3, HEAVY)
    assert code == ExitCode.OK, said
    cells = {cell["variant"]: cell for cell in document["cells"]}
    lost = cells["scope-atomic"]
    assert lost["evidence"] == ["measured/devices_lost", "measured/scan_refused"]
    assert lost["counters"]["scanner_fails"] >= lost["failures"] >= 1
    found = [trial["tally"]["found"] for trial in lost["trial_list"]]
    assert min(found) < LUNS
    assert f"{', '.join(map(str, found))} of {LUNS}" in said
    whole = cells[AS_IS]
    assert [trial["tally"] for trial in whole["trial_list"]] == [{"found": LUNS, "wanted": LUNS}] * 3
    assert whole["counters"]["other_fails"] > 0, "the pressure was there"
    for cell in cells.values():
        assert cell["counters"]["scanner_calls"] == cell["counters"]["scanner_noio_calls"] > 0
        for trial in cell["trial_list"]:
            assert trial["series"]["disks"][-1][1] == trial["tally"]["found"]
    (control,) = document["controls"]
    assert control["proved"], control["reasons"]
    assert re.search(r"guest 1: (login|scan), \d+ of 24 devices", said), "it says how far it is"


@pytest.mark.timeout(900)
def test_readers_too_few_to_empty_the_spare_pages_prove_nothing(guest_kernel: Kernel, tmp_path: Path) -> None:
    code, said, document = run_cells(tmp_path / "run", 1, FEW)
    assert code == ExitCode.UNEXPECTED
    for cell in document["cells"]:
        assert cell["verdict"] == "inconclusive"
        assert cell["reasons"] == ["witness missing: spare_pages_emptied"]
        assert cell["trial_list"][0]["tally"] == {"found": 4, "wanted": 4}
    assert "inconclusive (fail)" in said


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
    guest_kernel: Kernel, tmp_path: Path, fault: str, said: str
) -> None:
    patience = 6 if fault == "time-out" else 60
    # On two CPUs the kernel's own initiator now and then oopses on a refusal (docs/iscsi-scan.md).
    cpus = 1 if fault == "login-refused" else 2
    trial = scan(guest_kernel, tmp_path, fault=fault, patience=patience, cpus=cpus)
    assert trial.outcome is Outcome.INCONCLUSIVE
    assert trial.reasons[0].startswith(said)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["iscsi-scan-newest", "iscsi-scan-no-flusher"])
def test_an_initiator_that_scans_outside_the_scope_passes_in_its_own_cell_alone(
    guest_kernel: Kernel, tmp_path: Path, name: str
) -> None:
    own = scan(guest_kernel, tmp_path / "own", name, **HEAVY)
    assert own.outcome is Outcome.PASS, own.reasons
    assert own.observation.tally == Tally(LUNS, LUNS)
    initiator = str(workloads()[name].parameters["initiator"])
    proper = scan(guest_kernel, tmp_path / "proper", initiator=initiator, **HEAVY)
    assert proper.outcome is Outcome.INCONCLUSIVE
    assert proper.reasons == ("witness missing: scanned_in_noio_scope",)


@pytest.mark.timeout(300)
def test_the_light_scan_finds_every_device_of_a_kernel_that_lets_it_sleep(
    guest_kernel: Kernel, tmp_path: Path
) -> None:
    trial = scan(guest_kernel, tmp_path / "all", "scsi-scan", **HEAVY)
    assert trial.outcome is Outcome.PASS, trial.reasons
    assert trial.observation.tally == Tally(LUNS, LUNS)
    broken = scan(guest_kernel, tmp_path / "few", "scsi-scan", fault="few-luns")
    assert broken.outcome is Outcome.INCONCLUSIVE
    assert broken.reasons[0].startswith("too few LUNs: only 3 of 4 are exported")
