# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the nouns that tests need, with everything that a test does not care about filled in."""

from __future__ import annotations

import dataclasses

from harness.words import Ending, Event, Kind, Misbehaviour, Observation, Outcome, Trial

MISBEHAVIOUR = Misbehaviour("refused_in_scope", "64 of 64 failed")
REFUSED = f"measured/{MISBEHAVIOUR.what}"
WITNESSES = {"lockdep_alive": True, "chunks_created": True}


def event(kind: Kind = Kind.LOCKDEP, subtype: str = "circular", title: str = "a splat") -> Event:
    return Event(
        kind, subtype, title, "f" * 16, 10, 20, "raw\n<b>text</b>", time=1.5, cycle=("fs_reclaim", "a_lock")
    )


def observation(**changes: object) -> Observation:
    good = Observation(complete=True, counters={"failures": 0, "allocations": 512}, witnesses=WITNESSES)
    return dataclasses.replace(good, **changes)  # type: ignore[arg-type]


def trial(outcome: Outcome = Outcome.PASS, **changes: object) -> Trial:
    made = Trial(
        kernel="as-is",
        workload="exhaust",
        index=1,
        control=False,
        outcome=outcome,
        evidence=(REFUSED,) if outcome is Outcome.FAIL else (),
        reasons=("509 of 512 allocations failed",) if outcome is Outcome.FAIL else (),
        ending=Ending.POWEROFF,
        observation=observation(),
        events=(),
        folder="trials/as-is/exhaust/1",
        seconds=4.0,
        boot_seconds=2.0,
        seed=7,
        booted_in="trials/as-is/exhaust/1",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]
