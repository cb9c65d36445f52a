# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-recursion against a guest that answers with what the module really wrote on a kernel."""

import re

from harness.words import Outcome
from harness.workload import workloads
from tests.workload.judging import judged
from tests.workload.test_workloads import FakeGuest, observe, recorded

WORKLOAD = workloads()["reclaim-recursion"]
SLOW_PATH = rb"counter slow_path_(nofs|noio)_scope_"


async def judgement_of(text):
    return judged(WORKLOAD, await observe(WORKLOAD.name, FakeGuest(text)))


def without_recursion(text, what):
    """Return what the module would have written had `what` become of the shrinker's calls."""
    text = re.sub(SLOW_PATH + rb"(calls|stuck|declined) \d+", rb"counter slow_path_\1_scope_\2 0", text)
    text = re.sub(
        SLOW_PATH + what.encode() + rb" 0", rb"counter slow_path_\1_scope_" + what.encode() + b" 1", text
    )
    return text.replace(b"witness lockdep_alive_after 0", b"witness lockdep_alive_after 1")


async def test_a_call_that_waits_for_its_own_task_is_the_failure():
    judgement = await judgement_of(recorded("reclaim-recursion"))
    assert judgement.outcome is Outcome.FAIL
    assert judgement.evidence == ("measured/mutex_recursion",)
    assert judgement.missing == ()
    assert any("-scope allocations of a shrinker" in reason for reason in judgement.reasons)


async def test_a_shrinker_that_was_served_or_told_to_stay_out_passes():
    for what in ("calls", "declined"):
        text = without_recursion(recorded("reclaim-recursion"), what)
        assert (await judgement_of(text)).outcome is Outcome.PASS


async def test_what_the_shrinker_was_told_is_noted():
    guest = FakeGuest(without_recursion(recorded("reclaim-recursion"), "declined"))
    notes = (await observe(WORKLOAD.name, guest)).notes
    assert notes[0].startswith("reclaim entered under pcpu_alloc_mutex asked the shrinker")
    assert notes[1].startswith("1 times it did so without __GFP_FS and __GFP_IO")


async def test_a_shrinker_that_was_never_asked_under_the_mutex_proves_nothing():
    text = without_recursion(recorded("reclaim-recursion"), "declined")
    text = text.replace(b"witness reclaim_in_slow_path 1", b"witness reclaim_in_slow_path 0")
    judgement = await judgement_of(text)
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.reasons == ("witness missing: reclaim_in_slow_path",)


async def test_refusals_of_callers_that_may_not_wait_are_noted():
    text = without_recursion(recorded("reclaim-recursion"), "calls")
    text = re.sub(SLOW_PATH + rb"failures 0", rb"counter slow_path_\1_scope_failures 2", text)
    observation = await observe(WORKLOAD.name, FakeGuest(text))
    assert observation.failures == ()
    assert observation.notes[-1] == "4 allocations of the shrinker were refused"


async def test_a_shrinker_that_heeds_nothing_is_noted_and_not_judged():
    text = without_recursion(recorded("reclaim-recursion"), "declined")
    text = re.sub(
        rb"counter unheeding_(n\w+)_scope_(calls|stuck) 0", rb"counter unheeding_\1_scope_\2 1", text
    )
    observation = await observe(WORKLOAD.name, FakeGuest(text))
    assert observation.notes[-1] == (
        "a shrinker that does not heed those flags made 2 calls there: 2 waited for ever"
    )
    assert (await judgement_of(text)).outcome is Outcome.PASS


async def test_the_low_water_mark_is_not_raised_while_memory_is_short():
    guest = FakeGuest(b"")
    await WORKLOAD.prepare(guest)
    assert guest.poked == {"/proc/sys/vm/watermark_boost_factor": b"0"}
    assert guest.asked


async def test_a_call_that_came_first_in_the_queue_may_have_broken_the_mutex():
    text = without_recursion(recorded("reclaim-recursion"), "declined")
    judgement = await judgement_of(text.replace(b"witness queue_kept 1", b"witness queue_kept 0"))
    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert judgement.reasons == ("witness missing: queue_kept",)
