# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-recursion: does reclaim that percpu's slow path enters come back to `pcpu_alloc_mutex`?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Kind, Misbehaviour
from harness.workload.base import GuestLike
from harness.workload.probe import IN_SCOPE, WITNESSES, ProbeWorkload, misbehaved

_UNHEEDING = ("calls", "stuck")


@dataclass(frozen=True, kw_only=True)
class ReclaimRecursion(ProbeWorkload):
    """The shrinker heeds the flags of the reclaim that asks it, as filesystems' do. So a pass is either a
    shrinker that was served, or one that was told not to enter a filesystem: `reclaim_in_slow_path` witnesses
    that it was asked at all while percpu's mutex was held.
    """

    async def prepare(self, guest: GuestLike) -> None:
        """Keep the kernel from raising its low-water mark by more than the shrinker gives at a time, as it
        does when memory is fragmented (`boost_watermark()` in mm/page_alloc.c): the OOM killer would come.
        """
        await guest.poke("/proc/sys/vm/watermark_boost_factor", b"0")
        await super().prepare(guest)

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the calls that waited for the mutex that their own task held."""
        stuck = [
            f"{counters[f'slow_path_{name}_stuck']} of {counters[f'slow_path_{name}_calls']} {called} "
            "allocations of a shrinker that percpu's own reclaim had called waited for ever"
            for name, called in IN_SCOPE.items()
            if counters[f"slow_path_{name}_stuck"]
        ]
        return misbehaved("mutex_recursion", stuck)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Say how often reclaim was entered under the mutex, and what the shrinker was told."""
        scans = counters["slow_path_scans"]
        declined = min(counters[f"slow_path_{name}_declined"] for name in IN_SCOPE)
        calls, stuck = (sum(counters[f"unheeding_{name}_{what}"] for name in IN_SCOPE) for what in _UNHEEDING)
        refused = sum(counters[f"slow_path_{name}_failures"] for name in IN_SCOPE)
        notes = [f"reclaim entered under pcpu_alloc_mutex asked the shrinker {scans} times"]
        if declined:
            notes.append(
                f"{declined} times it did so without __GFP_FS and __GFP_IO, and the shrinker left its percpu "
                "allocations out"
            )
        if calls:
            notes.append(
                f"a shrinker that does not heed those flags made {calls} calls there: {stuck} waited for ever"
            )
        if refused:
            notes.append(f"{refused} allocations of the shrinker were refused")
        return notes


RECLAIM_RECURSION = ReclaimRecursion(
    name="reclaim-recursion",
    summary="reclaim entered while percpu populates calls a shrinker that allocates percpu memory itself, in "
    "NOFS and NOIO scopes",
    witnesses=(
        *WITNESSES,
        "chunks_created",
        "populated",
        "reclaim_in_slow_path",
        "served_outside",
        "queue_kept",
    ),
    control="an allocator of the module enters full reclaim under a mutex of its own, for which the shrinker "
    "then waits: lockdep must report it, and the call must be found stuck",
    control_evidence=("lockdep/recursive:pp_stand_in_mutex", "measured/mutex_recursion"),
    supporting=(Kind.PERCPU_ALLOC_FAILURE,),
    on_demand=True,
)
