# SPDX-License-Identifier: GPL-2.0-or-later
"""nofail: are callers with `__GFP_NOFAIL` ever refused, and who waits meanwhile for how long?"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.lock import silent
from harness.words import Kind, Misbehaviour, Observation
from harness.workload.base import GuestLike, Parameters
from harness.workload.probe import FRAGMENTS, LOCKDEP_ALIVE, WITNESSES, ProbeWorkload, misbehaved
from harness.workload.result import MalformedError, parse_result

_HOG = "/bin/hog"
_FAULTS = "/sys/kernel/debug/fail_page_alloc"
_TIMES = f"{_FAULTS}/times"
_MANY = 1_000_000_000
_LEFT = 20.0
"""Seconds that the hogs leave to what follows them."""
_BESIDES = 120.0
"""Seconds for all but the pressure: memory may take 60 to become short, and as long to be free again."""

#: Every page allocation fails of a task that asks for it (include/linux/sched.h, make_it_fail), whatever its
#: flags, but for what mm/fail_page_alloc.c spares. Nothing is said on the console.
_ALWAYS = {
    "probability": "100",
    "interval": "1",
    "space": "0",
    "times": str(_MANY),
    "verbose": "0",
    "task-filter": "Y",
    "ignore-gfp-wait": "N",
    "ignore-gfp-highmem": "N",
    "min-order": "0",
}

#: When the module calls percpu, by the names that it gives these.
_PHASES = {
    "calm": "with memory enough",
    "pressure": "while memory was short",
    "faults": "while faults were injected",
}
_CALLERS = {"kernel": "GFP_KERNEL", "nofs_scope": "NOFS-scope", "noio_scope": "NOIO-scope"}


@dataclass(frozen=True, kw_only=True)
class Nofail(ProbeWorkload):
    """The promise of `__GFP_NOFAIL` is in include/linux/gfp_types.h: such a call never returns NULL. How long
    it takes is measured and noted, and so is how long others wait; it is a failure only where the call seems
    never to return although there is memory.

    The counters `PHASE_WHO_latency_log2ns_N` are histograms, as in storm.
    """

    fragments: tuple[str, ...] = (*FRAGMENTS, "faults")
    possible_cpus: int = 4
    programs: Mapping[str, str] = field(default_factory=lambda: {_HOG: "hog"})
    parameters: Parameters = field(default_factory=lambda: {"seconds": 5, "count": 800})

    def tuned(self, given: Mapping[str, int | str]) -> Self:
        """Do as ever, and give it the time that it needs."""
        tuned = super().tuned(given)
        return dataclasses.replace(tuned, deadline=_BESIDES + int(tuned.parameters["seconds"]))

    async def prepare(self, guest: GuestLike) -> None:
        """Have faults strike whoever asks for them, and the OOM killer say no more than it must."""
        for name, value in _ALWAYS.items():
            await guest.poke(f"{_FAULTS}/{name}", value.encode())
        await guest.poke("/proc/sys/vm/oom_dump_tasks", b"0")
        await super().prepare(guest)

    async def run(
        self,
        guest: GuestLike,
        *,
        sabotage: bool = False,
        seed: int = 0,
        tell: Callable[[str], None] = silent,
    ) -> Observation:
        """Have the hogs wait for the module, run that, and put together what both measured."""
        hogs = asyncio.ensure_future(
            guest.run([_HOG, self.name, f"{self.deadline - _LEFT:.0f}"], self.deadline)
        )
        try:
            observation = await super().run(guest, sabotage=sabotage, seed=seed, tell=tell)
            told = parse_result((await hogs).stdout, self.name)
            # Without percpu memory no process can be started to read it.
            stalled = any(observation.counters.get(f"{phase}_stalled") for phase in _PHASES)
            faults = 0 if stalled else _MANY - int(await guest.read(_TIMES))
        except (MalformedError, ValueError) as error:
            return Observation(complete=False, notes=(f"what the hogs or the faults came to: {error}",))
        finally:
            hogs.cancel()
            await asyncio.gather(hogs, return_exceptions=True)
        counters = {**observation.counters, **told.counters, "faults_injected": faults}
        return dataclasses.replace(
            observation,
            complete=observation.complete and told.complete,
            counters=counters,
            witnesses={
                **observation.witnesses,
                "faults_injected": faults > 0,
                "hogs_killed": told.counters.get("hogs_killed", 0) > 0,
            },
        )

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the callers to whom the promise was broken."""
        return misbehaved("nofail_refused", _refused(counters)) + misbehaved(
            "nofail_stalled", _stalled(counters)
        )

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Say how long calls took, and how many pages they took."""
        return [
            f"calls with __GFP_NOFAIL took up to {counters[f'{phase}_nofail_longest_us'] / 1000:.1f} ms, and "
            f"others waited for percpu up to {counters[f'{phase}_others_longest_us'] / 1000:.1f} ms {when}"
            + _reclaiming(counters, phase)
            for phase, when in _PHASES.items()
            if counters[f"{phase}_nofail_calls"]
        ] + [
            f"with {counters['possible_cpus']} possible CPUs one call for 64 bytes took up to "
            f"{counters['calm_most_pages']} pages, and where it created a chunk at least "
            f"{counters['calm_least_pages_creating']}"
        ]


def _reclaiming(counters: Mapping[str, int], phase: str) -> str:
    if phase != "pressure":
        return ""
    reclaiming, calls = counters["pressure_reclaiming"], counters["pressure_nofail_calls"]
    return f" ({reclaiming} of {calls} calls with the flag entered direct reclaim)"


def _refused(counters: Mapping[str, int]) -> Iterator[str]:
    for phase, when in _PHASES.items():
        for caller, called in _CALLERS.items():
            failed, calls = counters[f"{phase}_{caller}_failures"], counters[f"{phase}_{caller}_calls"]
            if failed:
                yield f"{failed} of {calls} {called} allocations with __GFP_NOFAIL failed {when}"


def _stalled(counters: Mapping[str, int]) -> Iterator[str]:
    """Name a call that did not return although there was memory."""
    for phase in ("calm", "faults"):
        if counters[f"{phase}_stalled"]:
            asked, waited = (counters[f"{phase}_{who}_longest_us"] / 1e6 for who in ("nofail", "others"))
            yield (
                f"a call with __GFP_NOFAIL had not returned after {asked:.0f} s {_PHASES[phase]}, for which "
                f"another caller had been waiting {waited:.0f} s"
            )


#: What a call that does not return takes away: nothing is done after it.
_WITH_FAULTS = ("faults_struck", "faults_injected")

NOFAIL = Nofail(
    name="nofail",
    summary="callers with __GFP_NOFAIL need pages while faults are injected, and while programs that the OOM "
    "killer takes use up the memory",
    witnesses=(
        *WITNESSES,
        "memory_was_there",
        "populated",
        "memory_was_short",
        "hogs_killed",
        "populated_under_pressure",
        "reclaimed_under_pressure",
        "others_called",
        "memory_was_back",
        *_WITH_FAULTS,
    ),
    control="the same callers leave __GFP_NOFAIL out and must be refused, as the faults that are injected "
    "strike percpu's backing allocations",
    control_evidence=("measured/nofail_refused",),
    # Short memory makes the OOM killer work, and callers that may not wait go without; injected faults strike
    # what chunks are made of, too.
    supporting=(Kind.PERCPU_ALLOC_FAILURE, Kind.OOM_KILL, Kind.PAGE_ALLOC_FAILURE, Kind.VMALLOC_FAILURE),
    precluded=(LOCKDEP_ALIVE, *_WITH_FAULTS),
    on_demand=True,
    boots=3,  # what faults come to depends on which page tables are there
    cold=True,
    alone=True,
    timed=True,
)
