# SPDX-License-Identifier: GPL-2.0-or-later
"""What the user writes for a series, turned into a `Series`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harness.lock import silent
from harness.source.opening import split_spec
from harness.source.series.folder import read_folder
from harness.source.series.gitrange import read_range
from harness.source.series.lore import message_id, read_lore
from harness.source.series.mailbox import read_mailbox
from harness.source.series.series import Series
from harness.source.tree import Tree
from harness.source.usergit import git_folder, resolve
from harness.words import UserError

_VERSION = re.compile(r"(?P<what>.+)@v(?P<version>\d{1,4})", re.S)


def open_series(spec: str, tree: Tree, cache: Path, say: Callable[[str], None] = silent) -> Series:
    """Return the series that `spec` names.

    An mbox, a folder of patches, a quilt series or a maildir, each with `@vN` behind it to choose a version;
    `REPO@A..B` or `REPO@REF`, where `REPO@` may be left out for the repository that `--tree` names; a
    message-id or a URL of an archive. `UserError` for all that is no series, `InfraError` where the machine
    cannot fetch or keep it.
    """
    what, version = _split_version(spec)
    if Path(what).expanduser().exists():
        path = Path(what).expanduser().resolve()
        if not path.is_dir():
            return read_mailbox(spec, path, version)
        if git_folder(path) is None:
            return read_folder(spec, path, version)
    found = _in_git(spec, tree)
    if found is not None:
        return read_range(spec, *found, tree, cache, say)
    identity = message_id(what)
    if identity is not None:
        return read_lore(spec, identity, version)
    raise UserError(
        f"'{spec}' is no series: give an mbox, a folder of patches or a quilt series (with @vN to choose a "
        "version), REPO@A..B, REPO@REF, a message-id or a URL of an archive"
    )


def anchored(spec: str) -> str:
    """Return what means the same as `spec` from whatever folder it is read: files by their whole names."""
    what, version = _split_version(spec)
    if Path(what).expanduser().exists():
        whole = str(Path(what).expanduser().resolve())
        return whole if version is None else f"{whole}@v{version}"
    try:
        path, revisions = split_spec(spec)
    except UserError:
        return spec
    return f"{path}@{revisions}" if revisions else str(path)


def _split_version(spec: str) -> tuple[str, int | None]:
    """Split `@vN` off, unless the whole is the name of something."""
    found = _VERSION.fullmatch(spec)
    if found is None or Path(spec).expanduser().exists():
        return spec, None
    if git_folder(Path(found["what"]).expanduser()) is not None:  # there it is a ref
        return spec, None
    return found["what"], int(found["version"])


def _in_git(spec: str, tree: Tree) -> tuple[Path, str] | None:
    """Return repository and revisions, None where the spec names neither a repository nor a ref."""
    try:
        path, revisions = split_spec(spec)
    except UserError:
        return _in_the_trees(spec, tree)
    return (path, revisions or "HEAD") if git_folder(path) is not None else None


def _in_the_trees(spec: str, tree: Tree) -> tuple[Path, str] | None:
    """Look for revisions of the repository that `--tree` names; only a range is sure to mean it."""
    try:
        path, _ = split_spec(tree.spec)
        if git_folder(path) is None:
            return None
        if ".." not in spec:
            resolve(spec, path, spec)
    except UserError:
        return None
    return path, spec
