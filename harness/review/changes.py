# SPDX-License-Identifier: GPL-2.0-or-later
"""What one version of a series changed in the other, next to the behaviour that it causes."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.comparison import Change, Statement
from harness.review.findings import Findings, differ, evidence, listed, why
from harness.source import Repository
from harness.source.series import Pair as Paired
from harness.source.series import Relation, range_diff
from harness.variants import Candidate
from harness.words import Cell, Outcome


def changes(findings: Findings, left: Candidate, right: Candidate) -> tuple[list[Change], str]:
    """Return the entries of `git range-diff`, and a sentence on what could not be tied to one of them."""
    if left.tree.repo != right.tree.repo or min(len(left.chain), len(right.chain)) < 2:
        return [], ""
    pairs = range_diff(Repository(left.tree.repo), left.chain, right.chain)
    apart = [name for name in findings.workloads if _apart(findings, left.label, right.label, name)]
    caused: dict[int, list[Statement]] = {}
    loose = []
    for workload in apart:
        at = _cause(findings, left, right, pairs, workload)
        cells = findings.sure(left.label, workload), findings.sure(right.label, workload)
        if at is None:
            loose.append(workload)
        else:
            text = " and ".join(_told(cell) for cell in cells if cell is not None)
            caused.setdefault(at, []).append(Statement(f"{workload}: {text}", evidence(*cells)))
    told = [
        Change(_title(pair, left, right), pair.text, tuple(caused.get(at, ())))
        for at, pair in enumerate(pairs)
    ]
    return told, _remark(findings, left, right, loose)


def _title(pair: Paired, left: Candidate, right: Candidate) -> str:
    sides = [f"{one.label} {number}" for one, number in ((left, pair.a), (right, pair.b)) if number]
    what = {
        Relation.EQUAL: "equal",
        Relation.CHANGED: "changed",
        Relation.ONLY_A: f"only in {left.label}",
        Relation.ONLY_B: f"only in {right.label}",
    }
    return f"{' / '.join(sides)}, {what[pair.relation]}: {pair.subject}"


def _told(cell: Cell) -> str:
    because = f" ({why(cell)})" if cell.verdict is Outcome.FAIL else ""
    return f"{cell.variant} is {cell.verdict}{because}"


def _apart(findings: Findings, left: str, right: str, workload: str) -> bool:
    one, other = findings.sure(left, workload), findings.sure(right, workload)
    return one is not None and other is not None and differ(one, other)


def _cause(
    findings: Findings, left: Candidate, right: Candidate, pairs: Sequence[Paired], workload: str
) -> int | None:
    """Return which entry makes the two differ: the only one there is, or the first after which they do.

    None where that is not known.
    """
    changed = [at for at, pair in enumerate(pairs) if pair.relation is not Relation.EQUAL]
    if len(changed) == 1 and left.tree.base == right.tree.base:
        return changed[0]
    stages = findings.stages(left), findings.stages(right)
    if any(len(names) <= len(one.steps) for names, one in zip(stages, (left, right), strict=True)):
        return None  # the parts were not tried
    a = b = 0
    for at, pair in enumerate(pairs):
        a, b = max(a, pair.a or 0), max(b, pair.b or 0)
        one, other = findings.sure(stages[0][a], workload), findings.sure(stages[1][b], workload)
        if one is None or other is None:
            return None
        if differ(one, other):
            return at if at in changed else None
    return None


def _remark(findings: Findings, left: Candidate, right: Candidate, loose: Sequence[str]) -> str:
    told = []
    if left.tree.base != right.tree.base:
        told.append(
            f"{left.label} stands on {left.tree.name} and {right.label} on {right.tree.name}: what differs "
            "may come from the bases"
        )
    if loose:
        more = "" if len(findings.steps(left)) == len(left.steps) > 1 else " (--each-patch tries the parts)"
        told.append(f"which change makes them differ under {listed(loose)} is not known{more}")
    return "; ".join(told)
