# SPDX-License-Identifier: GPL-2.0-or-later
"""Which variants a plan comes to on a tree: built-in ones, or series and what they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.plan import Plan, choose
from harness.source import Tree
from harness.variants import AS_IS, Candidate, Variant, VariantCommit, candidates, catalogue, materialise
from harness.words import Expectation, UserError
from harness.workload import Workload


@dataclass(frozen=True, slots=True)
class LineUp:
    """The variants of a run, in the order in which reports show them, and the workloads of each.

    `parts` are bases and incomplete series, of which nobody claims that they pass, `omissions` those that
    lack a patch in the middle; `foreign` names what other people wrote.
    """

    variants: dict[str, Variant] = field(default_factory=dict)
    commits: dict[str, VariantCommit] = field(default_factory=dict)
    cells: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    omissions: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)

    def add(self, variant: Variant, made: VariantCommit, workloads: Sequence[str]) -> None:
        """Add a variant, unless it is there or nothing is run on it."""
        if workloads and variant.name not in self.variants:
            self.variants[variant.name] = variant
            self.commits[variant.name] = made
            self.cells[variant.name] = list(workloads)


def expectations(variant: Variant, stage: str | None) -> Mapping[str, Expectation]:
    """Return what history says of a variant on a tree of that stage, which `as-is` behaves like."""
    if variant.name != AS_IS:
        return variant.expects
    return catalogue()[stage].expects if stage else {}


def line_up(
    plan: Plan,
    tree: Tree,
    stage: str | None,
    chosen: Mapping[str, Workload],
    cache: Path,
    say: Callable[[str], None],
) -> LineUp:
    """Make a commit of each variant that the plan needs.

    `UserError` for what was asked for by name and cannot be made, and for a series that cannot be read or
    applied.
    """
    if plan.candidates:
        return _review(plan, tree, chosen, cache, say)
    lined = LineUp()
    for name in choose("variant", plan.variants, catalogue()):
        variant = catalogue()[name]
        made = _made(tree, variant, lined, say, needed=bool(plan.variants))
        if made is None:
            continue
        if made.contained:
            lined.notes.append(f"{tree.name} already contains {name}")
        lined.add(variant, made, cells_of(plan, variant, stage, chosen))
    return lined


def cells_of(plan: Plan, variant: Variant, stage: str | None, chosen: Mapping[str, Workload]) -> list[str]:
    """Return the workloads of a variant; costly ones only where both are named or history knows of it."""
    expected = expectations(variant, stage)
    return [
        name
        for name, workload in chosen.items()
        if not workload.costly or name in expected or (plan.variants and name in plan.workloads)
    ]


def _made(
    tree: Tree, variant: Variant, lined: LineUp, say: Callable[[str], None], *, needed: bool
) -> VariantCommit | None:
    """Return the commit of a built-in variant; one that is not needed and cannot be made is only noted."""
    try:
        return materialise(tree, variant)
    except UserError as error:
        if needed:
            raise
        lined.notes.append(f"{variant.name} is left out: {error}")
        say(lined.notes[-1])
        return None


def _review(
    plan: Plan, tree: Tree, chosen: Mapping[str, Workload], cache: Path, say: Callable[[str], None]
) -> LineUp:
    """Put the candidates beside the tree without them, and beside what must fail for a pass to mean much.

    Costly workloads run only when they are named, and not on parts of a series.
    """
    lined = LineUp()
    chosen = {name: one for name, one in chosen.items() if not one.costly or name in plan.workloads}
    cheap = [name for name, one in chosen.items() if not one.costly]
    lined.candidates.extend(candidates(plan.candidates, tree, cache, say, parts=plan.each_patch))
    lined.add(catalogue()[AS_IS], materialise(tree, catalogue()[AS_IS]), list(chosen))
    lined.parts.add(AS_IS)
    for name in dict.fromkeys(one.must_fail_on for one in chosen.values() if one.must_fail_on):
        reference = catalogue()[name]
        made = _made(tree, reference, lined, say, needed=False)
        if made is not None:
            lined.add(reference, made, [one.name for one in chosen.values() if one.must_fail_on == name])
    for one in lined.candidates:
        lined.notes.extend(_remarks(one))
        lined.omissions.update(one.omissions)
        for variant, made in _members(one, tree, parts=plan.each_patch):
            if variant.name == AS_IS:
                continue
            lined.cells.pop(variant.name, None)  # a reference that is under review itself gets all workloads
            lined.variants.pop(variant.name, None)
            part = variant.name != one.label
            lined.add(variant, made, cheap if part and variant.name != one.base_name else list(chosen))
            if part:
                lined.parts.add(variant.name)
            if one.foreign and variant.name != one.base_name:
                lined.foreign.add(variant.name)
    return lined


def _members(one: Candidate, tree: Tree, *, parts: bool) -> Iterator[tuple[Variant, VariantCommit]]:
    if one.tree.base != tree.base:
        yield one.base
    for name, made in one.commits.items():
        if parts or name == one.label:
            yield one.variants[name], made
    if parts:
        yield from ((one.variants[name], made) for name, made in one.omissions.items())


def _remarks(one: Candidate) -> Iterator[str]:
    """Say what a reader must know of how a candidate came to be."""
    if one.applied is not None:
        series = one.applied.series
        yield (
            f"{one.label} is v{series.version} of {series.title!r}, {len(series.patches)} patches, identity "
            f"{series.identity}, put on {one.tree.name}: {one.because}"
        )
        yield from (f"{one.label}: {note}" for note in series.notes)
    if one.whole.contained:
        yield f"{one.tree.name} already contains {one.label}"
