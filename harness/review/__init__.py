# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of series under review comes to: patch by patch, side by side, and in a few sentences.

Belongs here: pure functions from results to a `Comparison`, in which no statement goes beyond its evidence.
Does not belong here: running anything, formulas of statistics (`harness.verdict.statistics`), how a
comparison is shown (`harness.report`), and anything about percpu.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from harness.report.comparison import Comparison, Pair
from harness.report.results import Results
from harness.review.changes import changes
from harness.review.conclusion import conclusion
from harness.review.contrast import contrasts
from harness.review.findings import Findings
from harness.review.patches import examined
from harness.review.waiting import waiting
from harness.variants import AS_IS, Candidate
from harness.words import Outcome

__all__ = ["compare", "is_good"]


def compare(results: Results, candidates: Sequence[Candidate]) -> Comparison:
    """Compare each candidate with the next one, and a single one with the tree as it is."""
    findings = Findings(results, candidates)
    told = tuple(examined(findings, one) for one in candidates)
    if len(candidates) == 1:
        (only,) = candidates
        pairs = [_side_by_side(findings, findings.base(only), only.label)]
    else:
        pairs = [_pair(findings, *both) for both in pairwise(candidates)]
    return Comparison(tuple(conclusion(findings, told, pairs)), told, tuple(pairs))


def is_good(results: Results, candidates: Sequence[Candidate]) -> bool:
    """Tell whether each candidate passed all that was run, and builds at each of its steps without new
    warnings, and the tree without them is as history says.

    Passes that no control backs are none: the engine has made them inconclusive.
    """
    findings = Findings(results, candidates)
    return all(
        cell.as_expected and (cell.verdict is Outcome.PASS or cell.variant not in findings.labels)
        for cell in results.cells
        if cell.variant in (AS_IS, *findings.labels)
    ) and not any(findings.breaks(one, number) for one in candidates for number in findings.steps(one))


def _pair(findings: Findings, left: Candidate, right: Candidate) -> Pair:
    pair = _side_by_side(findings, left.label, right.label)
    found, remark = changes(findings, left, right)
    return Pair(pair.left, pair.right, pair.contrasts, pair.waiting, tuple(found), remark)


def _side_by_side(findings: Findings, left: str, right: str) -> Pair:
    return Pair(left, right, tuple(contrasts(findings, left, right)), tuple(waiting(findings, left, right)))
