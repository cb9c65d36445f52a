# SPDX-License-Identifier: GPL-2.0-or-later
"""An unpacked source folder without git: its files become a commit in a repository of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from harness.lock import locked
from harness.source.archive import require_room
from harness.source.repository import GitError, Repository
from harness.source.tree import Tree, makefile_version
from harness.words import InfraError, UserError

#: What a build in the folder itself leaves, which no tarball holds (from Documentation/dontdiff and the
#: Makefile's clean and mrproper lists). .gitignore is not asked: it may name files that a patched tree needs.
_ARTEFACTS = (
    "*.o", "*.o.*", "*.a", "*.ko", "*.mod", "*.mod.c", "*.cmd", ".*.d", "*.order", "*.symvers", "*.lds.tmp",
    ".config", ".config.old", "include/config/", "include/generated/", "arch/*/include/generated/",
    "/vmlinux", "vmlinux.bin*", "bzImage", "/System.map", ".tmp_*", "modules.builtin*", ".git/",
)  # fmt: skip


def open_folder(spec: str, path: Path, cache: Path, say: Callable[[str], None]) -> Tree:
    """Return the tree of all files in `path` but build artefacts; equal content gives equal commits.

    The folder is only read. The index is kept, so that next time only changed files are read.
    """
    if not (path / "Makefile").is_file():
        raise UserError(f"'{spec}' is no kernel source: {path} has no Makefile")
    require_room(cache)
    home = cache / "trees" / f"folder-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    with locked(home.with_name(home.name + ".lock"), say):
        repository = Repository.create(home / "git")
        say(f"reading {path}")
        try:
            commit = _import(repository, path)
        except GitError as error:
            raise InfraError(f"{path} could not be read into the cache: {error}") from error
    return Tree(
        spec=spec,
        name=f"{spec} ({commit[:12]})",
        version=makefile_version(repository, commit, spec),
        repo=repository.path,
        base=commit,
        source_id=repository.tree_of(commit),
    )


def _import(repository: Repository, path: Path) -> str:
    where = {"GIT_WORK_TREE": str(path), "GIT_INDEX_FILE": str(repository.path / "folder-index")}
    (repository.path / "folder-index.lock").unlink(missing_ok=True)  # a dead git's: we hold the lock
    artefacts = [f":(exclude,glob){_glob(pattern)}" for pattern in _ARTEFACTS]
    try:
        repository.run("add", "--all", "--force", "--", ".", *artefacts, environment=where)
    except GitError as error:
        if "index" not in str(error):
            raise
        (repository.path / "folder-index").unlink(missing_ok=True)
        repository.run("add", "--all", "--force", "--", ".", *artefacts, environment=where)
    tree = repository.run("write-tree", environment=where).decode().strip()
    commit = repository.run("commit-tree", tree, data=b"An unpacked source folder\n").decode().strip()
    repository.keep(f"folder/{commit[:16]}", commit)
    return commit


def _glob(pattern: str) -> str:
    """Turn a gitignore-like pattern into a glob pathspec."""
    body = pattern.strip("/") + ("/**" if pattern.endswith("/") else "")
    anchored = "/" in pattern.rstrip("/")
    return body if anchored else f"**/{body}"
