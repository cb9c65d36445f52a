# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of commits in which make has least to do again."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from harness.words import InfraError

#: Permutations of so many commits are all tried (40320 at most); more are put in order greedily.
_EXACT = 8
_SOURCE, _HEADER, _EVERYTHING = 1, 100, 1000


class HasRepository(Protocol):
    """A tree, as far as its order matters here."""

    @property
    def repo(self) -> Path:
        """Return the git repository that holds the commits."""


def order(tree: HasRepository, commits: Sequence[str]) -> list[str]:
    """Return the commits in an order of building that changes headers seldom; `InfraError` when git fails."""
    pairs = {
        frozenset(pair): changed_files(tree.repo, *pair) for pair in itertools.combinations(set(commits), 2)
    }
    return shortest_path(commits, {pair: cost(files) for pair, files in pairs.items()})


def changed_files(repository: Path, old: str, new: str) -> list[str]:
    """Return the files that differ between two commits; `InfraError` when git fails."""
    done = subprocess.run(
        ["git", "-C", str(repository), "diff-tree", "-r", "--no-renames", "--name-only", "-z", old, new],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InfraError(
            f"git cannot compare {old[:12]} with {new[:12]} in {repository}: {done.stderr.strip()}"
        )
    return [name for name in done.stdout.split("\0") if name]


def cost(files: Sequence[str]) -> int:
    """Weigh a change: a header makes much be compiled again, a makefile or Kconfig nearly everything."""
    return sum(_weight(PurePosixPath(name)) for name in files)


def _weight(path: PurePosixPath) -> int:
    if path.name.startswith(("Kconfig", "Makefile", "Kbuild")):
        return _EVERYTHING
    return _HEADER if path.suffix == ".h" else _SOURCE


def shortest_path(names: Sequence[str], costs: Mapping[frozenset[str], int]) -> list[str]:
    """Return `names` so that the sum of costs between neighbours is small, of equal ones the first given.

    `costs` is symmetric, by unordered pair; equal names are the same place and cost nothing.
    """

    def length(path: Iterable[str]) -> int:
        return sum(costs.get(frozenset(step), 0) for step in itertools.pairwise(path))

    if len(names) <= _EXACT:
        return list(min(itertools.permutations(names), key=length))
    return min((_nearest_neighbours(start, names, costs) for start in range(len(names))), key=length)


def _nearest_neighbours(start: int, names: Sequence[str], costs: Mapping[frozenset[str], int]) -> list[str]:
    path = [names[start]]
    left = [*names[:start], *names[start + 1 :]]
    while left:
        nearest = min(left, key=lambda name: costs.get(frozenset((path[-1], name)), 0))
        left.remove(nearest)
        path.append(nearest)
    return path
