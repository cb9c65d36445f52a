# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders, quilt series, ranges of git and lore: what a user may write for a series."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.source import open_tree
from harness.source.series import Origin, Series, open_series
from harness.source.series.lore import message_id
from harness.words import InfraError, UserError
from tests.source.repos import fingerprint, write

from .conftest import Bench
from .mails import change, git, identity, mbox

SUBJECTS = ["mm: change a", "mm: change b", "mm: add c"]


def subjects(series: Series) -> list[str]:
    return [patch.subject for patch in series.patches]


@pytest.fixture
def plain(bench: Bench) -> Series:
    return bench.open(bench.save(bench.v2))


def test_a_folder_of_format_patch(bench: Bench, plain: Series) -> None:
    home = bench.folder / "out"
    git(bench.repo, "format-patch", "--quiet", "-v2", "--cover-letter", f"-o{home}", "v6.12..v2")
    series = bench.open(home)
    assert subjects(series) == SUBJECTS
    assert (series.identity, series.version, series.name) == (plain.identity, 2, "out")
    assert series.origin is Origin.FOLDER
    git(bench.repo, "format-patch", "--quiet", "-v3", f"-o{home}", "v6.12..v3")
    with pytest.raises(UserError, match="several versions"):
        bench.open(home)
    assert bench.open(f"{home}@v3").version == 3
    write(home, {"zz.patch": "--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-one\n+two\n"})
    with pytest.raises(UserError, match=r"holds mails \(.*\) beside bare diffs"):
        bench.open(home)


def test_a_maildir(bench: Bench, plain: Series) -> None:
    for place in ("cur", "new", "tmp"):
        (bench.folder / "maildir" / place).mkdir(parents=True)
    for number, letter in enumerate(bench.v2):
        place = "cur" if number % 2 else "new"
        (bench.folder / f"maildir/{place}/{9 - number}:2,S").write_text(letter)
    assert bench.open(bench.folder / "maildir").identity == plain.identity


def test_a_quilt_series(bench: Bench, plain: Series) -> None:
    home = bench.folder / "debian/patches"
    diffs = [git(bench.repo, "diff", f"v2~{3 - number}", f"v2~{2 - number}") for number in range(3)]
    bare = "\n".join(line for line in diffs[1].splitlines() if not line.startswith(("diff ", "index ")))
    stripped = bare.replace("--- a/", "--- ").replace("+++ b/", "+++ ")
    write(
        home,
        {
            "series": "# the patches\n\nbugs/first.patch   # fixes a\nsecond.patch -p0\nthird.patch -p1\n",
            "bugs/first.patch": bench.v2[1],
            "second.patch": f"Description: change b\n of the tree\n---\n{stripped}\n",
            "third.patch": f"adds c\n\n{diffs[2]}\n",
            "unused.patch": "no patch\n",
        },
    )
    series = bench.open(home)
    assert subjects(series) == ["mm: change a", "change b", "third.patch"]
    assert [patch.strip for patch in series.patches] == [1, 0, 1]
    assert series.identity == plain.identity
    assert series.patches[2].message == "adds c"
    assert bench.open(home.parent).identity == plain.identity


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("gone.patch", "there is no such file"),
        ("../../etc/passwd", "is outside of the folder"),
        ("/etc/passwd", "is outside of the folder"),
        ("link.patch", "is outside of the folder"),
        ("first.patch -R", "has the option '-R'"),
        ("notes", "holds no diff"),
        ("both.mbox", "holds 2 mails with patches"),
        ("", "names no patch"),
    ],
)
def test_a_quilt_series_that_is_wrong(bench: Bench, line: str, says: str) -> None:
    home = bench.folder / "patches"
    write(home, {"series": line + "\n", "first.patch": bench.v2[1], "notes": "hello\n"})
    (home / "both.mbox").write_bytes(mbox(bench.v2[1:3]))
    (home / "link.patch").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match=says):
        bench.open(home)


def test_bare_diffs_in_a_folder_go_by_name(bench: Bench, plain: Series) -> None:
    for number in range(3):
        diff = git(bench.repo, "diff", f"v2~{3 - number}", f"v2~{2 - number}")
        write(bench.folder / "diffs", {f"{number}.diff": diff + "\n"})
    assert bench.open(bench.folder / "diffs").identity == plain.identity


def test_a_folder_without_patches(bench: Bench) -> None:
    (bench.folder / "empty").mkdir()
    with pytest.raises(UserError, match="neither a file 'series' nor any"):
        bench.open(bench.folder / "empty")


def test_ranges_and_refs(bench: Bench, plain: Series) -> None:
    base = git(bench.repo, "rev-parse", "v6.12")
    for spec in (f"{bench.repo}@v6.12..v2", f"{bench.repo}@v2", "v6.12..v2", "v2"):
        series = bench.open(spec)
        assert subjects(series) == SUBJECTS
        assert series.identity == plain.identity
        assert (series.name, series.base, series.origin) == ("v2", base, Origin.GIT)
        assert not series.foreign
    assert subjects(bench.open(f"{bench.repo}@v2~1..v2")) == SUBJECTS[2:]


