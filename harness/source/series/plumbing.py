# SPDX-License-Identifier: GPL-2.0-or-later
"""git's tools that need no repository: what decodes mail as `git am` does, and patch-ids."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from harness.source.repository import GitError, git_environment
from harness.words import InfraError

#: A file's header in a diff that no git wrote; git's own follows a line `diff --git`.
_TRADITIONAL = re.compile(rb"^--- (?P<old>[^\t\n]+)[^\n]*\n\+\+\+ (?P<new>[^\t\n]+)[^\n]*\n(?=@@ -)", re.M)


def git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    """Run git in an empty `folder`, outside of every repository, and return its stdout.

    `GitError` when it fails.
    """
    environment = git_environment({"GIT_CEILING_DIRECTORIES": str(folder.parent)})
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, input=data, capture_output=True, env=environment, check=False
        )
    except FileNotFoundError as missing:
        raise InfraError("git is not installed: install the package 'git'") from missing
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        if "No space left on device" in told:
            raise InfraError(f"the disk that holds {folder} is full: free some space and run again")
        raise GitError(told or f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout


def patch_id(folder: Path, diff: bytes, strip: int = 1) -> str:
    """Return what `git patch-id --stable` makes of a diff, empty for one that it cannot read.

    It looks for lines that git wrote, so diffs by other tools get them first; then equal changes have
    equal ids, whoever made the diff.
    """
    if b"diff --git " not in diff:
        diff = _TRADITIONAL.sub(lambda found: _git_header(found, strip), diff)
    told = git(folder, "patch-id", "--stable", data=diff).split()
    return told[0].decode() if told else ""


def _git_header(found: re.Match[bytes], strip: int) -> bytes:
    old, new = (b"/".join(found[side].strip().split(b"/")[strip:]) for side in ("old", "new"))
    name, mode = new, b""
    if found["old"].startswith(os.devnull.encode()):
        mode = b"new file mode 100644\n"
    elif found["new"].startswith(os.devnull.encode()):
        name, mode = old, b"deleted file mode 100644\n"
    before = b"/dev/null" if mode.startswith(b"new") else b"a/" + name
    after = b"/dev/null" if mode.startswith(b"deleted") else b"b/" + name
    return b"diff --git a/%s b/%s\n%s--- %s\n+++ %s\n" % (name, name, mode, before, after)
