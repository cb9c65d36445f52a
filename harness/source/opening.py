# SPDX-License-Identifier: GPL-2.0-or-later
"""What the user writes after `--tree`, turned into a `Tree`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.lock import silent
from harness.source.debian import PREFIX, open_debian
from harness.source.folder import open_folder
from harness.source.tree import Tree
from harness.source.usergit import git_folder, open_git
from harness.words import InfraError, UserError


def open_tree(
    spec: str, cache: Path, *, mirror: str | None = None, say: Callable[[str], None] = silent
) -> Tree:
    """Return the kernel tree that `spec` names; its objects are kept (or borrowed) in `cache`.

    `debian:6.12` is a Debian source package, `PATH@REF` a git repository at a ref, `PATH` a git repository at
    its HEAD or an unpacked source folder. `mirror` is the Debian archive to ask instead of the machine's own.
    `say` hears in whole sentences what takes time. `UserError` for a spec that names nothing usable.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if spec.startswith(PREFIX):
            return open_debian(spec, cache, mirror, say)
        path, ref = split_spec(spec)
        if git_folder(path) is not None:
            return open_git(spec, path, ref or "HEAD", cache, say)
        if ref is not None:
            raise UserError(f"'{path}' is no git repository, so it has no '{ref}': leave out '@{ref}'")
        return open_folder(spec, path, cache, say)
    except OSError as error:
        raise InfraError(f"the tree '{spec}' could not be prepared in {cache}: {error}") from error


def split_spec(spec: str) -> tuple[Path, str | None]:
    """Split `PATH[@REF]`: both parts may hold an `@`, so the first split that leaves a folder counts."""
    whole = Path(spec).expanduser()
    if spec and whole.is_dir():
        return whole.resolve(), None
    for position, letter in enumerate(spec):
        path, ref = spec[:position], spec[position + 1 :]
        if letter == "@" and path and ref and Path(path).expanduser().is_dir():
            return Path(path).expanduser().resolve(), ref
    raise UserError(
        f"the tree '{spec}' is not there: give debian:X.Y, a git repository as PATH@REF, or a source folder"
    )
