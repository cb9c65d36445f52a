# SPDX-License-Identifier: GPL-2.0-or-later
"""The per-CPU allocator's own message; all that this room knows of percpu.

Source: label `fail` of `pcpu_alloc_noprof()` (until 6.9: `pcpu_alloc()`) in mm/percpu.c. Sleeping callers get
a call trace, atomic ones a line. After ten of them it prints `limit reached, disable warning`, which is no
event of its own: it says that failures go unprinted from there on, not that one happened.
"""

from __future__ import annotations

import re

from harness.dmesg import stack
from harness.dmesg.machinery import ALLOCATORS, Names
from harness.dmesg.rules.rule import Findings, Found, Rule, where
from harness.words import Kind

_SERVING = Names(
    ALLOCATORS, r"(?:pcpu_alloc|__alloc_percpu|__percpu_counter_init|percpu_ref_init|devm_\w*percpu)\w*"
)


def _read(found: Found) -> Findings:
    """Read both stages' message; before 3.18 all callers could sleep, and it did not say so."""
    atomic = (found.match["atomic"] or "0") != "0"
    reason = found.match["reason"]
    function = stack.guilty(found.text, _SERVING)
    return Findings(
        subtype="atomic" if atomic else "sleepable",
        title=f"percpu allocation failure: {reason}{where(function)}",
        function=function,
        identity=(function or reason,),
    )


RULES = (
    Rule(
        Kind.PERCPU_ALLOC_FAILURE,
        re.compile(
            r"(?:percpu: |PERCPU: )?allocation failed, size=\d+ align=\d+,? "
            r"(?:atomic=(?P<atomic>\d), )?(?P<reason>.*)"
        ),
        (b"llocation fail",),
        _read,
        complete=lambda found: (found.match["atomic"] or "0") != "0" or found.has_frames,
    ),
)