def test_the_users_repository_is_only_read(bench: Bench) -> None:
    before = fingerprint(bench.repo)
    bench.open(f"{bench.repo}@v6.12..v2")
    bench.open("v3")
    assert fingerprint(bench.repo) == before


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{repo}@v2..v6.12", "holds no commit"),
        ("{repo}@v6.12...v2", "write A..B"),
        ("{repo}@v6.12..merged", "holds the merge"),
        ("{repo}@v6.12..nothing", "no commit called 'nothing'"),
        ("{repo}@--all..v2", "no commit called '--all'"),
        ("{repo}@alone", "no history in common"),
        ("{tmp}/nothing", "is no series"),
        ("nonsense", "is no series"),
        ("https://example.org/nothing/", "is no series"),
        ("/dev/null", "is no file to read"),
    ],
)
def test_what_is_no_series(bench: Bench, spec: str, says: str) -> None:
    repo = bench.folder / "own"
    git(bench.folder, "clone", "--quiet", str(bench.repo), str(repo))
    git(repo, "checkout", "--quiet", "-b", "merged", "v6.12")
    for name in ("v2", "v3"):
        git(repo, "branch", name, f"origin/{name}")
    git(repo, "merge", "--quiet", "--no-ff", "-m", "merge", "v2")
    git(repo, "checkout", "--quiet", "--orphan", "alone")
    change(repo, "alone", {"alone": "x\n"})
    with pytest.raises(UserError, match=says):
        bench.open(spec.format(repo=repo, tmp=bench.folder))


def test_a_range_that_is_no_series(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.source.series.gitrange.MOST_PATCHES", 2)
    with pytest.raises(UserError, match="holds 3 commits, and more than 2 are no series"):
        bench.open(f"{bench.repo}@v6.12..v2")


def test_a_range_for_a_tree_of_somebody_else(bench: Bench, plain: Series, tmp_path: Path) -> None:
    (tmp_path / "unpacked/mm").mkdir(parents=True)
    (tmp_path / "unpacked/Makefile").write_text((bench.repo / "Makefile").read_text())
    tree = open_tree(str(tmp_path / "unpacked"), bench.cache)
    assert open_series(f"{bench.repo}@v6.12..v2", tree, bench.cache).identity == plain.identity
    with pytest.raises(UserError, match="is no series"):
        open_series("v6.12..v2", tree, bench.cache)


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        ("20260501.1234-1-zoe@example.org", "20260501.1234-1-zoe@example.org"),
        ("<a@b>", "a@b"),
        ("https://lore.kernel.org/linux-mm/a@b/", "a@b"),
        ("https://lore.kernel.org/all/a%40b/T/#u", "a@b"),
        ("https://lore.kernel.org/r/a@b/t.mbox.gz", "a@b"),
        ("https://lore.kernel.org/linux-mm/", None),
        ("-v@b", None),
        ("HEAD@{1}", None),
        ("a b@c", None),
    ],
)
def test_what_names_a_message(spec: str, identity: str | None) -> None:
    assert message_id(spec) == identity


def fake_b4(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    write(folder / "bin", {"b4": f"#!/bin/sh\n{script}\n"})
    (folder / "bin/b4").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


def test_a_thread_from_lore(bench: Bench, plain: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.save([*bench.v2, *bench.v3], "both.mbox")
    fake_b4(bench.folder, monkeypatch, f'echo "$@" > {bench.folder}/asked; cp {path} thread.mbox')
    name = identity(bench.v2[0])
    series = bench.open(f"https://lore.kernel.org/linux-mm/{name}/@v2")
    assert series.identity == plain.identity
    assert (series.origin, series.foreign) == (Origin.LORE, True)
    asked = (bench.folder / "asked").read_text().split()
    assert (asked[0], asked[-1]) == ("mbox", name)
    assert "--check-newer-revisions" in asked
    with pytest.raises(UserError, match="several versions"):
        bench.open(name)


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        ("echo 'ConnectionError: no name' >&2; exit 1", InfraError, r"by b4 \(ConnectionError: no name\)"),
        ("echo 'That message-id is not known.'; exit 1", UserError, "has no such message"),
        ("true", UserError, "has no thread with the message a@b"),
    ],
)
def test_what_b4_cannot_fetch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str, error: type[Exception], says: str
) -> None:
    fake_b4(bench.folder, monkeypatch, script)
    with pytest.raises(error, match=says):
        bench.open("a@b")


def test_without_b4(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.folder / "bin").mkdir()
    (bench.folder / "bin/git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(bench.folder / "bin"))
    with pytest.raises(InfraError, match="b4, which is missing: install the package 'b4'"):
        bench.open("a@b")
