# SPDX-License-Identifier: GPL-2.0-or-later
"""A variant of a tree as a commit, and the stage of history that a tree stands at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.source import Repository, Tree
from harness.source.repository import GitError
from harness.variants.catalogue import AS_IS, Variant, catalogue
from harness.variants.goal import Goal, goals
from harness.variants.spatch import spatch
from harness.words import InfraError, UserError


@dataclass(frozen=True, slots=True)
class VariantCommit:
    """A variant of a tree: `commit` in the tree's repository, `source_id` its tree hash.

    `contained` says that the tree has the variant already (the commit is its base then); `changed` lists the
    files that differ from the base.
    """

    variant: str
    commit: str
    source_id: str
    contained: bool
    changed: tuple[str, ...]


def materialise(tree: Tree, variant: Variant) -> VariantCommit:
    """Return `variant` of `tree`, made once and then remembered in the tree's repository.

    `UserError` names file and function where a patch finds nothing to change, or the stage that the tree
    contains already when `variant` is older than that.
    """
    repository = Repository(tree.repo)
    files = _read(repository, tree.base, (*variant.patches, *variant.without))
    _refuse_earlier(tree, variant, files)
    name = f"variants/{_key(tree, variant)}"
    commit = _remembered(repository, name)
    if commit is None:
        changed = _apply(tree, variant, files)
        message = f"{variant.name}: {variant.summary}\n"
        try:
            commit = repository.commit_files(tree.base, changed, message) if changed else tree.base
            repository.keep(name, commit)
        except GitError as error:
            raise InfraError(f"{variant.name} could not be committed in {tree.repo}: {error}") from error
    return VariantCommit(
        variant=variant.name,
        commit=commit,
        source_id=repository.tree_of(commit),
        contained=commit == tree.base and variant.name != AS_IS,
        changed=repository.changed(tree.base, commit),
    )


def tree_stage(tree: Tree) -> str | None:
    """Name the latest built-in variant whose behaviour `tree` has as it is, None where it fits none."""
    repository = Repository(tree.repo)
    stages = [variant for variant in catalogue().values() if variant.patches]
    files = _read(repository, tree.base, (patch for v in stages for patch in (*v.patches, *v.without)))
    for variant in reversed(stages):
        newer = any(_reached(patch, files) for patch in variant.without)
        if not newer and all(_reached(patch, files) for patch in variant.patches):
            return variant.name
    return None


def _refuse_earlier(tree: Tree, variant: Variant, files: dict[str, bytes]) -> None:
    ahead = [patch for patch in variant.without if _reached(patch, files)]
    if not ahead:
        return
    stage = tree_stage(tree)
    there = stage or f"a part of a later series ({', '.join(patch.stem for patch in ahead)})"
    raise UserError(
        f"{tree.spec} already contains {there}, and {variant.name} is an earlier state that cannot be made "
        "from it: use as-is, or an older tree"
    )


def _apply(tree: Tree, variant: Variant, base: dict[str, bytes]) -> dict[str, bytes]:
    """Apply every patch whose goals are not reached yet and return the files that changed."""
    files = dict(base)
    for patch in variant.patches:
        if _reached(patch, files):
            continue
        wanted = _goals(patch)
        touched = {goal.file for goal in wanted}
        files |= spatch(patch, {name: files[name] for name in sorted(touched) if name in files})
        missed = [goal for goal in wanted if not goal.reached(files)]
        if missed:
            raise UserError(
                f"{variant.name} does not apply to {tree.spec}: after {patch.name} there is in "
                f"{missed[0].explain(files)}"
            )
    return {name: content for name, content in files.items() if content != base[name]}


def _read(repository: Repository, commit: str, patches: Iterable[Path]) -> dict[str, bytes]:
    """Return the files that the goals of `patches` speak of, as far as the commit has them."""
    names = sorted({goal.file for patch in patches for goal in _goals(patch)})
    found = {name: repository.read(commit, name) for name in names}
    return {name: content for name, content in found.items() if content is not None}


def _goals(patch: Path) -> tuple[Goal, ...]:
    return goals(patch.read_text())


def _reached(patch: Path, files: dict[str, bytes]) -> bool:
    return all(goal.reached(files) for goal in _goals(patch))


def _key(tree: Tree, variant: Variant) -> str:
    """Digest what the commit depends on, so that a changed patch is applied anew."""
    digest = hashlib.sha256(f"{tree.base}\0{variant.name}\0{variant.summary}".encode())
    for patch in variant.patches:
        digest.update(patch.read_bytes())
    return f"{variant.name}-{digest.hexdigest()[:16]}"


def _remembered(repository: Repository, name: str) -> str | None:
    try:
        return repository.ask("rev-parse", "--verify", "--quiet", f"refs/percpu-harness/{name}^{{commit}}")
    except GitError:
        return None
