# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel source tree: one commit in a repository of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.source.repository import Repository
from harness.source.worktree import Worktree
from harness.words import UserError


@dataclass(frozen=True, slots=True)
class Tree:
    """A kernel source tree, ready to be checked out.

    `spec` is what the user wrote, `name` what a report prints, `version` the Makefile's (`6.12.107`).
    `repo` is a bare repository in the cache, `base` the commit in it, `source_id` that commit's tree hash.
    """

    spec: str
    name: str
    version: str
    repo: Path
    base: str
    source_id: str

    def worktree(self, path: Path) -> Worktree:
        """Return the checkout in `path`: a new one stands at `base`, an old one where it was left."""
        worktree = Worktree.open(Repository(self.repo), path)
        if worktree.commit is None:
            worktree.switch(self.base)
        return worktree


def makefile_version(repository: Repository, commit: str, spec: str) -> str:
    """Return `VERSION.PATCHLEVEL.SUBLEVEL` + `EXTRAVERSION` of the Makefile of a commit.

    `UserError` when the commit is no kernel tree.
    """
    text = (repository.read(commit, "Makefile") or b"").decode(errors="replace")
    fields = dict(
        re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*(\S*)[ \t]*$", text, re.M)
    )
    if not (fields.get("VERSION") and fields.get("PATCHLEVEL")):
        raise UserError(
            f"'{spec}' is no kernel source: its top folder has no Makefile that sets VERSION and PATCHLEVEL"
        )
    sublevel = fields.get("SUBLEVEL") or "0"
    return f"{fields['VERSION']}.{fields['PATCHLEVEL']}.{sublevel}{fields.get('EXTRAVERSION', '')}"
