# SPDX-License-Identifier: GPL-2.0-or-later
"""exhaust: are sleepable callers in NOFS and NOIO scopes served beyond what is populated?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Kind, Misbehaviour
from harness.workload.probe import (
    BY_FLAG,
    WITNESSES,
    ProbeWorkload,
    refused,
    refused_in_scope,
    refused_kernel,
)


@dataclass(frozen=True, kw_only=True)
class Exhaust(ProbeWorkload):
    """Counts refused callers exactly. As in constrained-holder those by flag are noted, not failures."""

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the callers in a scope that were refused."""
        return refused_in_scope(counters, "allocations failed") + refused_kernel(counters)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Name the callers by flag that were refused."""
        return refused(counters, BY_FLAG, "allocations failed")


EXHAUST = Exhaust(
    name="exhaust",
    summary="sleepable callers in NOFS and NOIO scopes allocate far more than is populated",
    witnesses=(
        *WITNESSES,
        "tally_agrees",
        "past_populated",
        "memory_was_there",
        "chunks_created",
        "populated",
    ),
    control="the same allocations are made with GFP_NOWAIT and must fail once the populated pages are gone",
    control_evidence=("measured/refused_in_scope",),
    supporting=(Kind.PERCPU_ALLOC_FAILURE,),
)
