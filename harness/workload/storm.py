# SPDX-License-Identifier: GPL-2.0-or-later
"""storm: do areas stay apart, zeroed and aligned while all kinds of callers allocate and free at once?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Misbehaviour
from harness.workload.probe import BY_FLAG, IN_SCOPE, WITNESSES, ProbeWorkload, refused, refused_kernel

_REFUSABLE = {**IN_SCOPE, **BY_FLAG, "atomic": "GFP_ATOMIC", "nowait": "GFP_NOWAIT"}


@dataclass(frozen=True, kw_only=True)
class Storm(ProbeWorkload):
    """Corruption is the failure here; whether a constrained caller is refused is the business of exhaust.

    The counters `CALLER_latency_log2ns_N` are a histogram: calls that took 2**N to 2**(N+1) - 1 ns.
    """

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name what is wrong with the areas."""
        checked = counters["areas_checked"]
        found = {
            "areas_corrupt": f"of {checked} areas lost their pattern",
            "areas_not_zero": "areas were not zeroed",
            "units_misaligned": "units were misaligned",
        }
        return [
            Misbehaviour(name, f"{counters[name]} {said}") for name, said in found.items() if counters[name]
        ] + refused_kernel(counters)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Give the refusals of each kind of caller that may be refused."""
        return refused(counters, _REFUSABLE, "allocations failed in the storm")


STORM = Storm(
    name="storm",
    summary="threads with mixed scopes, sizes, alignments and frees; every unit is filled and checked",
    witnesses=(
        *WITNESSES,
        "threads_started",
        "chunks_created",
        "every_caller_served",
        "areas_checked",
    ),
    control="one word of one area of each thread is changed on purpose, and must be found when it is freed",
    control_evidence=("measured/areas_corrupt",),
    timed=True,
    parameters={"seconds": 2},
)
