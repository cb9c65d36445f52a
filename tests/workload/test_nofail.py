# SPDX-License-Identifier: GPL-2.0-or-later
"""nofail against a guest that answers with what the module and the hogs really wrote."""

import re

from harness.words import Outcome
from harness.workload import workloads
from tests.workload.judging import judged
from tests.workload.test_workloads import FakeGuest, observe, recorded

WORKLOAD = workloads()["nofail"]
FAILURES = rb"counter ((?:calm|faults|pressure)_\w+)_failures \d+"


def served():
    """Return what the module would have written had nobody been refused."""
    return re.sub(FAILURES, rb"counter \1_failures 0", recorded("nofail"))


async def test_null_for_a_caller_that_was_promised_memory_is_the_failure():
    judgement = judged(WORKLOAD, await observe("nofail", FakeGuest(recorded("nofail"))))
    assert judgement.outcome is Outcome.FAIL
    assert judgement.evidence == ("measured/nofail_refused",)
    assert judgement.missing == ()
    assert any("with __GFP_NOFAIL failed while faults were injected" in one for one in judgement.reasons)


async def test_whoever_is_served_passes_however_long_it_takes():
    slow = re.sub(rb"pressure_(\w+)_longest_us \d+", rb"pressure_\1_longest_us 2500000", served())
    observation = await observe("nofail", FakeGuest(slow))
    assert judged(WORKLOAD, observation).outcome is Outcome.PASS
    assert any("took up to 2500.0 ms, and others waited" in note for note in observation.notes)
    assert any("possible CPUs one call for 64 bytes took up to" in note for note in observation.notes)


async def test_a_call_that_does_not_return_is_a_failure_and_all_that_is_told():
    text = re.sub(FAILURES, rb"counter \1_failures 0", recorded("nofail.stalled"))
    observation = await observe("nofail", FakeGuest(text, faults_left=b"unread"))
    judgement = judged(WORKLOAD, observation)
    assert judgement.outcome is Outcome.FAIL
    assert judgement.evidence == ("measured/nofail_stalled",)
    assert judgement.missing == ()
    (failure,) = observation.failures
    assert re.search(
        r"had not returned after 1\d s while .* another caller had been waiting 1\d s", failure.said
    )
    assert any("while memory was short (" in note for note in observation.notes)


async def test_a_call_that_does_not_return_with_memory_enough_is_a_failure_and_under_pressure_none():
    for phase, told in {"calm": ["nofail_stalled"], "pressure": [], "faults": ["nofail_stalled"]}.items():
        text = served().replace(f"counter {phase}_stalled 0".encode(), f"counter {phase}_stalled 1".encode())
        observation = await observe("nofail", FakeGuest(text, faults_left=b"unread"))
        assert [failure.what for failure in observation.failures] == told
        assert not observation.witnesses["faults_injected"]


async def test_each_refused_caller_is_named_with_when_it_was():
    text = served().replace(
        b"counter pressure_noio_scope_failures 0", b"counter pressure_noio_scope_failures 3"
    )
    (failure,) = (await observe("nofail", FakeGuest(text))).failures
    assert re.fullmatch(
        r"3 of \d+ NOIO-scope allocations with __GFP_NOFAIL failed while memory was short", failure.said
    )


async def test_faults_are_set_up_for_tasks_that_ask_for_them_alone():
    guest = FakeGuest(served())
    await WORKLOAD.prepare(guest)
    faults = {path.rpartition("/")[2]: data for path, data in guest.poked.items() if "fail_page" in path}
    assert faults["task-filter"] == b"Y"
    assert faults["probability"] == b"100"
    assert faults["ignore-gfp-wait"] == faults["ignore-gfp-highmem"] == b"N"


async def test_without_faults_or_hogs_a_run_proves_nothing():
    for missing, guest in {
        "faults_injected": FakeGuest(served(), faults_left=b"1000000000\n"),
        "hogs_killed": FakeGuest(served(), hogs=FakeGuest.hogs.replace(b"killed 3", b"killed 0")),
        "memory_was_short": FakeGuest(served().replace(b"memory_was_short 1", b"memory_was_short 0")),
        "reclaimed_under_pressure": FakeGuest(
            served().replace(b"reclaimed_under_pressure 1", b"reclaimed_under_pressure 0")
        ),
    }.items():
        judgement = judged(WORKLOAD, await observe("nofail", guest))
        assert judgement.outcome is Outcome.INCONCLUSIVE
        assert judgement.reasons == (f"witness missing: {missing}",)


async def test_hogs_that_say_nothing_make_a_run_incomplete():
    for guest in FakeGuest(served(), hogs=b""), FakeGuest(served(), faults_left=b"none\n"):
        observation = await observe("nofail", guest)
        assert not observation.complete
        assert observation.notes[0].startswith("what the hogs or the faults came to: ")


async def test_how_long_memory_is_short_lengthens_the_whole():
    longer = WORKLOAD.tuned({"seconds": 90})
    assert longer.deadline == WORKLOAD.tuned({}).deadline + 85
    guest = FakeGuest(served())
    guest.asked = "/dev/percpu_probe"
    seen = []

    async def run(argv, timeout):  # noqa: ASYNC109
        seen.append(argv)
        return await FakeGuest.run(guest, argv, timeout)

    guest.run = run
    await longer.run(guest)
    assert seen == [["/bin/hog", "nofail", f"{longer.deadline - 20:.0f}"]]


async def test_how_many_cpus_are_possible_is_a_parameter():
    assert WORKLOAD.tuned({"possible_cpus": 64}).possible_cpus == 64
