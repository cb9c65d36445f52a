# SPDX-License-Identifier: GPL-2.0-or-later
"""A series on a tree as variants: the whole of it and every prefix, each ready to be built and run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.lock import silent
from harness.source import Repository, Tree
from harness.source.series import Applied, Series, apply_series, open_series, place
from harness.source.series.series import safe_name
from harness.variants.catalogue import Variant, catalogue
from harness.variants.materialise import VariantCommit, materialise
from harness.words import UserError


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is under review, by the name `label`.

    `tree` stands at the base that the series was put on. `commits` holds `LABEL/1`, `LABEL/2`, ... and last
    `LABEL`, the whole series; `omissions` the series without one of its patches, `LABEL/without-1` and so
    on, and `needed` says why there is none of a patch, by its number. `variants` says of all these names what
    they are. `steps` are the subjects of the patches, one for each of `commits`; `chain` is the base and, one
    on top of the other, a commit for each of them. `applied` is None for a built-in variant.
    """

    label: str
    tree: Tree
    because: str
    variants: Mapping[str, Variant]
    commits: Mapping[str, VariantCommit]
    steps: tuple[str, ...]
    chain: tuple[str, ...]
    applied: Applied | None = None
    omissions: Mapping[str, VariantCommit] = field(default_factory=dict)
    needed: Mapping[int, str] = field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        """Tell whether its makefiles must not run outside of a sandbox."""
        return self.applied is not None and self.applied.series.foreign

    @property
    def whole(self) -> VariantCommit:
        """Return the variant with all patches."""
        return self.commits[self.label]

    @property
    def base(self) -> tuple[Variant, VariantCommit]:
        """Return the tree without any of the patches, as a variant of its own."""
        made = VariantCommit(self.base_name, self.tree.base, self.tree.source_id, contained=False, changed=())
        return _variant(self.base_name, f"{self.tree.name}, which {self.label} is put on"), made

    @property
    def base_name(self) -> str:
        """Return what the base is called where it is not the tree that was asked for."""
        return f"{self.label}/0"

    def omission_name(self, number: int) -> str:
        """Return what the series is called without one of its patches, which count from 1."""
        return f"{self.label}/without-{number}"


def candidates(
    specs: Sequence[str],
    tree: Tree,
    cache: Path,
    say: Callable[[str], None] = silent,
    *,
    parts: bool = False,
) -> list[Candidate]:
    """Return what each of `specs` names, a built-in variant or a series, put on its base of `tree`.

    With `parts` each series is also made without one patch after the other. `UserError` for what is no
    series, does not apply, or is named twice.
    """
    if "" in specs:
        raise UserError("a series without a name: give a mailbox, a folder, a range, or a built-in variant")
    if len(set(specs)) < len(specs):
        raise UserError(f"{', '.join(specs)}: two of these are the same, which leaves nothing to compare")
    opened = [spec if spec in catalogue() else open_series(spec, tree, cache, say) for spec in specs]
    found = []
    for one, label in zip(opened, labels(opened), strict=True):
        if isinstance(one, Series):
            made = from_applied(label, place(one, tree, say))
        else:
            made = _built_in(catalogue()[one], tree)
        found.append(_with_omissions(made) if parts and len(made.steps) > 1 else made)
    return found


def labels(opened: Sequence[Series | str]) -> list[str]:
    """Return a name for each that is fit for a folder and differs from all others: `v3`, else the file's.

    A name of `opened` itself is a built-in variant, whose names nothing else may have.
    """
    versions = [f"v{one.version}" if isinstance(one, Series) else one for one in opened]
    if len(set(versions)) == len(versions):
        return versions
    taken = set(catalogue())
    chosen = []
    for one in opened:
        name = safe_name(one.name) if isinstance(one, Series) else one
        if isinstance(one, Series):
            name = next(free for free in _tries(name) if free not in taken)
            taken.add(name)
        chosen.append(name)
    return chosen


