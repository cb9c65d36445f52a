# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of a review, by the questions that one asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from harness.report.comparison import Evidence
from harness.report.fold import folded, shape, summed
from harness.report.results import Results, VariantReport
from harness.variants import AS_IS, Candidate
from harness.words import Cell, Event, Outcome, Trial

_SURE = (Outcome.PASS, Outcome.FAIL)
#: Functions of a call path, from the outermost on, that tell one way from another.
_ROUTE = 3
_ROUTES_TOLD = 4
#: Trials without which a note that only one side has may be chance.
_CERTAIN = 3


class Findings:
    """Finds cells, and says in words what they hold."""

    def __init__(self, results: Results, candidates: Sequence[Candidate]) -> None:
        self.results = results
        self.labels = tuple(one.label for one in candidates)
        known = {variant.name for variant in results.variants}
        self.bases = [AS_IS, *(one.base_name for one in candidates if one.base_name in known)]
        self.workloads = list(dict.fromkeys(cell.workload for cell in results.cells))
        self._cells = {(cell.variant, cell.workload): cell for cell in results.cells}
        self._variants = {variant.name: variant for variant in results.variants}

    def cell(self, variant: str, workload: str) -> Cell | None:
        """Return a cell, None where it was not run."""
        return self._cells.get((variant, workload))

    def sure(self, variant: str, workload: str) -> Cell | None:
        """Return a cell that has a verdict, None where nothing can be said."""
        cell = self.cell(variant, workload)
        return cell if cell is not None and cell.verdict in _SURE else None

    def verdicts(self, variant: str, verdict: Outcome) -> list[Cell]:
        """Return the cells of a variant that have this verdict."""
        return [cell for cell in self.results.cells if (cell.variant, cell.verdict) == (variant, verdict)]

    def variant(self, name: str) -> VariantReport | None:
        """Return what was built by a name, None where that was not asked for."""
        return self._variants.get(name)

    def same(self, left: str, right: str) -> bool:
        """Tell whether two variants were one kernel, which was run once."""
        names = [report.same_as or report.name for name in (left, right) if (report := self.variant(name))]
        return len(names) == 2 and names[0] == names[1]

    def base(self, one: Candidate) -> str:
        """Name the variant that a series was put on."""
        return one.base_name if one.base_name in self._variants else AS_IS

    def stages(self, one: Candidate) -> list[str]:
        """Name the base, every prefix and the whole of a series, those that the run was to have."""
        names = [self.base(one), *one.commits]
        return names if all(name in self._variants for name in names) else [names[0], one.label]

    def steps(self, one: Candidate) -> range:
        """Return the numbers of the patches that were tried one by one: none if only the whole was."""
        return range(1, len(self.stages(one)))

    def breaks(self, one: Candidate, number: int) -> str:
        """Say what is wrong with the build of a stage, empty for one that builds without new warnings."""
        report = self.variant(self.stages(one)[number])
        if report is not None and report.first_error:
            return f"does not build: {report.first_error}"
        added = self.warnings(one, number)
        return f"adds {counted(len(added), 'warning')}: {'; '.join(added)}" if added else ""

    def warnings(self, one: Candidate, number: int) -> list[str]:
        """Return the warnings of a stage that the last stage before it which builds does not have."""
        names = self.stages(one)
        reports = [report for name in names[: number + 1] if (report := self.variant(name))]
        before = [report for report in reports[:-1] if not report.first_error]
        known = before[-1].warnings if before else ()
        return [text for text in reports[-1].warnings if text not in known]


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in singular or plural."""
    return f"{number} {noun}{'' if number == 1 else 's' if not noun.endswith(('ch', 's')) else 'es'}"


def listed(names: Iterable[str]) -> str:
    """Write names as one does in a sentence."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def evidence(*cells: Cell | None) -> tuple[Evidence, ...]:
    """Return references to cells."""
    return tuple(Evidence(cell.variant, cell.workload) for cell in cells if cell is not None)


def told_trials(cell: Cell) -> list[Trial]:
    """Return the trials of a cell that say something of the kernel."""
    return [trial for trial in cell.trials if trial.outcome in _SURE]


def why(cell: Cell) -> str:
    """Say why a cell has its verdict, by which ways where call paths were seen, or how often it failed."""
    reasons = folded(cell.reasons)
    text = "; ".join(reasons[:2]) + (f" (and {len(reasons) - 2} more)" if len(reasons) > 2 else "")
    if cell.verdict is Outcome.FAIL and (told := ways(cell)):
        text += f", by {told}"
    return text


def routes(cell: Cell) -> Counter[str]:
    """Count the ways, outermost function first, by which what the workload looked for came about."""
    found: Counter[str] = Counter()
    for path in summed(path for trial in cell.trials for path in trial.observation.paths):
        found[" > ".join(path.functions[: -_ROUTE - 1 : -1])] += path.count
    return found


def ways(cell: Cell) -> str:
    """Name the most frequent routes, empty where there are none."""
    found = routes(cell).most_common()
    more = f" and {len(found) - _ROUTES_TOLD} more" if len(found) > _ROUTES_TOLD else ""
    return ", ".join(f"{route} ({count})" for route, count in found[:_ROUTES_TOLD]) + more


def splats(cell: Cell) -> dict[str, Event]:
    """Return what the kernel said in a cell, by fingerprint."""
    return {event.fingerprint: event for trial in cell.trials for event in trial.events}


def kinds(cell: Cell) -> frozenset[str]:
    """Return what the failures of a cell consist of."""
    return frozenset(item for trial in cell.trials for item in trial.evidence)


def differ(left: Cell, right: Cell) -> bool:
    """Tell whether two cells behave differently: in their verdict, what a failure consists of, or what was
    noted in every trial of one and in no trial of the other.
    """
    return (left.verdict, kinds(left)) != (right.verdict, kinds(right)) or any(notes_apart(left, right))


def notes_apart(left: Cell, right: Cell) -> Iterator[str]:
    """Yield the notes that every trial of one cell has and no trial of the other."""
    if min(len(left.trials), len(right.trials)) < _CERTAIN:
        return
    for one, other in ((left, right), (right, left)):
        per_trial = [{shape(note) for note in trial.observation.notes} for trial in one.trials]
        seen = {shape(note) for trial in other.trials for note in trial.observation.notes}
        steady = set.intersection(*per_trial) - seen
        notes = (note for trial in one.trials for note in trial.observation.notes)
        yield from (f"{one.variant}: {note}" for note in folded(n for n in notes if shape(n) in steady))
