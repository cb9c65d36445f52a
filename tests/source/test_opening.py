# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from harness.source import open_tree
from harness.source.opening import split_spec
from harness.words import InfraError, UserError

from .repos import KERNEL, fingerprint, git, user_repository, write


@pytest.fixture
def user(tmp_path: Path) -> Path:
    user_repository(tmp_path / "linux")
    return tmp_path / "linux"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_ref_of_the_users_repository(user: Path, cache: Path) -> None:
    first = git(user, "rev-parse", "HEAD")
    write(user, {"mm/a.c": "int later;\n"})
    git(user, "commit", "--quiet", "-am", "later")
    tree = open_tree(f"{user}@v6.12", cache)
    assert (tree.base, tree.version) == (first, "6.12.7-rc1")
    assert tree.source_id == git(user, "rev-parse", f"{first}^{{tree}}")
    assert open_tree(str(user), cache).base == git(user, "rev-parse", "HEAD")
    assert (tree.worktree(cache / "w").path / "mm/a.c").read_text() == "int a;\n"


def test_the_users_repository_is_left_exactly_as_it_was(user: Path, cache: Path) -> None:
    write(user, {"mm/a.c": "int staged;\n"})
    git(user, "add", "mm/a.c")
    write(user, {"mm/b.c": "int stashed;\n"})
    git(user, "stash", "push", "--quiet", "mm/b.c")
    write(user, {"mm/b.c": "int dirty;\n", "untracked": "x"})
    before = fingerprint(user)
    tree = open_tree(f"{user}@main", cache)
    worktree = tree.worktree(cache / "w")
    worktree.switch(tree.base)
    assert fingerprint(user) == before
    assert not (user / ".git/worktrees").exists()


def test_bare_linked_and_symlinked_repositories(user: Path, cache: Path, tmp_path: Path) -> None:
    first = git(user, "rev-parse", "v6.12")
    git(tmp_path, "clone", "--quiet", "--bare", str(user), "bare.git")
    assert open_tree(f"{tmp_path}/bare.git@v6.12", cache).base == first
    git(user, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert open_tree(str(tmp_path / "linked"), cache).base == first
    (tmp_path / "link").symlink_to(user)
    assert open_tree(f"{tmp_path}/link@v6.12", cache).base == first


def test_refs_and_paths_with_an_at_sign(user: Path, cache: Path, tmp_path: Path) -> None:
    odd = tmp_path / "me@home"
    first = user_repository(odd)
    assert open_tree(f"{odd}@main@{{0}}", cache).base == first
    assert split_spec(f"{odd}@HEAD@{{1}}") == (odd, "HEAD@{1}")
    assert split_spec(str(odd)) == (odd, None)


def test_the_home_folder_expands(user: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(user.parent))
    assert open_tree("~/linux@v6.12", cache).base == git(user, "rev-parse", "v6.12")


def test_a_repository_of_somebody_else(user: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    tree = open_tree(f"{user}@v6.12", cache)
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    assert tree.base == git(user, "rev-parse", "v6.12")


def test_settings_of_the_caller_do_not_leak_in(
    user: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = git(user, "rev-parse", "v6.12")
    user_repository(tmp_path / "other", {**KERNEL, "mm/a.c": "int other;\n"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    tree = open_tree(f"{user}@v6.12", cache)
    assert tree.base == first
    assert (tree.worktree(cache / "w").path / "mm/a.c").read_text() == "int a;\n"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{tmp}/nothing", "is not there"),
        ("{tmp}/nothing@v1", "is not there"),
        ("", "is not there"),
        ("{tmp}/linux@v9.9", "no commit called 'v9.9'"),
        ("{tmp}/linux@--all", "no commit called '--all'"),
        ("{tmp}/plain@v1", "is no git repository"),
        ("{tmp}/plain", "has no Makefile"),
        ("{tmp}/linux@notkernel", "is no kernel source"),
        ("{tmp}/makefile", "is no kernel source"),
        ("debian:trixie", "debian:6.12"),
    ],
)
def test_bad_trees_are_the_users_mistakes(
    user: Path, cache: Path, tmp_path: Path, spec: str, says: str
) -> None:
    (tmp_path / "plain").mkdir()
    write(tmp_path / "makefile", {"Makefile": "all:\n"})
    write(user, {"Makefile": "all:\n"})
    git(user, "checkout", "--quiet", "-b", "notkernel")
    git(user, "commit", "--quiet", "-am", "no kernel")
    with pytest.raises(UserError, match=says):
        open_tree(spec.format(tmp=tmp_path), cache)


def test_an_empty_repository_has_no_head(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(UserError, match="no commit called 'HEAD'"):
        open_tree(str(tmp_path / "empty"), cache)


def test_a_cache_that_cannot_be_written(user: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfraError, match="could not be prepared"):
        open_tree(str(user), tmp_path / "file")


def test_an_unpacked_folder_is_keyed_by_content(cache: Path, tmp_path: Path) -> None:
    artefacts = {
        "mm/a.o": "x",
        ".config": "x",
        "include/generated/x.h": "x",
        "vmlinux": "x",
        "mm/.a.o.d": "x",
    }
    ignored = {".gitignore": "kept.c\n", "mm/kept.c": "int kept;\n", "tools/include/generated/y.h": "\n"}
    write(tmp_path / "one", KERNEL | ignored | artefacts)
    write(tmp_path / "two", KERNEL | ignored)
    (tmp_path / "one/scripts/run.sh").chmod(0o755)
    (tmp_path / "two/scripts/run.sh").chmod(0o755)
    one, two = (open_tree(str(tmp_path / name), cache) for name in ("one", "two"))
    assert (one.base, one.source_id) == (two.base, two.source_id)
    files = git(one.repo, "ls-tree", "-r", "--name-only", one.base).split()
    assert sorted(files) == sorted(KERNEL | ignored)
    assert git(one.repo, "ls-tree", one.base, "scripts/run.sh").startswith("100755")
    assert not (tmp_path / "one/.git").exists()
    write(tmp_path / "one", {"mm/a.c": "int changed;\n"})
    (tmp_path / "one/mm/b.c").unlink()
    changed = open_tree(str(tmp_path / "one"), cache)
    assert changed.source_id != one.source_id
    assert git(changed.repo, "diff", "--name-status", one.base, changed.base).split() == [
        "M", "mm/a.c", "D", "mm/b.c",
    ]  # fmt: skip


def test_a_folder_whose_last_import_was_killed(cache: Path, tmp_path: Path) -> None:
    write(tmp_path / "one", KERNEL)
    first = open_tree(str(tmp_path / "one"), cache)
    (first.repo / "folder-index.lock").write_text("")
    (first.repo / "folder-index").write_bytes(b"torn")
    assert open_tree(str(tmp_path / "one"), cache).base == first.base
