# SPDX-License-Identifier: GPL-2.0-or-later
"""atomic-refill: are callers that may not block served again once the balance worker had time?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import Misbehaviour
from harness.workload.probe import WITNESSES, ProbeWorkload, misbehaved

_CALLERS = {
    "irqs_off": "GFP_ATOMIC callers with interrupts off",
    "hardirq": "GFP_ATOMIC callers in hard interrupts",
    "softirq": "GFP_ATOMIC callers in soft interrupts",
    "nowait": "GFP_NOWAIT callers",
}


@dataclass(frozen=True, kw_only=True)
class AtomicRefill(ProbeWorkload):
    """Single refusals are a rate, not a failure: percpu promises these callers no more than its best."""

    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Name the callers that were not served again."""
        said = [
            f"{called} were not served again within {counters[f'{name}_refill_us'] / 1e6:.1f} s of draining "
            "what was populated"
            for name, called in _CALLERS.items()
            if not counters[f"{name}_refilled"]
        ]
        return misbehaved("not_refilled", said)

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Give the failure rate after the refill where it is not nil."""
        return [
            f"{counters[f'{name}_failures']} of {counters[f'{name}_attempts']} later calls of {called} failed"
            for name, called in _CALLERS.items()
            if counters[f"{name}_failures"]
        ]


ATOMIC_REFILL = AtomicRefill(
    name="atomic-refill",
    summary="GFP_ATOMIC and GFP_NOWAIT callers drain what is populated and must be served again",
    witnesses=(*WITNESSES, "drained", "in_atomic_context", "balance_worker_ran"),
    control="the balance worker is kept out of pcpu_alloc_mutex, so nothing is refilled; and the module says "
    "that it might sleep with interrupts off",
    control_evidence=("atomic_sleep/sleeping", "measured/not_refilled"),
)
