# SPDX-License-Identifier: GPL-2.0-or-later
"""Each workload against a guest that answers with what the module really wrote on a kernel."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.data import data_dir
from harness.words import InfraError, Misbehaviour
from harness.workload import workloads
from harness.workload.probe import ProbeWorkload

RESULTS = Path(__file__).parent / "results"
BY_MODULE = [name for name, workload in workloads().items() if isinstance(workload, ProbeWorkload)]

HOGS = b"workload nofail\ncounter hogs_started 9\ncounter hogs_killed 3\ntoken nofail complete\n"
TRIGGER = "/dev/percpu_probe"


@dataclass
class Completed:
    exit_code: int = 0
    stderr: bytes = b""
    stdout: bytes = b""


@dataclass
class FakeGuest:
    result: bytes
    completed: Completed = field(default_factory=Completed)
    argv: list[str] = field(default_factory=list)
    asked: str = ""
    poked: dict[str, bytes] = field(default_factory=dict)
    hogs: bytes = HOGS
    faults_left: bytes = b"999999000\n"

    async def run(self, argv, timeout):  # noqa: ASYNC109
        if argv[0] == "/bin/hog":
            return Completed(stdout=self.hogs)
        self.argv = list(argv)
        return self.completed

    async def read(self, path):
        assert path == "/sys/kernel/debug/fail_page_alloc/times"
        return self.faults_left

    async def ask(self, path, timeout):  # noqa: ASYNC109
        assert self.argv, "the module makes the file"
        self.asked = path

    async def poke(self, path, data):
        assert path != TRIGGER or path == self.asked
        self.poked[path] = data

    @property
    def told(self):
        return self.poked.get(TRIGGER, b"")

    async def answer(self, timeout):  # noqa: ASYNC109
        assert self.told
        return self.result


async def observe(name, guest, **how):
    workload = workloads()[name]
    await workload.prepare(guest)
    return await workload.run(guest, **how)


def recorded(name):
    return (RESULTS / f"{name}.txt").read_bytes()


def test_their_names_are_their_keys():
    assert list(workloads()) == [
        "reclaim-inversion",
        "constrained-holder",
        "exhaust",
        "reclaim-audit",
        "atomic-refill",
        "storm",
        "reclaim-recursion",
        "nofail",
        "scsi-scan",
        "iscsi-scan",
        "iscsi-scan-no-flusher",
        "iscsi-scan-newest",
    ]
    assert all(name == workload.name for name, workload in workloads().items())


def test_every_fragment_exists():
    shipped = {path.stem for path in data_dir("kconfigs").glob("*.config")}
    for workload in workloads().values():
        assert set(workload.fragments) <= shipped


def test_the_module_knows_every_workload():
    sources = "".join(path.read_text() for path in (data_dir("images") / "module").glob("*.c"))
    assert set(re.findall(r'\.name = "([\w-]+)"', sources)) >= set(BY_MODULE)


@pytest.mark.parametrize("name", BY_MODULE)
async def test_a_real_result_is_complete_and_has_every_witness(name):
    workload = workloads()[name]
    guest = FakeGuest(recorded(name))
    observation = await observe(name, guest, seed=7)
    assert guest.argv[:5] == ["/bin/busybox", "insmod", "/percpu_probe.ko", f"workload={name}", "wait=1"]
    assert guest.told == b"0 7"
    assert observation.complete
    assert set(workload.witnesses) <= set(observation.witnesses)


@pytest.mark.parametrize("name", BY_MODULE)
async def test_a_real_sabotaged_result_fails_for_the_stated_reason(name):
    workload = workloads()[name]
    guest = FakeGuest(recorded(f"{name}.sabotage"))
    observation = await observe(name, guest, sabotage=True)
    assert guest.told == b"1 0"
    assert observation.complete
    measured = {item for item in workload.control_evidence if item.startswith("measured/")}
    assert {f"measured/{failure.what}" for failure in observation.failures} == measured
    if not measured:
        # Lockdep reports on the console and turns itself off.
        assert not observation.witnesses["lockdep_alive_after"]


@pytest.mark.parametrize("name", BY_MODULE)
async def test_without_any_one_counter_that_matters_a_run_is_not_complete(name):
    lines = recorded(name).splitlines(keepends=True)
    counted = [
        line
        for line in lines
        if re.match(rb"counter \w+_failures |counter (violations|areas_corrupt) ", line)
    ]
    assert counted
    stripped = b"".join(line for line in lines if line not in counted)
    observation = await observe(name, FakeGuest(stripped))
    assert not observation.complete
    assert any("did not report the counter" in note for note in observation.notes)


async def test_exhaust_tells_the_scope_from_the_flag():
    text = recorded("exhaust")
    text = text.replace(b"noio_scope_failures 0", b"noio_scope_failures 509")
    text = text.replace(b"nofs_flag_failures 0", b"nofs_flag_failures 64")
    observation = await observe("exhaust", FakeGuest(text))
    said = "509 of 512 sleepable NOIO-scope allocations failed"
    assert observation.failures == (Misbehaviour("refused_in_scope", said),)
    assert observation.notes == ("64 of 64 GFP_NOFS allocations failed",)


async def test_the_audit_reports_its_paths():
    observation = await observe("reclaim-audit", FakeGuest(recorded("reclaim-audit")))
    assert observation.failures[0].said.endswith("backing allocations may enter IO or FS reclaim")
    assert any("pcpu_get_vm_areas" in path.functions for path in observation.paths)
    assert all(path.label.startswith(("violation:", "reserves:")) for path in observation.paths)


async def test_a_module_that_does_not_load_prepares_nothing():
    guest = FakeGuest(b"", Completed(1, b"insmod: can't insert: unknown symbol\n"))
    with pytest.raises(
        InfraError, match="insmod ended with exit code 1: insmod: can't insert: unknown symbol"
    ):
        await workloads()["storm"].prepare(guest)
    assert not guest.asked


async def test_a_malformed_result_is_not_complete():
    observation = await observe("storm", FakeGuest(recorded("storm")[:-4]))
    assert not observation.complete
    assert not observation.counters
    assert "malformed" in observation.notes[0]
