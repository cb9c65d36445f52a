# SPDX-License-Identifier: GPL-2.0-or-later
"""From a mailbox to kernels: a stranger's series on the toy tree, every prefix built in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.build import Builder, find_sandbox
from harness.source import open_tree
from harness.variants import candidates
from harness.words import BuildError, Kernel
from tests.toytree import ToyTree, toy_module, toy_tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_sandbox(trusted=True) is None, reason="bubblewrap does not work on this machine"),
]


def mailed(tree: ToyTree, folder: Path) -> str:
    """Mail what the branch has more than `main`, and leave the tree at `main`."""
    path = folder / "theirs.mbox"
    path.write_text(tree.git("format-patch", "--stdout", "--cover-letter", "-v2", "main..theirs") + "\n")
    tree.git("checkout", "--quiet", "main")
    return str(path)


def test_a_series_that_breaks_the_build_and_mends_it(tmp_path: Path) -> None:
    toy = toy_tree(tmp_path / "tree")
    toy.git("checkout", "--quiet", "-b", "theirs")
    toy.replace("mm/vmalloc.c", "return size;", "return size + 0;")
    toy.replace("mm/percpu.c", "pcpu_get_vm_areas(size", "pcpu_get_areas(size")
    toy.replace("include/linux/vmalloc.h", "pcpu_get_vm_areas", "pcpu_get_areas")
    toy.replace("mm/vmalloc.c", "pcpu_get_vm_areas", "pcpu_get_areas")
    spec = mailed(toy, tmp_path)
    cache = tmp_path / "cache"
    tree = open_tree(str(toy.repo), cache)
    (series,) = candidates([spec], tree, cache)
    assert list(series.commits) == ["v2/1", "v2/2", "v2/3", "v2"]
    builder = Builder(tree, cache, [], toy_module(tmp_path / "module"), sandbox=find_sandbox(trusted=False))
    built: dict[str, Kernel | str] = {}
    for name, made in series.commits.items():
        try:
            built[name] = builder.build(made.commit, made.source_id, tmp_path / "logs" / name / "build.log")
        except BuildError as error:
            built[name] = error.first_error
    assert [isinstance(one, Kernel) for one in built.values()] == [True, False, False, True]
    assert "pcpu_get_areas" in str(built["v2/2"])


def test_a_series_whose_makefile_attacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET", "hidden-word")
    toy = toy_tree(tmp_path / "tree")
    toy.git("checkout", "--quiet", "-b", "theirs")
    attack = f"$(shell env > {home}/env; touch {home}/ran; touch {tmp_path}/ran)"
    toy.replace("mm/Makefile", "obj-y", f"{attack}\nobj-y")
    toy.replace("Makefile", "PATCHLEVEL =", f"{attack}\n$(info $(shell env; ls {home}))\nPATCHLEVEL =")
    spec = mailed(toy, tmp_path)
    cache = tmp_path / "cache"
    tree = open_tree(str(toy.repo), cache)
    (series,) = candidates([spec], tree, cache)
    log = tmp_path / "build.log"
    builder = Builder(tree, cache, [], toy_module(tmp_path / "module"), sandbox=find_sandbox(trusted=False))
    builder.build(series.whole.commit, series.whole.source_id, log)
    assert not list(home.iterdir())
    assert not (tmp_path / "ran").exists()
    assert "KBUILD_BUILD_USER=percpu" in log.read_text()
    assert "hidden-word" not in log.read_text()
    Builder(tree, cache, [], tmp_path / "module").build(series.whole.commit, series.whole.source_id, log)
    assert (home / "ran").exists()  # so the attack is one
