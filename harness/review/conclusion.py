# SPDX-License-Identifier: GPL-2.0-or-later
"""The few sentences for a reader who reads nothing else: each rests on cells, and claims no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.comparison import Evidence, Examined, Pair, Statement, Step
from harness.review.contrast import rate
from harness.review.findings import Findings, counted, differ, evidence, listed, notes_apart, why
from harness.review.patches import GOOD_BUILD
from harness.verdict.statistics import Rate
from harness.words import Cell, Outcome


def conclusion(
    findings: Findings, examined: Sequence[Examined], pairs: Sequence[Pair]
) -> Iterator[Statement]:
    """Yield what the run proves of the candidates, where they differ, and which patches it takes."""
    yield from _unproved(findings)
    yield _verdicts(findings)
    for pair in pairs if len(examined) > 1 else ():
        yield _difference(findings, pair)
    yield from _patches(examined)


def _unproved(findings: Findings) -> Iterator[Statement]:
    unproved = [name for name in findings.workloads if not findings.results.controls_proved.get(name)]
    if unproved:
        every = len(unproved) == len(findings.workloads)
        yield Statement(
            f"{'T' if every else f'Of {listed(unproved)} t'}his review proves nothing: "
            "the positive control, which must fail, did not fail as it should in this very configuration.",
            evidence(*(cell for cell in findings.results.cells if cell.workload in unproved)),
        )


def _verdicts(findings: Findings) -> Statement:
    """Say what each candidate passes and fails, and what the tree without it does."""
    parts, cells = [], []
    good = [name for name in findings.labels if _all_pass(findings, name)]
    if good:
        passed = [cell for name in good for cell in findings.verdicts(name, Outcome.PASS)]
        cells += passed
        verb = "passes" if len(good) == 1 else "both pass" if len(good) == 2 else "all pass"
        parts.append(
            f"{listed(good)} {verb} all {counted(len(findings.workloads), 'workload')} ({_seen(passed)})"
        )
    for name in findings.labels:
        if name not in good:
            failed = findings.verdicts(name, Outcome.FAIL)
            cells += [*failed, *_unsure_cells(findings, name)]
            parts.append(_bad(findings, name, failed))
    text = f"On {findings.results.tree['name']} {'; '.join(parts)}"
    base, failed = _bases(findings)
    return Statement(f"{text}; {base}.", evidence(*cells, *failed))


def _all_pass(findings: Findings, name: str) -> bool:
    return len(findings.verdicts(name, Outcome.PASS)) == len(findings.workloads)


def _seen(cells: Sequence[Cell]) -> str:
    """Say what passes are worth: of the fewest trials, as the bound holds for each workload then."""
    trials = min(rate(cell).trials for cell in cells)
    bound = str(Rate(0, trials)).partition(": ")[2].replace(" (95 %)", " at 95 % confidence")
    return f"no failure observed in {counted(trials, 'trial')} of each: {bound}"


def _bad(findings: Findings, name: str, failed: Sequence[Cell]) -> str:
    report = findings.variant(name)
    if report is not None and report.first_error:
        return f"{name} does not build ({report.first_error})"
    told = []
    if failed:
        reasons = "; ".join(f"{cell.workload}: {why(cell)}" for cell in failed)
        told.append(f"fails {len(failed)} of {counted(len(findings.workloads), 'workload')} ({reasons})")
    if unsure := _unsure(findings, name):
        told.append(f"proves nothing under {listed(unsure)}")
    return f"{name} {' and '.join(told) or 'was not run'}"


def _unsure(findings: Findings, name: str) -> list[str]:
    return [f"{cell.workload} ({why(cell)})" for cell in _unsure_cells(findings, name)]


def _unsure_cells(findings: Findings, name: str) -> list[Cell]:
    return [
        cell
        for cell in findings.results.cells
        if cell.variant == name and cell.verdict not in (Outcome.PASS, Outcome.FAIL)
    ]


def _bases(findings: Findings) -> tuple[str, list[Cell]]:
    """Say what the trees do without the candidates."""
    failed = {name: findings.verdicts(name, Outcome.FAIL) for name in findings.bases}
    told = []
    for name, cells in failed.items():
        if cells:
            told.append(f"{name} fails {listed(cell.workload for cell in cells)}")
        elif unsure := _unsure(findings, name):
            told.append(f"{name} proves nothing under {listed(unsure)}")
        else:
            told.append(f"{name} fails none of them, so nothing here shows what is mended")
    return "; ".join(told), [cell for cells in failed.values() for cell in cells]


def _difference(findings: Findings, pair: Pair) -> Statement:
    if findings.same(pair.left, pair.right):
        return Statement(
            f"{pair.left} and {pair.right} are bit-identical here: one kernel, run once.",
            evidence(*(cell for cell in findings.results.cells if cell.variant in (pair.left, pair.right))),
        )
    both = [
        (one, other)
        for name in findings.workloads
        if (one := findings.sure(pair.left, name)) and (other := findings.sure(pair.right, name))
    ]
    apart = [cells for cells in both if differ(*cells)]
    slower = [line for line in pair.waiting if ": differs" in line.shift]
    known = [line for line in pair.waiting if "unknown" not in line.shift]
    if apart:
        told = "; ".join(_apart(*cells) for cells in apart)
        text = f"{pair.left} and {pair.right} differ in {told}"
        cells = [cell for cells in apart for cell in cells]
    else:
        text = (
            f"No difference in behaviour between {pair.left} and {pair.right} was observed under "
            f"{counted(len(both), 'workload')}"
        )
        cells = [cell for cells in both for cell in cells]
    if slower:
        line = slower[0]
        text += (
            f"; waiting times differ in {len(slower)} of {counted(len(known), 'comparison')}, as in "
            f"{line.share} of the {line.caller} calls of {line.workload}: {line.shift}"
        )
    elif known:
        text += "; no difference of waiting times was shown"
    elif pair.waiting:
        text += "; of waiting times too few trials say anything"
    return Statement(f"{text}.", evidence(*cells))


def _apart(one: Cell, other: Cell) -> str:
    sides = " and ".join(
        f"{cell.variant} is {cell.verdict}" + (f" ({why(cell)})" if cell.verdict is Outcome.FAIL else "")
        for cell in (one, other)
    )
    noted = [] if one.verdict is not other.verdict else list(notes_apart(one, other))
    return f"{one.workload}: {'; '.join(noted)}" if noted else f"{one.workload}: {sides}"


def _patches(examined: Sequence[Examined]) -> Iterator[Statement]:
    """Sum up the patches of the series that were tried one by one."""
    told, cells = [], []
    for one in examined:
        judged = [step for step in one.steps if step.need is not None]
        if judged:
            told.append(_of_one(one.name, judged))
            cells += [place for step in judged for place in _shown(step)]
    if told:
        text = "; ".join(told)
        yield Statement(f"{text[0].upper()}{text[1:]}.", tuple(cells))


def _of_one(name: str, judged: Sequence[Step]) -> str:
    sorts: dict[str, list[str]] = {}
    for step in judged:
        assert step.need is not None
        sorts.setdefault(step.need.text.partition(":")[0], []).append(str(step.number))
    told = [f"{_numbers(numbers)} {_are(numbers)} {kind}" for kind, numbers in sorts.items()]
    broken = [f"patch {step.number} {step.build}" for step in judged if step.build != GOOD_BUILD]
    built = ", ".join(broken) or f"each {GOOD_BUILD}"
    return f"of the {len(judged)} patches of {name}, {', '.join(told)}, {built}"


def _shown(step: Step) -> tuple[Evidence, ...]:
    """Return the cells that show whether a patch is needed."""
    assert step.need is not None
    known = step.need.text.startswith(("needed", "not needed"))
    return step.need.evidence if known else ()


def _numbers(numbers: Sequence[str]) -> str:
    return f"patch{'es' if len(numbers) > 1 else ''} {listed(numbers)}"


def _are(numbers: Sequence[str]) -> str:
    return "are" if len(numbers) > 1 else "is"
