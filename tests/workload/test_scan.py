# SPDX-License-Identifier: GPL-2.0-or-later
"""The scans against a guest that answers with what program and module really wrote on a kernel."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.data import data_dir
from harness.words import InfraError, Outcome, Tally, UserError
from harness.workload import scan, workloads
from harness.workload.scan import IN_SCOPE, INITIATORS, NOT_IN_SCOPE
from tests.workload.judging import judged

RESULTS = Path(__file__).parent / "results"
SCANS = ("scsi-scan", "iscsi-scan")


@dataclass
class Completed:
    stdout: bytes
    exit_code: int = 0
    stderr: bytes = b""


@dataclass
class FakeGuest:
    program: bytes
    module: bytes | None
    argv: list[str] = field(default_factory=list)
    exit_code: int = 0

    async def run(self, argv, timeout):  # noqa: ASYNC109
        self.argv = list(argv)
        return Completed(self.program, self.exit_code, b"no room")

    async def read(self, path):
        if path == "/sys/kernel/debug/percpu_probe/result" and self.module is not None:
            return self.module
        raise InfraError(f"{path} cannot be read in the guest: No such file or directory")


def recorded(name):
    return FakeGuest(*((RESULTS / f"{name}.{part}.txt").read_bytes() for part in ("program", "module")))


@pytest.mark.parametrize("name", SCANS)
async def test_a_scan_that_finds_all_passes(name):
    workload = workloads()[name]
    guest = recorded(name)
    observation = await workload.run(guest)
    assert guest.argv[0] == "/bin/scan"
    assert {"luns=193", "width=32", "depth=16", "sabotage=0", f"workload={name}"} <= set(guest.argv)
    assert "prepare=1" not in guest.argv
    assert judged(workload, observation).outcome is Outcome.PASS
    assert observation.tally == Tally(6, 6)
    disks = observation.series["disks"]
    assert disks[-1][1] == 6
    assert [time for time, _ in disks] == sorted(time for time, _ in disks)


@pytest.mark.parametrize("name", SCANS)
async def test_the_sabotaged_scan_is_caught_by_both_detectors(name):
    workload = workloads()[name]
    guest = recorded(f"{name}.sabotage")
    observation = await workload.run(guest, sabotage=True)
    assert {"luns=193", "width=0", "sabotage=1"} <= set(guest.argv)
    judgement = judged(workload, observation)
    assert judgement.outcome is Outcome.FAIL
    assert judgement.evidence == workload.control_evidence
    assert judgement.reasons[0] == "only 6 of 8 devices were found"
    assert judgement.missing == ()
    assert observation.series["scanner_fails"]


async def test_the_seed_goes_to_the_readers():
    guest = recorded("iscsi-scan")
    await workloads()["iscsi-scan"].run(guest, seed=0xFFFFFFFF)
    assert "seed=4294967295" in guest.argv


async def test_a_guest_is_prepared_with_the_parameters_of_the_scan():
    workload = workloads()["iscsi-scan"].tuned({"luns": 24})
    guest = FakeGuest(b"", None)
    await workload.prepare(guest)
    assert {"luns=24", "width=32", "depth=16", "prepare=1"} <= set(guest.argv)
    guest.exit_code = 1
    with pytest.raises(InfraError, match="the preparation of the scan ended with exit code 1: no room"):
        await workload.prepare(guest)


async def test_a_scan_outside_the_scope_proves_nothing_of_the_bug():
    workload = workloads()["iscsi-scan"]
    guest = recorded("iscsi-scan-newest")
    guest.program = guest.program.replace(b"iscsi-scan-newest", b"iscsi-scan")
    judgement = judged(workload, await workload.run(guest))
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.reasons == (f"witness missing: {IN_SCOPE}",)


async def test_the_same_scan_passes_where_it_is_what_the_cell_is_about():
    workload = workloads()["iscsi-scan-newest"]
    assert IN_SCOPE not in workload.witnesses
    assert NOT_IN_SCOPE in workload.witnesses
    assert judged(workload, await workload.run(recorded("iscsi-scan-newest"))).outcome is Outcome.PASS


async def test_a_scan_in_scope_proves_nothing_for_the_control():
    workload = workloads()["iscsi-scan-no-flusher"]
    guest = recorded("iscsi-scan")
    guest.program = guest.program.replace(b"iscsi-scan", b"iscsi-scan-no-flusher")
    judgement = judged(workload, await workload.run(guest))
    assert "preload=/lib/no-flusher.so" in guest.argv
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.reasons == (f"witness missing: {NOT_IN_SCOPE}",)


async def test_without_load_a_pass_proves_nothing():
    workload = workloads()["iscsi-scan"]
    guest = recorded("iscsi-scan")
    guest.module = re.sub(rb"counter (worker_pages|other_fails) \d+", rb"counter \1 0", guest.module)
    judgement = judged(workload, await workload.run(guest))
    assert judgement.reasons == ("witness missing: spare_pages_emptied",)


@pytest.mark.parametrize(
    "why",
    [
        "no portal: nobody answers at 127.0.0.1:3260: Connection refused",
        "too few LUNs: only 192 of 193 are exported",
        "iscsid is dead (killed by signal 9): ",
    ],
)
async def test_a_broken_guest_is_no_failure_of_the_kernel_and_says_what_is_broken(why):
    workload = workloads()["iscsi-scan"]
    guest = FakeGuest(f"workload iscsi-scan\nobstacle {why}\n".encode(), None)
    judgement = judged(workload, await workload.run(guest))
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.reasons[0] == why


@pytest.mark.parametrize("program", [b"", b"workload iscsi-scan\n", b"workload iscsi-scan\ncounter disks"])
async def test_a_result_that_is_cut_is_no_result(program):
    workload = workloads()["iscsi-scan"]
    judgement = judged(workload, await workload.run(FakeGuest(program, None)))
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert "no result" in judgement.reasons[0]


async def test_it_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(scan, "_POLL", 0.001)
    guest = recorded("iscsi-scan")
    says = iter([None, b"login 0 193\n", b"scan 24 193\n"])
    answer, told, done = guest.read, [], asyncio.Event()

    async def run(argv, timeout):  # noqa: ASYNC109
        await done.wait()
        return Completed(guest.program)

    async def read(path):
        if path != "/run/scan.progress":
            return await answer(path)
        if (text := next(says, b"")) is None:
            raise InfraError("not there yet")
        if not text:
            done.set()
        return text

    guest.run, guest.read = run, read
    observation = await workloads()["iscsi-scan"].run(guest, tell=told.append)
    assert observation.complete
    assert told == ["login, 0 of 193 devices", "scan, 24 of 193 devices"]


async def test_failures_over_time_are_told_as_so_many_so_far():
    guest = recorded("iscsi-scan")
    guest.module = guest.module.replace(b"series other_fails\n", b"series other_fails 0:2 1500:1 9000:4\n")
    observation = await workloads()["iscsi-scan"].run(guest)
    assert observation.series["other_fails"] == ((0, 2), (1500, 3), (9000, 7))
    assert observation.series["scanner_fails"] == ()


async def test_a_counter_that_is_missing_makes_the_run_incomplete():
    workload = workloads()["scsi-scan"]
    guest = recorded("scsi-scan")
    guest.module = re.sub(rb"counter scanner_fails \d+\n", b"", guest.module)
    observation = await workload.run(guest)
    assert not observation.complete
    assert "'scanner_fails'" in observation.notes[0]


def test_parameters():
    known = workloads()["iscsi-scan"]
    tuned = known.tuned({"luns": 24, "cpus": 4, "initiator": "newest"})
    assert (tuned.parameters["luns"], tuned.cpus) == (24, 4)
    assert tuned.packages == ("open-iscsi-newest",)
    assert known.parameters["luns"] == 193
    assert "24 LUNs, 32 readers in cgroups nested 16 deep, 4 CPUs" in tuned.load()
    with pytest.raises(UserError, match=r"has no parameter 'lun': it has cpus, possible_cpus, memory_mib, l"):
        known.tuned({"lun": 24})
    with pytest.raises(UserError, match=r"iscsi-scan\.luns must be a number"):
        known.tuned({"luns": "many"})
    with pytest.raises(UserError, match=r"unknown initiator '3': known are 2\.1\.8,"):
        known.tuned({"initiator": "3"})
    with pytest.raises(UserError, match=r"iscsi-scan\.cpus must be from 1 to \d+, not 0"):
        known.tuned({"cpus": 0})
    with pytest.raises(UserError, match=r"iscsi-scan\.luns must be from 0 to \d+, not -1"):
        known.tuned({"luns": -1})


def test_what_the_guests_are_made_of_ships():
    recipes = {path.stem for path in (data_dir("images") / "packages").glob("*.toml")}
    assert set(INITIATORS.values()) == recipes
    for workload in workloads().values():
        for folder in workload.programs.values():
            assert list((data_dir("images") / folder).glob("*.c"))
