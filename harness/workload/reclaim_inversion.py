# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-inversion: does a constrained caller wait for a mutex under which others reclaim?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Kind, Misbehaviour
from harness.workload.probe import WITNESSES, ProbeWorkload, misbehaved, refused, refused_kernel

_LOCKS = {
    "shrinker": "calls under the shrinker's lock",
    "taught": "calls under the lock that reclaim was annotated with",
}


@dataclass(frozen=True, kw_only=True)
class ReclaimInversion(ProbeWorkload):
    """Lockdep judges it. The calls under the locks are small and must be served."""

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the small allocations that failed under either lock, and GFP_KERNEL ones that did."""
        small = {lock: f"small {called}" for lock, called in _LOCKS.items()}
        return misbehaved("refused_small", refused(counters, small, "failed")) + refused_kernel(counters)


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
