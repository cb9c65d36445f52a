# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges what a workload observed in a guest that only the workload has a say in."""

from __future__ import annotations

from harness.verdict import Judgement, judge_trial
from harness.words import Ending, Observation
from harness.workload import Workload


def judged(workload: Workload, observation: Observation) -> Judgement:
    """Judge a trial without events whose guest ended as it should."""
    return judge_trial(
        observation,
        [],
        Ending.POWEROFF,
        required=workload.witnesses,
        supporting=workload.supporting,
        precluded=workload.precluded,
    )
