# SPDX-License-Identifier: GPL-2.0-or-later
"""A series patch by patch: what each turns, what it breaks, and whether the series does without it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.comparison import Evidence, Examined, Statement, Step
from harness.review.findings import Findings, counted, evidence, kinds, listed, routes, why
from harness.variants import Candidate
from harness.words import Cell, Outcome

GOOD_BUILD = "builds without new warnings"


def examined(findings: Findings, one: Candidate) -> Examined:
    """Return what there is to say of a series and its patches."""
    patches = one.applied.series.patches if one.applied else ()
    tried = findings.steps(one)
    whole = len(tried) < len(one.steps)
    return Examined(
        name=one.label,
        title=one.applied.series.title if one.applied else one.variants[one.label].summary,
        base=f"{one.tree.name}: {one.because}",
        identity=one.applied.series.identity if one.applied else "",
        steps=tuple(
            Step(
                number,
                title,
                patches[number - 1].patch_id if patches else "",
                _build(findings, one, number),
                () if whole else tuple(_effects(findings, one, number)),
                None if whole or len(one.steps) == 1 else need(findings, one, number),
            )
            for number, title in enumerate(one.steps, 1)
        ),
    )


def _build(findings: Findings, one: Candidate, number: int) -> str:
    """Say what building up to a patch came to."""
    last = len(findings.steps(one))
    if last == len(one.steps):
        return findings.breaks(one, number) or GOOD_BUILD
    if number < len(one.steps):
        return "not built alone"
    return f"the whole series {findings.breaks(one, last) or GOOD_BUILD}"


def _effects(findings: Findings, one: Candidate, number: int) -> Iterator[Statement]:
    """Yield what a patch changed, compared with the last stage before it that has a verdict."""
    stages = findings.stages(one)
    if findings.same(stages[number], stages[number - 1]):
        yield Statement("changes nothing: the kernel is bit-identical to the one before")
        return
    for workload in findings.workloads:
        after = findings.sure(stages[number], workload)
        earlier = ((at, findings.sure(stages[at], workload)) for at in reversed(range(number)))
        at, before = next(((at, cell) for at, cell in earlier if cell is not None), (0, None))
        if after is None or before is None:
            continue
        text = _turned(before, after)
        if text:
            together = "" if at == number - 1 else f", with patches {at + 1} to {number} together"
            yield Statement(f"{workload}: {text}{together}", evidence(before, after))


def _turned(before: Cell, after: Cell) -> str:
    """Say what became of a verdict, empty where nothing did."""
    if before.verdict is not after.verdict:
        because = f" ({why(after)})" if after.verdict is Outcome.FAIL else ""
        return f"turns {before.verdict} into {after.verdict}{because}"
    if after.verdict is Outcome.PASS:
        return ""
    if kinds(before) != kinds(after):
        return f"still fails, but otherwise: {why(after)}"
    gone, new = (
        [route for route in one if route not in other]
        for one, other in ((routes(before), routes(after)), (routes(after), routes(before)))
    )
    if not (gone or new):
        return ""
    told = [f"no more by {listed(gone)}"] if gone else []
    told += [f"now also by {listed(new)}"] if new else []
    return f"still fails, {', '.join(told)}"


def need(findings: Findings, one: Candidate, number: int) -> Statement:
    """Say whether the series does without a patch, as far as the workloads tell."""
    if number in one.needed:
        return Statement(f"cannot be left out alone: without it {one.needed[number]}")
    last = number == len(one.steps)
    name = findings.stages(one)[number - 1] if last else one.omission_name(number)
    report = findings.variant(name)
    if report is not None and report.first_error:
        return Statement(
            f"cannot be left out alone: without it the rest does not build: {report.first_error}"
        )
    if findings.same(name, one.label):
        return Statement("not needed: without it the kernel is bit-identical")
    lost, kept, unsure = _without(findings, one.label, name)
    if lost:
        told = [f"{cell.workload} ({why(cell)})" for cell in lost]
        return Statement(f"needed: without it {listed(told)} fails", evidence(*lost))
    if not kept:
        return Statement("not known: the whole series passes nothing that could be lost")
    but = f"; nothing is known of {listed(unsure)}" if unsure else ""
    where = tuple(Evidence(name, workload) for workload in kept)
    return Statement(
        f"not needed for anything tested: without it {counted(len(kept), 'workload')} still pass{but}", where
    )


def _without(findings: Findings, whole: str, name: str) -> tuple[list[Cell], list[str], list[str]]:
    """Return what fails without a patch and passes with it, what still passes, and what is not known."""
    lost, kept, unsure = [], [], []
    for workload in findings.workloads:
        with_it, without = findings.sure(whole, workload), findings.sure(name, workload)
        if with_it is None or with_it.verdict is not Outcome.PASS:
            continue
        if without is None:
            unsure.append(workload)
        elif without.verdict is Outcome.FAIL:
            lost.append(without)
        else:
            kept.append(workload)
    return lost, kept, unsure
