# SPDX-License-Identifier: GPL-2.0-or-later
"""A user's repository with a series of three in two versions, and the tree below them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.source import Tree, open_tree
from harness.source.series import Series, open_series
from tests.source.repos import MAKEFILE, user_repository

from .mails import change, git, mails, mbox

BODY = "".join(f"int line{number};\n" for number in range(40))
FILES = {"Makefile": MAKEFILE, "mm/a.c": BODY, "mm/b.c": BODY, "scripts/run.sh": "#!/bin/sh\n"}


@dataclass(frozen=True)
class Bench:
    """`v2` and `v3` are branches of three patches each on `v6.12`; they differ in the second."""

    folder: Path
    repo: Path
    cache: Path
    tree: Tree
    v2: list[str]
    v3: list[str]

    def save(self, letters: list[str | bytes] | list[str], name: str = "thread.mbox") -> Path:
        path = self.folder / name
        path.write_bytes(mbox(letters))
        return path

    def open(self, spec: object) -> Series:
        return open_series(str(spec), self.tree, self.cache)


def edited(number: int, text: str) -> str:
    return BODY.replace(f"int line{number};\n", text)


@pytest.fixture
def bench(made: Bench, tmp_path: Path) -> Bench:
    """Return the bench with a folder of this test; the repository is everybody's, and stands on `main`."""
    return dataclasses.replace(made, folder=tmp_path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("series")
    repo = folder / "linux"
    user_repository(repo, FILES)
    for version, word in ((2, "int second;\n"), (3, "long second;\n")):
        git(repo, "checkout", "--quiet", "-b", f"v{version}", "v6.12")
        change(repo, "mm: change a\n\nBecause a is wrong.", {"mm/a.c": edited(10, "int first;\n")})
        change(repo, "mm: change b", {"mm/b.c": edited(20, word)})
        change(repo, "mm: add c", {"mm/c.c": "int c = 'ü';\n"})
    git(repo, "checkout", "--quiet", "main")
    cache = folder / "cache"
    tree = open_tree(f"{repo}@v6.12", cache)
    letters = [mails(repo, f"v6.12..v{number}", number, f"mm: the series, v{number}") for number in (2, 3)]
    return Bench(folder, repo, cache, tree, *letters)
