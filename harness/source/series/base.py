# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a series is put: the base that it names, the tree that was asked for, or the newest ref that fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.lock import silent
from harness.source.opening import split_spec
from harness.source.repository import GitError, Repository
from harness.source.series.apply import Applied, apply_series
from harness.source.series.series import Series
from harness.source.tree import Tree, makefile_version
from harness.source.usergit import git_folder, newest_refs
from harness.words import UserError

#: Refs that are tried; reading a kernel's index takes a part of a second each.
_MOST_REFS = 40


def place(series: Series, tree: Tree, say: Callable[[str], None] = silent) -> Applied:
    """Return the series on the first base that it applies to, and say which was taken and why.

    `UserError` says why it does not apply to the tree as it was asked for.
    """
    refused: UserError | None = None
    for base, because in _bases(series, tree):
        try:
            applied = apply_series(series, base, because)
        except UserError as error:
            if base.base == tree.base:
                refused = error
            continue
        if applied.contained and refused is not None:  # found by search, and there is nothing to see there
            continue
        say(f"{series.spec} ({_length(series)}) is put on {base.name}: {because}")
        if applied.contained:
            say(f"{base.name} already contains {series.spec}")
        return applied
    assert refused is not None
    raise refused


def _bases(series: Series, tree: Tree) -> Iterator[tuple[Tree, str]]:
    named = _at(tree, series.base, f"{series.base[:12]}, the base of {series.name}") if series.base else None
    if named is not None and named.base != tree.base:
        yield named, "the series names it as its base"
        yield tree, "the tree that was asked for; the series does not apply to the base that it names"
    elif named is not None:
        yield tree, "the series names it as its base"
    elif series.base:
        lacks = f"it does not have the base {series.base[:12]} that the series names"
        yield tree, f"the tree that was asked for; {lacks}"
    else:
        yield tree, "the tree that was asked for"
    for name, commit in _refs(tree):
        other = _at(tree, commit, f"{name} ({commit[:12]})")
        if other is not None and other.base not in (tree.base, named.base if named else None):
            yield other, f"the newest ref that the series applies to; it does not apply to {tree.name}"


def _refs(tree: Tree) -> list[tuple[str, str]]:
    """Return the newest refs of the repository that the tree was taken from; other trees have none."""
    try:
        path, _ = split_spec(tree.spec)
    except UserError:
        return []
    return newest_refs(path, _MOST_REFS) if git_folder(Path(path)) is not None else []


def _at(tree: Tree, commit: str, name: str) -> Tree | None:
    """Return the tree at another commit, None where it does not have it or that is no kernel."""
    repository = Repository(tree.repo)
    try:
        whole = repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
        whole = whole.splitlines()[-1]
        return dataclasses.replace(
            tree,
            name=name,
            version=makefile_version(repository, whole, tree.spec),
            base=whole,
            source_id=repository.tree_of(whole),
        )
    except (GitError, UserError):
        return None


def _length(series: Series) -> str:
    return "1 patch" if len(series.patches) == 1 else f"{len(series.patches)} patches"
