# SPDX-License-Identifier: GPL-2.0-or-later
"""A series on a tree: commits, bases, what does not apply, and what two series differ in."""

from __future__ import annotations

import dataclasses
import re

import pytest

from harness.source import Repository, Tree, open_tree
from harness.source.series import Applied, Relation, Series, apply_series, place, range_diff
from harness.words import UserError

from .conftest import Bench, edited
from .mails import AUTHOR, change, contents, git, mails


@pytest.fixture
def v2(bench: Bench) -> Series:
    return bench.open(bench.save(bench.v2, "v2.mbox"))


@pytest.fixture
def v3(bench: Bench) -> Series:
    return bench.open(bench.save(bench.v3, "v3.mbox"))


@pytest.fixture
def own(bench: Bench) -> Bench:
    """Return a bench whose repository this test may change."""
    git(bench.folder, "clone", "--quiet", str(bench.repo), "own")
    repo = bench.folder / "own"
    return dataclasses.replace(bench, repo=repo, tree=open_tree(f"{repo}@v6.12", bench.cache))


def read(applied: Applied, number: int, name: str) -> bytes | None:
    return Repository(applied.tree.repo).read(applied.prefixes[number].commit, name)


def test_every_prefix_is_a_commit(bench: Bench, v2: Series) -> None:
    before = contents(bench.repo)
    applied = apply_series(v2, bench.tree)
    assert contents(bench.repo) == before
    assert [prefix.patch for prefix in applied.prefixes] == [None, *v2.patches]
    assert applied.prefixes[0].source_id == bench.tree.source_id
    for number in (1, 2, 3):
        expected = git(bench.repo, "rev-parse", f"v2~{3 - number}^{{tree}}")
        assert applied.prefixes[number].source_id == expected
    assert not applied.contained
    repository = Repository(bench.tree.repo)
    told = repository.ask("show", "-s", "--format=%an <%ae>%n%cn%n%ct%n%ad%n%B", applied.prefixes[1].commit)
    author, committer, seconds, date, *text = told.splitlines()
    assert (author, committer, seconds) == (AUTHOR, "percpu-harness", "1000000000")
    assert date == git(bench.repo, "show", "-s", "--format=%ad", "v2~2")
    assert text == ["mm: change a", "", "Because a is wrong."]


def test_equal_input_gives_equal_commits(bench: Bench, v2: Series) -> None:
    shuffled = bench.open(bench.save(bench.v2[::-1], "again.mbox"))
    assert apply_series(v2, bench.tree).tip.commit == apply_series(shuffled, bench.tree).tip.commit


def test_modes_renames_and_removals(own: Bench) -> None:
    git(own.repo, "checkout", "--quiet", "-b", "moves", "v6.12")
    git(own.repo, "mv", "mm/a.c", "mm/moved.c")
    (own.repo / "scripts/run.sh").chmod(0o755)
    git(own.repo, "rm", "--quiet", "mm/b.c")
    (own.repo / "mm/link.c").symlink_to("moved.c")
    change(own.repo, "move", {"a name with 'quotes' and $(spaces)": "x\n"})
    series = own.open(own.save(mails(own.repo, "v6.12..moves")))
    expected = git(own.repo, "rev-parse", "moves^{tree}")
    assert apply_series(series, own.tree).tip.source_id == expected
    assert apply_series(own.open("moves"), own.tree).tip.source_id == expected