def _tries(name: str) -> Iterable[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def from_applied(label: str, applied: Applied) -> Candidate:
    """Return a series that stands on its base as variants by the name `label`."""
    repository = Repository(applied.tree.repo)
    base = applied.prefixes[0]
    commits, variants, steps = {}, {}, []
    for number, prefix in enumerate(applied.prefixes[1:], 1):
        last = prefix is applied.tip
        name = label if last else f"{label}/{number}"
        assert prefix.patch is not None
        steps.append(prefix.patch.subject)
        what = "the whole series" if last else f"the first {number} of {len(applied.series.patches)} patches"
        variants[name] = _variant(name, f"{what} of {applied.series.title!r}")
        commits[name] = VariantCommit(
            variant=name,
            commit=prefix.commit,
            source_id=prefix.source_id,
            contained=prefix.source_id == base.source_id,
            changed=repository.changed(base.commit, prefix.commit),
        )
    chain = tuple(prefix.commit for prefix in applied.prefixes)
    return Candidate(label, applied.tree, applied.because, variants, commits, tuple(steps), chain, applied)


def _built_in(variant: Variant, tree: Tree) -> Candidate:
    """Return a built-in variant with its prefixes: its semantic patches, less those that the tree has."""
    whole = materialise(tree, variant)  # first, so that it is what an error names
    prefixes: dict[str, VariantCommit] = {}
    steps: list[str] = []
    for number in range(1, len(variant.patches) + 1):
        part = dataclasses.replace(
            variant,
            name=f"{variant.name}/{len(prefixes) + 1}",
            summary=f"{variant.name}, up to {variant.patches[number - 1].stem}",
            patches=variant.patches[:number],
            expects={},
        )
        made = materialise(tree, part)
        before = list(prefixes.values())[-1].source_id if prefixes else tree.source_id
        if made.source_id != before:
            prefixes[part.name] = made
            steps.append(variant.patches[number - 1].stem)
    names = list(prefixes)[:-1]
    variants = {
        name: _variant(name, f"{variant.name}, up to {step}")
        for name, step in zip(names, steps, strict=False)
    }
    commits = {name: prefixes[name] for name in names}
    variants[variant.name] = variant
    commits[variant.name] = whole
    return Candidate(
        variant.name,
        tree,
        "the tree that was asked for",
        variants,
        commits,
        tuple(steps) or (variant.summary,),
        _chain(tree, prefixes.values(), steps),
    )


def _chain(tree: Tree, prefixes: Iterable[VariantCommit], steps: Sequence[str]) -> tuple[str, ...]:
    """Return the commits of prefixes, each on top of the one before, as a series has them."""
    repository, chain = Repository(tree.repo), [tree.base]
    for made, step in zip(prefixes, steps, strict=True):
        told = repository.run("commit-tree", "-p", chain[-1], made.source_id, data=f"{step}\n".encode())
        chain.append(told.decode().strip())
    return tuple(chain)


def _with_omissions(whole: Candidate) -> Candidate:
    """Add the series without each of its patches but the last: without that one it is a prefix."""
    variants, omissions, needed = dict(whole.variants), {}, {}
    for number, step in enumerate(whole.steps[:-1], 1):
        name = whole.omission_name(number)
        try:
            omissions[name] = _without(whole, number, name)
        except UserError as error:
            needed[number] = str(error)
        else:
            variants[name] = _variant(name, f"{whole.label} without its patch {number}, {step!r}")
    return dataclasses.replace(whole, variants=variants, omissions=omissions, needed=needed)


def _without(whole: Candidate, number: int, name: str) -> VariantCommit:
    """Return the series without a patch; `UserError` where what follows does not apply then."""
    if whole.applied is None:
        built_in = catalogue()[whole.label]
        patches = tuple(patch for patch in built_in.patches if patch.stem != whole.steps[number - 1])
        return materialise(whole.tree, dataclasses.replace(built_in, name=name, patches=patches, expects={}))
    series = whole.applied.series
    left = tuple(patch for at, patch in enumerate(series.patches, 1) if at != number)
    tree = dataclasses.replace(whole.tree, name=f"{whole.tree.name} without patch {number}")
    applied = apply_series(dataclasses.replace(series, patches=left), tree)
    return VariantCommit(
        variant=name,
        commit=applied.tip.commit,
        source_id=applied.tip.source_id,
        contained=applied.contained,
        changed=Repository(tree.repo).changed(tree.base, applied.tip.commit),
    )


def _variant(name: str, summary: str) -> Variant:
    return Variant(name, summary, stage=None, stands_for="", patches=(), without=(), expects={})
