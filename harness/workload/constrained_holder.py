# SPDX-License-Identifier: GPL-2.0-or-later
"""constrained-holder: may a constrained caller create and populate chunks under a lock that reclaim takes?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Kind, Misbehaviour
from harness.workload.probe import (
    BY_FLAG,
    LOCKDEP_ALIVE,
    WITNESSES,
    ProbeWorkload,
    refused,
    refused_in_scope,
    refused_kernel,
)


@dataclass(frozen=True, kw_only=True)
class ConstrainedHolder(ProbeWorkload):
    """Lockdep judges the order of locks; refused callers inside a scope are counted.

    Until 9a5b183941b5 percpu documented that a caller whose flags lack a bit of GFP_KERNEL is atomic. So the
    refusal of callers by flag is noted, and only that of callers by scope is a failure.
    """

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the callers in a scope that were refused."""
        return refused_in_scope(counters, "allocations failed under the lock") + refused_kernel(counters)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Name the callers by flag that were refused."""
        return refused(counters, BY_FLAG, "allocations failed under the lock")


CONSTRAINED_HOLDER = ConstrainedHolder(
    name="constrained-holder",
    summary="NOFS and NOIO callers create and populate chunks while they hold a lock that reclaim takes",
    witnesses=(*WITNESSES, "chunks_created", "populated", "memory_was_there"),
    control="the callers also take a mutex of the module, under which it allocates with GFP_KERNEL, which "
    "lockdep must report on any kernel",
    control_evidence=("lockdep/circular:pp_stand_in_mutex",),
    supporting=(Kind.PERCPU_ALLOC_FAILURE,),
    # Callers that are refused create and populate nothing: that is the failure.
    precluded=(LOCKDEP_ALIVE, "chunks_created", "populated"),
)
