# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's git repository: read, never written. A repository of ours borrows its objects."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # without git, `doctor` must still run

import git
from git.exc import GitCommandError, InvalidGitRepositoryError, NoSuchPathError

from harness.lock import locked
from harness.source.repository import GitError, Repository
from harness.source.tree import Tree, makefile_version
from harness.words import InfraError, UserError


def git_folder(path: Path) -> Path | None:
    """Return the git folder of the repository whose top is `path`, None where there is none.

    Works for a checkout, a linked worktree (where `.git` is a file) and a bare repository.
    """
    try:
        with git.Repo(path) as repo:
            return Path(repo.git_dir)
    except (InvalidGitRepositoryError, NoSuchPathError):
        return None


def open_git(spec: str, path: Path, ref: str, cache: Path, say: Callable[[str], None]) -> Tree:
    """Return the tree at `ref` of the user's repository `path`; only a ref and objects of it are read."""
    commit = resolve(spec, path, ref)
    repository = borrow(path, cache, say)
    try:
        source_id = repository.tree_of(commit)
    except GitError as error:
        raise InfraError(f"the objects of {path} cannot be borrowed: {error}") from error
    say(f"{spec} is commit {commit[:12]} of {path}; changes that are not committed do not count")
    return Tree(
        spec=spec,
        name=f"{spec} ({commit[:12]})",
        version=makefile_version(repository, commit, spec),
        repo=repository.path,
        base=commit,
        source_id=source_id,
    )


def borrow(path: Path, cache: Path, say: Callable[[str], None]) -> Repository:
    """Return the repository of ours that borrows the objects of the user's repository `path`.

    What we write (variants' commits, the index of the worktree) goes there; its `objects/info/alternates`
    names the user's objects.
    """
    with git.Repo(path) as repo:
        objects = Path(repo.common_dir).resolve() / "objects"
    if not objects.is_dir():
        raise UserError(f"the repository {path} has no objects folder: is it damaged?")
    digest = hashlib.sha256(str(objects).encode()).hexdigest()[:16]
    home = cache / "trees" / f"borrowed-{digest}"
    object_format = _ask(path, "rev-parse", "--show-object-format")
    with locked(home.with_name(home.name + ".lock"), say):
        return Repository.create(home / "git", alternates=[objects], object_format=object_format)


def resolve(spec: str, path: Path, ref: str) -> str:
    """Return the commit that the user's repository `path` calls `ref`; `UserError` when it has none."""
    try:
        told = _ask(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except GitCommandError as error:
        raise UserError(
            f"'{spec}': the repository {path} has no commit called '{ref}': fetch it, or name another ref"
        ) from error
    # rev-parse echoes the option in front of the hash when it does not know it
    return told.splitlines()[-1]


def newest_refs(path: Path, most: int) -> list[tuple[str, str]]:
    """Return up to `most` tags and branches of the user's repository, newest first, each with its commit."""
    form = "%(refname:short)%00%(objectname)%00%(*objectname)%00%(objecttype)%00%(*objecttype)"
    places = ("refs/tags", "refs/heads", "refs/remotes")
    told = _ask(path, "for-each-ref", "--sort=-creatordate", f"--count={most}", f"--format={form}", *places)
    refs = []
    for line in told.splitlines():
        name, own, peeled, kind, peeled_kind = line.split("\0")
        if "commit" in (kind, peeled_kind):
            refs.append((name, peeled or own))
    return refs


def _ask(path: Path, command: str, *arguments: str) -> str:
    """Ask the user's repository, read-only.

    Naming the git folder makes git skip its check of who owns the repository: root reads a user's repository
    with plumbing that runs neither hooks nor configured programs.
    """
    with git.Repo(path) as repo:
        private = {
            "GIT_DIR": str(repo.git_dir),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        with repo.git.custom_environment(**private):
            return str(repo.git.execute(["git", command, *arguments]))
