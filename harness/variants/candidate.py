# SPDX-License-Identifier: GPL-2.0-or-later
"""A series on a tree as variants: the whole of it and every prefix, each ready to be built and run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lock import silent
from harness.source import Repository, Tree
from harness.source.series import Applied, Series, open_series, place
from harness.source.series.series import safe_name
from harness.variants.catalogue import Variant, catalogue
from harness.variants.materialise import VariantCommit, materialise
from harness.words import UserError


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is under review, by the name `label`.

    `tree` stands at the base that the series was put on. `commits` holds `LABEL/1`, `LABEL/2`, ... and last
    `LABEL`, the whole series; `variants` says of the same names what they are, without expectations.
    `steps` are the subjects of the patches, one for each of `commits`. `applied` is None for a built-in
    variant.
    """

    label: str
    tree: Tree
    because: str
    variants: Mapping[str, Variant]
    commits: Mapping[str, VariantCommit]
    steps: tuple[str, ...]
    applied: Applied | None = None

    @property
    def foreign(self) -> bool:
        """Tell whether its makefiles must not run outside of a sandbox."""
        return self.applied is not None and self.applied.series.foreign

    @property
    def whole(self) -> VariantCommit:
        """Return the variant with all patches."""
        return self.commits[self.label]


def candidates(
    specs: Sequence[str], tree: Tree, cache: Path, say: Callable[[str], None] = silent
) -> list[Candidate]:
    """Return what each of `specs` names, a built-in variant or a series, put on its base of `tree`.

    `UserError` for what is no series, does not apply, or is named twice.
    """
    if len(set(specs)) < len(specs):
        raise UserError(f"{', '.join(specs)}: two of these are the same, which leaves nothing to compare")
    opened = [spec if spec in catalogue() else open_series(spec, tree, cache, say) for spec in specs]
    found = []
    for one, label in zip(opened, labels(opened), strict=True):
        if isinstance(one, Series):
            found.append(from_applied(label, place(one, tree, say)))
        else:
            found.append(_built_in(catalogue()[one], tree))
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
    return Candidate(label, applied.tree, applied.because, variants, commits, tuple(steps), applied)


def _built_in(variant: Variant, tree: Tree) -> Candidate:
    """Return a built-in variant with its prefixes: its semantic patches, less those that the tree has."""
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
    commits[variant.name] = materialise(tree, variant)
    return Candidate(
        variant.name,
        tree,
        "the tree that was asked for",
        variants,
        commits,
        tuple(steps) or (variant.summary,),
    )


def _variant(name: str, summary: str) -> Variant:
    return Variant(name, summary, stage=None, stands_for="", patches=(), without=(), expects={})
