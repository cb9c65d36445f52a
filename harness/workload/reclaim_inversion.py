# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-inversion: does a constrained caller wait for a mutex under which others reclaim?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Kind
from harness.workload.probe import WITNESSES, ProbeWorkload, refused_kernel

_LOCKS = {
    "shrinker": "calls under the shrinker's lock",
    "taught": "calls under the lock that reclaim was annotated with",
}


@dataclass(frozen=True, kw_only=True)
class ReclaimInversion(ProbeWorkload):
    """Lockdep judges it. The calls under the locks are small and must be served."""

    def failures(self, counters: Mapping[str, int]) -> list[str]:
        """Name the small allocations that failed under either lock, and GFP_KERNEL ones that did."""
        found = refused_kernel(counters)
        found += [
            f"{counters[f'{lock}_failures']} of {counters[f'{lock}_calls']} small {called} failed"
            for lock, called in _LOCKS.items()
            if counters[f"{lock}_failures"]
        ]
        return found


RECLAIM_INVERSION = ReclaimInversion(
    name="reclaim-inversion",
    summary="GFP_KERNEL callers create and populate chunks, then NOFS and NOIO callers allocate under a lock "
    "that reclaim takes",
    witnesses=(*WITNESSES, "shrinker_called", "chunks_created", "populated"),
    control="a mutex of the module is held over GFP_KERNEL allocations and then taken under the lock that "
    "reclaim takes, which lockdep must report on any kernel",
    control_evidence=("lockdep/circular:pp_stand_in_mutex",),
    supporting=(Kind.PERCPU_ALLOC_FAILURE,),
)
