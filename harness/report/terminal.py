# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix of verdicts and what stands behind it, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.report.comparison import Comparison
from harness.report.finding import as_expected, rate, tallies, wanted
from harness.report.fold import folded, shape, summed
from harness.report.results import Results, VariantReport
from harness.report.reviewed import at_length, in_short
from harness.report.text import visible
from harness.words import Cell, Outcome, Trial

_STYLE = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.INFRA: "magenta",
}
# Wide enough for the matrix of the default plan, whatever the width of a pipe or a log is said to be.
_MIN_WIDTH = 140
_REASONS_SHOWN = 4
_FRAMES_SHOWN = 7


def _verdict(cell: Cell) -> str:
    """Write a verdict next to what it must be;

    one that differs is marked so that it is found without colour.
    """
    rate = f" {cell.failures}/{len(cell.trials)}" if len(cell.trials) > 1 and cell.failures else ""
    style = _STYLE[cell.verdict]
    mark = "" if cell.as_expected else " [bold reverse] ! [/]"
    verdict = f"[{style}]{cell.verdict}{rate}[/] ({cell.expected.outcome if cell.expected else '?'}){mark}"
    return f"{verdict}\n[dim]{found}[/]" if (found := tallies(cell)) else verdict


def _variant(variant: VariantReport) -> str:
    name = escape(visible(variant.name))
    return f"{name}\n[dim]= {escape(visible(variant.same_as))}[/]" if variant.same_as else name


def matrix(results: Results) -> Table:
    """Lay the cells out:

    a variant per row, a workload per column, each verdict with history's in brackets.
    """
    workloads = list(dict.fromkeys(cell.workload for cell in results.cells))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for workload in workloads:
        table.add_column(workload)
    by_place = {(cell.variant, cell.workload): cell for cell in results.cells}
    for variant in results.variants:
        cells = [by_place.get((variant.name, workload)) for workload in workloads]
        table.add_row(_variant(variant), *(_verdict(cell) if cell else "[dim]not run[/]" for cell in cells))
    table.add_section()
    controls = {trial.workload: trial for trial in results.controls}
    table.add_row(
        "(control)",
        *(_control(controls.get(name), results.controls_proved.get(name, False)) for name in workloads),
    )
    return table


def _control(trial: Trial | None, proved: bool) -> str:
    if trial is None:
        return "[yellow]not run[/]"
    mark = "" if proved else " [bold reverse] ! [/]"
    return f"[{_STYLE[trial.outcome]}]{trial.outcome}[/] (fail){mark}"


def _reasons(reasons: Iterable[str]) -> Iterator[str]:
    reasons = folded(reasons)
    for reason in reasons[:_REASONS_SHOWN]:
        yield f"      {reason}"
    if len(reasons) > _REASONS_SHOWN:
        yield f"      and {len(reasons) - _REASONS_SHOWN} more in results.json"


def _paths(cell: Cell) -> Iterator[str]:
    """Yield the most frequent call paths of a cell, innermost function first."""
    paths = summed(path for trial in cell.trials for path in trial.observation.paths)
    for path in paths[:_REASONS_SHOWN]:
        yield f"      {path.count} x {path.label}: {' < '.join(path.functions[:_FRAMES_SHOWN])}"
    if len(paths) > _REASONS_SHOWN:
        yield f"      and {len(paths) - _REASONS_SHOWN} more call paths in results.json"


def _details(results: Results) -> Iterator[str]:
    """Say why, for every cell that is not a pass, and where the console lies;

    shared kernels are told once.
    """
    shared = {variant.name for variant in results.variants if variant.same_as}
    for cell in results.cells:
        if (cell.verdict is Outcome.PASS or cell.variant in shared) and cell.as_expected:
            continue
        but = "" if cell.as_expected or not cell.expected else f", expected {wanted(cell)}"
        counted = f" ({rate(cell)})" if len(cell.trials) > 1 else ""
        yield f"  {cell.variant} x {cell.workload}: {cell.verdict}{but}{counted}"
        yield from _reasons(cell.reasons)
        yield from _reasons(text for trial in cell.trials for text in trial.missing)
        yield from _paths(cell)
        if not cell.as_expected and cell.trials:
            yield f"      see {cell.trials[-1].folder}"
    for variant in results.variants:
        if variant.first_error:
            yield f"  {variant.name} did not build: {variant.first_error}"
    for trial in results.controls:
        if not results.controls_proved[trial.workload]:
            where = f"see {trial.folder}"
            yield f"  control of {trial.workload}: {trial.outcome}, so nothing of it may pass; {where}"
            yield from _reasons(trial.reasons)


def _bounds(failures: int, trials: int) -> str:
    # scipy takes a second to import, and a run of single trials needs none of it.
    from harness.verdict.statistics import Rate

    return str(Rate(failures, trials))


def _passes(results: Results) -> Iterator[str]:
    """Say what a pass of several trials is worth."""
    passed = [cell for cell in results.cells if cell.verdict is Outcome.PASS]
    yield from (f"{cell.variant} x {cell.workload}: {cell.known}" for cell in passed if cell.known)
    counts = {len(cell.trials) for cell in passed if not cell.known}
    for count in sorted(counts - {1}):
        bounds = _bounds(0, count).partition(": ")[2]
        yield f"a pass: none of {count} trials failed, so the rate is {bounds}"


def _notes(results: Results) -> Iterator[str]:
    """Yield what is neither failure nor silence, once each, with the cells that it was seen in."""
    seen: dict[str, list[tuple[str, Cell]]] = {}
    for cell in results.cells:
        for note in [note for trial in cell.trials for note in trial.observation.notes]:
            seen.setdefault(shape(note), []).append((note, cell))
    yield from (f"  {note}" for note in results.notes)
    for said in seen.values():
        (note,) = folded(note for note, _ in said)
        names = dict.fromkeys(f"{cell.variant} x {cell.workload}" for _, cell in said)
        yield f"  {note} [{', '.join(names)}]"
        # The paths of a failure stand under its reason.
        if said[0][1].verdict is Outcome.PASS:
            yield from _paths(said[0][1])


def _review(comparison: Comparison) -> Iterator[str]:
    yield "\nReview:"
    yield from (f"{'  ' * (depth + 1)}{text}" for depth, text in at_length(comparison))
    yield "\nIn short:"
    yield from (f"  {sentence}" for sentence in in_short(comparison))


def print_results(results: Results, console: Console, comparison: Comparison | None = None) -> None:
    """Print the whole story: what was run on what, the matrix, why, the notes, and what a review found."""
    console = console if console.width >= _MIN_WIDTH else Console(file=console.file, width=_MIN_WIDTH)

    def say(text: str) -> None:
        console.print(escape(visible(text)), highlight=False, soft_wrap=True, emoji=False)

    say(f"tree         {results.tree['name']}")
    say(f"toolchain    {results.toolchain.get('gcc', 'unknown')}")
    say(f"accelerator  {results.accelerator.accelerator}: {results.accelerator.reason}")
    console.print(matrix(results))
    say("verdict (what history says it must be); ! marks a difference; = shares the kernel of equal source")
    for line in _passes(results):
        say(line)
    if details := list(_details(results)):
        say("\nWhy:\n" + "\n".join(details))
    if notes := list(_notes(results)):
        say("\nNotes, neither failure nor silence:\n" + "\n".join(notes))
    for line in _review(comparison) if comparison else ():
        say(line)
    say(f"\n{as_expected(results)} ({results.seconds.get('total', 0):.0f} s)")
