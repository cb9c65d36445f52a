# SPDX-License-Identifier: GPL-2.0-or-later
"""From events and witnesses to outcomes.

Belongs here: the rules by which a trial and a cell are judged, and the statistics of many trials, as pure
functions. Does not belong here: I/O, scheduling, reading of consoles, and what any single workload measures.
"""

from harness.verdict.cell import judge_cell
from harness.verdict.trial import Judgement, judge_trial

__all__ = ["Judgement", "judge_cell", "judge_trial"]
