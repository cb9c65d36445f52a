# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel trees: where they come from, where they are kept and how they are checked out.

Belongs here: Debian source packages, the user's git repositories and folders, our bare repositories in
the cache, worktrees, and (in `series/`) the patches that people put on a tree. Does not belong here: what a
variant changes in a tree (`harness.variants`), how a tree is built, and anything about percpu.
"""

from harness.source.opening import open_tree
from harness.source.repository import Repository
from harness.source.tree import Tree
from harness.source.worktree import Worktree

__all__ = ["Repository", "Tree", "Worktree", "open_tree"]
