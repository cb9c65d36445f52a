# SPDX-License-Identifier: GPL-2.0-or-later
"""reclaim-audit: may any allocation under `pcpu_alloc_mutex` enter IO or FS reclaim?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Misbehaviour
from harness.workload.probe import WITNESSES, ProbeWorkload, misbehaved, refused_kernel


@dataclass(frozen=True, kw_only=True)
class ReclaimAudit(ProbeWorkload):
    """Needs no adversary: every backing allocation is looked at."""

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the backing allocations that may recurse; the call paths are in the observation."""
        found, audited = counters["violations"], counters["backing_allocations"]
        said = [f"{found} of {audited} backing allocations may enter IO or FS reclaim"] if found else []
        return misbehaved("may_recurse", said) + refused_kernel(counters)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Say so if there were more distinct call paths than the module can keep."""
        lost = counters["paths_lost"]
        return [f"{lost} allocations came by call paths that did not fit"] if lost else []


RECLAIM_AUDIT = ReclaimAudit(
    name="reclaim-audit",
    summary="every allocation made while pcpu_alloc_mutex is held is checked for IO and FS reclaim",
    witnesses=(
        *WITNESSES,
        "allocations_traced",
        "chunks_created",
        "populated",
        "balance_worker_populated",
        "balance_worker_created",
        "balance_worker_freed",
    ),
    control="a mutex of the module is audited instead, under which the module allocates with GFP_KERNEL: "
    "each of those allocations must be found",
    control_evidence=("measured/may_recurse",),
)