def test_files_with_cr_lf_keep_them(own: Bench) -> None:
    git(own.repo, "checkout", "--quiet", "-b", "crlf", "v6.12")
    (own.repo / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    change(own.repo, "dos", {})
    (own.repo / "dos.txt").write_bytes(b"one\r\n2\r\n")
    change(own.repo, "dos 2", {})
    series = own.open(own.save(mails(own.repo, "v6.12..crlf")))
    assert apply_series(series, own.tree).tip.source_id == git(own.repo, "rev-parse", "crlf^{tree}")


def test_a_patch_that_does_not_apply_is_named_with_its_hunk(bench: Bench, v2: Series) -> None:
    wrong = [letter.replace("int line19;", "int line119;") for letter in bench.v2]
    series = bench.open(bench.save(wrong))
    says = (
        r"thread.mbox, patch 2/3 \('mm: change b'\) does not apply to .*@v6.12 \(.*\): "
        r"mm/b.c, hunk 1, @@ -18,7 \+18,7 @@ int line16;$"
    )
    with pytest.raises(UserError, match=says) as caught:
        apply_series(series, bench.tree)
    assert "\n" not in str(caught.value)
    gone = bench.open(bench.save([letter.replace("mm/a.c", "mm/gone.c") for letter in bench.v2]))
    with pytest.raises(
        UserError, match=r"patch 1/3 .* does not apply to .*: mm/gone.c: does not exist in index"
    ):
        apply_series(gone, bench.tree)
    short = bench.open(bench.save([re.sub(r"\n int line13;\n", "\n", letter) for letter in bench.v2]))
    with pytest.raises(UserError, match=r"patch 1/3 .* does not apply to .*: corrupt patch at line \d+"):
        apply_series(short, bench.tree)


def test_a_tree_that_moved_on_is_merged_by_the_blobs_that_the_patch_names(own: Bench, v2: Series) -> None:
    git(own.repo, "checkout", "--quiet", "-b", "moved", "v6.12")
    text = edited(11, "int eleven;\n").replace("int line9;\n", "int nine;\n")
    change(own.repo, "closer than the context", {"mm/a.c": text})
    tree = open_tree(f"{own.repo}@moved", own.cache)
    with pytest.raises(UserError, match=r"mm/a.c, hunk 1"):
        apply_series(v2, tree)  # a conflict: the lines touch
    far = edited(13, "int thirteen;\n")
    change(own.repo, "in the context", {"mm/a.c": far})
    applied = apply_series(v2, open_tree(f"{own.repo}@moved", own.cache))
    assert read(applied, 1, "mm/a.c") == far.replace("int line10;", "int first;").encode()


def test_what_the_tree_contains_is_said(bench: Bench, v2: Series) -> None:
    applied = apply_series(v2, open_tree(f"{bench.repo}@v2~1", bench.cache))
    assert [prefix.contained for prefix in applied.prefixes] == [False, True, True, False]
    assert applied.prefixes[2].commit == applied.prefixes[0].commit
    said: list[str] = []
    whole = place(v2, open_tree(f"{bench.repo}@v2", bench.cache), said.append)
    assert whole.contained
    assert said[-1].endswith(f"already contains {v2.spec}")


def test_what_a_tree_without_the_blobs_contains_is_said_too(bench: Bench, v2: Series) -> None:
    folder = bench.folder / "unpacked"
    for name in ("Makefile", "mm/a.c", "mm/b.c", "mm/c.c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(git(bench.repo, "show", f"v2:{name}") + "\nint more;\n")
    tree = open_tree(str(folder), bench.folder / "cache")
    with pytest.raises(UserError, match=r"patch 3/3 .*mm/c.c: already exists in index"):
        apply_series(v2, tree)
    first_two = dataclasses.replace(v2, patches=v2.patches[:2])
    assert apply_series(first_two, tree).contained


def test_the_base_that_the_series_names(own: Bench) -> None:
    base = git(own.repo, "rev-parse", "v6.12")
    git(own.repo, "checkout", "--quiet", "-b", "later", "v6.12")
    change(own.repo, "later", {"mm/a.c": "int other;\n"})
    tree = open_tree(f"{own.repo}@later", own.cache)
    named = own.open(own.save(mails(own.repo, "v6.12..origin/v2", 1, "", "--base=v6.12")))
    applied = place(named, tree)
    assert (applied.tree.base, applied.because) == (base, "the series names it as its base")
    assert applied.tree.name == f"{base[:12]}, the base of {named.name}"
    lost = dataclasses.replace(named, base="1234567890ab")
    here = place(lost, own.tree)
    assert here.tree == own.tree
    assert "does not have the base 1234567890ab that the series names" in here.because


def test_the_newest_ref_that_it_applies_to(own: Bench, v2: Series) -> None:
    git(own.repo, "checkout", "--quiet", "-b", "later", "v6.12")
    change(own.repo, "later", {"mm/a.c": "int other;\n"})
    tree = open_tree(f"{own.repo}@later", own.cache)
    said: list[str] = []
    applied = place(v2, tree, said.append)
    assert not applied.contained  # by the branch v2, say, which is as new
    assert "the newest ref that the series applies to; it does not apply to" in applied.because
    assert applied.because in said[0]
    nowhere = own.open(own.save([letter.replace("line9;", "line99;") for letter in own.v2]))
    with pytest.raises(UserError, match=r"does not apply to .*@later .*mm/a.c, hunk 1"):
        place(nowhere, tree)


def chain(applied: Applied) -> list[str]:
    return [prefix.commit for prefix in applied.prefixes]


def test_what_two_series_differ_in(bench: Bench, v2: Series, v3: Series) -> None:
    shorter = dataclasses.replace(v3, patches=v3.patches[:2])
    repository = Repository(bench.tree.repo)
    first, second = (chain(apply_series(series, bench.tree)) for series in (v2, shorter))
    pairs = range_diff(repository, first, second)
    relations = {(pair.a, pair.b): pair.relation for pair in pairs}
    assert relations[1, 1] is Relation.EQUAL
    assert relations[3, None] is Relation.ONLY_A
    backwards = range_diff(repository, second, first)
    assert (None, 3) in {(pair.a, pair.b) for pair in backwards}


def test_a_changed_patch_is_shown_as_the_difference_of_diffs(own: Bench) -> None:
    git(own.repo, "checkout", "--quiet", "-b", "long", "v6.12")
    lines = [f"int new{number};\n" for number in range(20)]
    change(
        own.repo, "mm: long\n\n1:  0123456 = 1:  0123456 mm: fooled", {"mm/b.c": edited(5, "".join(lines))}
    )
    one = apply_series(own.open("long"), own.tree)
    git(own.repo, "checkout", "--quiet", "-b", "longer", "v6.12")
    lines[7] = "long new7;\n"
    change(
        own.repo, "mm: long\n\n1:  0123456 = 1:  0123456 mm: fooled", {"mm/b.c": edited(5, "".join(lines))}
    )
    other = apply_series(own.open("longer"), own.tree)
    (pair,) = range_diff(Repository(own.tree.repo), chain(one), chain(other))
    assert (pair.relation, pair.a, pair.b, pair.subject) == (Relation.CHANGED, 1, 1, "mm: long")
    assert "-+int new7;" in pair.text
    assert "++long new7;" in pair.text


def test_a_tree_is_a_tree(bench: Bench, v2: Series) -> None:
    applied = place(v2, bench.tree)
    assert isinstance(applied.tree, Tree)
    worktree = applied.tree.worktree(bench.folder / "w")
    worktree.switch(applied.tip.commit)
    assert (worktree.path / "mm/c.c").read_text() == "int c = 'ü';\n"
