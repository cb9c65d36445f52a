# SPDX-License-Identifier: GPL-2.0-or-later
"""Series and built-in variants as what the engine builds and runs."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from harness.cli import cache_folder
from harness.source import Repository, Tree, open_tree
from harness.source.series import Series, apply_series, open_series
from harness.source.series.series import Origin
from harness.variants import AS_IS, candidates, catalogue, materialise
from harness.variants.candidate import from_applied, labels
from harness.words import UserError
from tests.source.repos import git

from .kerneltext import NEW, commit, kernel


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy kernel's repository with the branch `topic`, two patches on `base`."""
    repo = commit(tmp_path_factory.mktemp("toy") / "linux", kernel(NEW))
    git(repo, "branch", "base")
    git(repo, "checkout", "--quiet", "-b", "topic")
    for name in ("one", "two"):
        (repo / f"mm/{name}.c").write_text(f"int {name};\n")
        git(repo, "add", "-A")
        git(repo, "commit", "--quiet", "-m", f"mm: add {name}")
    return repo


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def tree(repo: Path, cache: Path) -> Tree:
    return open_tree(f"{repo}@base", cache)


def saved(repo: Path, folder: Path, name: str, *options: str) -> str:
    path = folder / name
    path.write_text(git(repo, "format-patch", "--stdout", *options, "base..topic") + "\n")
    return str(path)


def test_a_series_is_its_prefixes_and_the_whole(repo: Path, tree: Tree, cache: Path, tmp_path: Path) -> None:
    spec = saved(repo, tmp_path, "x.mbox", "-v3")
    (made,) = candidates([spec], tree, cache)
    assert list(made.commits) == list(made.variants) == ["v3/1", "v3"]
    assert made.commits["v3/1"].changed == ("mm/one.c",)
    assert made.whole.changed == ("mm/one.c", "mm/two.c")
    assert made.whole.source_id == git(repo, "rev-parse", "topic^{tree}")
    assert made.steps == ("mm: add one", "mm: add two")
    assert made.variants["v3/1"].summary == "the first 1 of 2 patches of 'mm: add one'"
    assert not any(variant.expects for variant in made.variants.values())
    assert made.foreign
    assert not any(one.contained for one in made.commits.values())
    (there,) = candidates([spec], open_tree(f"{repo}@topic~1", cache), cache)
    assert [one.contained for one in there.commits.values()] == [True, False]


def test_a_series_has_a_name(tree: Tree, cache: Path) -> None:
    with pytest.raises(UserError, match="a series without a name"):
        candidates(["series-v2", ""], tree, cache)


def test_names_are_told_apart(repo: Path, tree: Tree, cache: Path, tmp_path: Path) -> None:
    v2, v3 = (saved(repo, tmp_path, f"{number}.mbox", f"-v{number}") for number in (2, 3))
    both = candidates([v2, v3, "series-v4"], tree, cache)
    assert [one.label for one in both] == ["v2", "v3", "series-v4"]
    with pytest.raises(UserError, match="two of these are the same"):
        candidates([v2, v2], tree, cache)
    one = Series("a", "as-is", "t", 1, Origin.MAIL, ())
    assert labels([one, dataclasses.replace(one, name="x")]) == ["as-is-2", "x"]
    assert labels([dataclasses.replace(one, name="x")] * 2) == ["x", "x-2"]


def test_a_range_of_ones_own_is_not_foreign(tree: Tree, cache: Path) -> None:
    (made,) = candidates(["base..topic"], tree, cache)
    assert not made.foreign
    assert made.label == "v1"


def test_a_built_in_variant_has_prefixes_too(tree: Tree, cache: Path) -> None:
    (made,) = candidates(["series-v4"], tree, cache)
    assert made.whole == materialise(tree, catalogue()["series-v4"])
    assert list(made.commits)[-1] == "series-v4"
    assert made.steps == ("vm-areas-gfp", "temp-pages-gfp", "page-tables-gfp", "mask-noio")
    assert len({one.source_id for one in made.commits.values()} | {tree.source_id}) == 5
    assert not made.foreign
    assert made.variants["series-v4"].expects
    (as_is,) = candidates([AS_IS], tree, cache)
    assert (list(as_is.commits), as_is.whole.commit) == ([AS_IS], tree.base)


@pytest.mark.network
@pytest.mark.parametrize("version", ["6.12", "7.2"])
def test_a_series_on_debians_source(version: str, tmp_path: Path) -> None:
    """Mail the built-in series as patches and get the same source back."""
    tree = open_tree(f"debian:{version}", cache_folder())
    cache = cache_folder()
    (built,) = candidates(["series-v4"], tree, cache)
    repository = Repository(tree.repo)
    parent = tree.base
    for name, step in zip(built.commits, built.steps, strict=True):
        told = repository.run("commit-tree", "-p", parent, built.commits[name].source_id, data=step.encode())
        parent = told.decode().strip()
    command = ["git", "-C", str(tree.repo), "format-patch", "--stdout", "-v4", "--cover-letter"]
    mails = subprocess.run([*command, f"{tree.base}..{parent}"], capture_output=True, check=True).stdout
    (tmp_path / "v4.mbox").write_bytes(mails)
    (made,) = candidates([str(tmp_path / "v4.mbox")], tree, cache)
    for ours, theirs in zip(built.commits.values(), made.commits.values(), strict=True):
        assert ours.source_id == theirs.source_id
    wrong = mails.replace(b"pcpu_alloc_mutex", b"pcpu_other_mutex")
    (tmp_path / "wrong.mbox").write_bytes(wrong.replace(b"gfp", b"gpf"))
    series = open_series(str(tmp_path / "wrong.mbox"), tree, cache)
    with pytest.raises(UserError, match=r"patch \d/4 .* does not apply to debian:.*, hunk 1, @@"):
        apply_series(series, tree)
    assert from_applied("again", apply_series(open_series(str(tmp_path / "v4.mbox"), tree, cache), tree))
