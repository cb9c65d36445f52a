# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan -> builds -> trials -> verdicts: the only room that schedules.

Belongs here: the order of things, what runs side by side, what is kept and what is resumed. Does not belong
here: how a kernel is built or booted, what a workload measures, how an outcome is judged.
"""

from harness.engine.folder import open_folder
from harness.engine.replaying import Look, find_trial, replay, replay_job, same
from harness.engine.run import Engine
from harness.engine.sourcelines import SourceLines
from harness.engine.sources import Prepared, Source, build, planned_workloads, prepare

__all__ = [
    "Engine",
    "Look",
    "Prepared",
    "Source",
    "SourceLines",
    "build",
    "find_trial",
    "open_folder",
    "planned_workloads",
    "prepare",
    "replay",
    "replay_job",
    "same",
]
