# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from harness.source import Tree, Worktree, open_tree
from harness.source.repository import Repository
from harness.words import InfraError, UserError

from .repos import KERNEL, fingerprint, user_repository


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    user_repository(tmp_path / "linux")
    return open_tree(str(tmp_path / "linux"), tmp_path / "cache")


@pytest.fixture
def changed(tree: Tree) -> str:
    return Repository(tree.repo).commit_files(tree.base, {"mm/a.c": b"int changed;\n"}, "change")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_switching_writes_only_what_differs(tree: Tree, changed: str, tmp_path: Path) -> None:
    worktree = tree.worktree(tmp_path / "w")
    before = fingerprint(worktree.path)
    worktree.switch(changed)
    after = fingerprint(worktree.path)
    assert [name for name in before if before[name] != after[name]] == [str(worktree.path / "mm/a.c")]
    assert (worktree.path / "mm/a.c").read_text() == "int changed;\n"
    assert worktree.commit == changed
    assert names(worktree.path) == sorted(KERNEL)  # no .git: kbuild must not see one


def test_an_old_worktree_stays_where_it_was_left(tree: Tree, changed: str, tmp_path: Path) -> None:
    tree.worktree(tmp_path / "w").switch(changed)
    before = fingerprint(tmp_path / "w")
    again = tree.worktree(tmp_path / "w")
    again.switch(changed)
    assert fingerprint(tmp_path / "w") == before


def test_what_others_did_to_the_files_is_undone(tree: Tree, tmp_path: Path) -> None:
    worktree = tree.worktree(tmp_path / "w")
    (worktree.path / "mm/a.c").write_text("int edited;\n")
    (worktree.path / "mm/b.c").unlink()
    (worktree.path / "mm/left.o").write_text("x")
    worktree.switch(tree.base)
    assert (worktree.path / "mm/a.c").read_text() == "int a;\n"
    assert names(worktree.path) == sorted(KERNEL)


def test_a_switch_that_was_killed_is_repaired(tree: Tree, changed: str, tmp_path: Path) -> None:
    worktree = tree.worktree(tmp_path / "w")
    # what kill -9 leaves: half of the new files, the old index, its lock, no note of a commit
    (worktree.path / "mm/a.c").write_text("int cha")
    (worktree.state / "index.lock").write_text("")
    (worktree.state / "commit").unlink()
    assert worktree.commit is None
    again = tree.worktree(tmp_path / "w")
    assert again.commit == tree.base
    again.switch(changed)
    assert (worktree.path / "mm/a.c").read_text() == "int changed;\n"


def test_a_first_checkout_that_was_killed_is_repaired(tree: Tree, tmp_path: Path) -> None:
    worktree = Worktree.open(Repository(tree.repo), tmp_path / "w")
    (worktree.path / "mm").mkdir()
    (worktree.path / "mm/a.c").write_text("int")
    (worktree.path / "mm/b.c").mkdir()
    worktree = tree.worktree(tmp_path / "w")
    assert (worktree.path / "mm/a.c").read_text() == "int a;\n"
    assert names(worktree.path) == sorted(KERNEL)


def test_a_torn_index_is_made_anew(tree: Tree, changed: str, tmp_path: Path) -> None:
    worktree = tree.worktree(tmp_path / "w")
    (worktree.state / "index").write_bytes(b"DIRC torn")
    worktree.switch(changed)
    assert (worktree.path / "mm/a.c").read_text() == "int changed;\n"


def test_another_tree_in_the_same_place(tree: Tree, tmp_path: Path) -> None:
    tree.worktree(tmp_path / "w")
    user_repository(tmp_path / "other", {**KERNEL, "mm/c.c": "int c;\n"})
    other = open_tree(str(tmp_path / "other"), tmp_path / "cache").worktree(tmp_path / "w")
    assert names(other.path) == sorted([*KERNEL, "mm/c.c"])


def test_a_folder_of_somebody_else_is_not_touched(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w/diary").write_text("dear")
    with pytest.raises(UserError, match="in the way"):
        tree.worktree(tmp_path / "w")
    assert names(tmp_path / "w") == ["diary"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="in the way"):
        tree.worktree(tmp_path / "file")


def test_a_commit_that_is_not_there(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no commit"):
        tree.worktree(tmp_path / "w").switch("0" * 40)


def test_objects_that_went_missing(tree: Tree, changed: str, tmp_path: Path) -> None:
    worktree = tree.worktree(tmp_path / "w")
    tree_id = Repository(tree.repo).tree_of(changed)
    (tree.repo / "objects" / tree_id[:2] / tree_id[2:]).unlink()
    with pytest.raises(InfraError, match="could not be switched"):
        worktree.switch(changed)
    assert worktree.commit is None


def test_a_full_disk_is_not_the_kernels_fault(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(tree.repo)
    fake = tree.repo.parent / "bin"
    fake.mkdir()
    (fake / "git").write_text("#!/bin/sh\necho 'fatal: write error: No space left on device' >&2\nexit 128\n")
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(fake))
    with pytest.raises(InfraError, match="is full"):
        repository.ask("rev-parse", "HEAD")
    (fake / "git").unlink()
    with pytest.raises(InfraError, match="git is not installed"):
        repository.ask("rev-parse", "HEAD")
