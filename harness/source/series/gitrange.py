# SPDX-License-Identifier: GPL-2.0-or-later
"""A range of commits, or a branch, to a series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.source.repository import GitError, Repository
from harness.source.series.check import checked
from harness.source.series.mbox import scratch
from harness.source.series.plumbing import patch_id
from harness.source.series.series import MOST_PATCHES, Origin, Patch, Series, one_line, safe_name
from harness.source.tree import Tree
from harness.source.usergit import borrow, resolve
from harness.words import UserError

_DIFF = (
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--find-renames",
    "--submodule=short",
)
_FORMAT = "%an <%ae>%x00%ad%x00%s%x00%b"


def read_range(
    spec: str, path: Path, revisions: str, tree: Tree, cache: Path, say: Callable[[str], None]
) -> Series:
    """Return the series of `A..B`, or of a ref against its merge base with the tree.

    The user's repository is only read: names are resolved there, all else is done in one of ours that borrows
    its objects. `UserError` for a range with merges or without an end.
    """
    first, dots, last = revisions.partition("..")
    if last.startswith("."):
        raise UserError(f"'{spec}': A...B is no range of a series: write A..B")
    repository = borrow(path, cache, say)
    tip = resolve(spec, path, (last if dots else first) or "HEAD")
    start = resolve(spec, path, first or "HEAD") if dots else _merge_base(spec, repository, tree, tip)
    commits = repository.ask("rev-list", "--reverse", "--topo-order", f"{start}..{tip}").split()
    if not commits:
        raise UserError(f"'{spec}' holds no commit: {start[:12]} contains {tip[:12]}")
    if len(commits) > MOST_PATCHES:
        raise UserError(f"'{spec}' holds {len(commits)} commits, and more than {MOST_PATCHES} are no series")
    merges = repository.ask("rev-list", "--merges", f"{start}..{tip}").split()
    if merges:
        raise UserError(
            f"'{spec}' holds the merge {merges[0][:12]}, which is no patch: rebase, or name a shorter range"
        )
    patches = tuple(_patch(repository, commit) for commit in commits)
    return checked(
        Series(
            spec=spec,
            name=safe_name(last if dots else first),
            title=patches[-1].subject,
            version=1,
            origin=Origin.GIT,
            patches=patches,
            base=repository.ask("rev-parse", f"{commits[0]}^"),
        )
    )


def _merge_base(spec: str, repository: Repository, tree: Tree, tip: str) -> str:
    try:
        return repository.ask("merge-base", tree.base, tip)
    except GitError:
        raise UserError(
            f"'{spec}' has no history in common with {tree.name}: write the series as a range, REPO@A..B"
        ) from None


def _patch(repository: Repository, commit: str) -> Patch:
    told = repository.run(
        "show", "--no-patch", "--date=raw", f"--format={_FORMAT}", "--encoding=UTF-8", commit
    )
    author, date, subject, message = told.decode(errors="replace").split("\0", 3)
    diff = repository.run("diff-tree", "-p", "--no-commit-id", *_DIFF, commit)
    with scratch() as folder:
        identity = patch_id(folder, diff)
    return Patch(
        subject=one_line(subject) or "a commit without a subject",
        author=one_line(author),
        date=date,
        message=message.strip(),
        diff=diff,
        patch_id=identity,
    )
