# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile series is data: whatever it says, nothing runs and nothing outside of the worktree changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.source import Repository
from harness.source.series import Applied, open_series, place
from harness.words import UserError
from tests.source.repos import write

from .conftest import Bench
from .mails import change, contents, git, mails

pytestmark = pytest.mark.slow


@pytest.fixture
def outside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder to attack; afterwards it, the user's repository and the current folder are as they were.

    The user's own git configuration defines what attributes would have to name to make git run something.
    """
    home = bench.folder / "home"
    victim = bench.folder / "victim"
    run = f"touch {victim}/ran; cat"
    drivers = "\n".join(
        f'[{kind} "evil"]\n\t{key} = {run}'
        for kind, key in (
            ("filter", "smudge"),
            ("filter", "clean"),
            ("diff", "textconv"),
            ("diff", "command"),
            ("merge", "driver"),
        )
    )
    hooks = f"[core]\n\thooksPath = {home}/hooks\n\tfsmonitor = touch {victim}/ran\n"
    write(home, {".gitconfig": f"{drivers}\n{hooks}", "key": "secret"})
    for name in (
        "post-checkout",
        "applypatch-msg",
        "post-index-change",
        "reference-transaction",
        "post-commit",
    ):
        write(home, {f"hooks/{name}": f"#!/bin/sh\ntouch {victim}/ran\n"})
        (home / f"hooks/{name}").chmod(0o755)
    write(victim, {"file": "untouched\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    working = bench.folder / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    before = contents(victim), contents(bench.repo), contents(home)
    yield victim
    assert (contents(victim), contents(bench.repo), contents(home)) == before
    assert not list(working.iterdir())


def letter(
    diff: str, subject: str = "[PATCH] x", author: str = "Eve <eve@example.org>", text: str = "y"
) -> str:
    return f"From: {author}\nSubject: {subject}\nMessage-ID: <1@x>\n\n{text}\n---\n{diff}-- \n2.39.5\n"


def added(name: str, content: str = "x", mode: str = "100644") -> str:
    end = "\n\\ No newline at end of file\n" if mode == "120000" else "\n"
    head = f"diff --git a/{name} b/{name}\nnew file mode {mode}\n--- /dev/null\n+++ b/{name}\n"
    return f"{head}@@ -0,0 +1 @@\n+{content}{end}"


def put(bench: Bench, *letters: str, name: str = "evil.mbox") -> Applied:
    """Read, apply and check out."""
    applied = place(open_series(str(bench.save(list(letters), name)), bench.tree, bench.cache), bench.tree)
    worktree = applied.tree.worktree(bench.folder / "checkout")
    for prefix in applied.prefixes:
        worktree.switch(prefix.commit)
    return applied


@pytest.mark.parametrize(
    ("diff", "says"),
    [
        (added("../victim/file"), r"invalid path '\.\./victim/file'"),
        (added("../../../../../../../../../../{victim}/new"), "invalid path|inconsistent new filename"),
        (added("/{victim}/new"), "invalid path|inconsistent new filename"),
        (added("mm/../../victim/file"), "invalid path"),
        (added(".git/hooks/post-checkout", mode="100755"), r"invalid path '\.git/hooks/post-checkout'"),
        (added("mm/.git/config"), "invalid path"),
        (added("link", "{victim}", "120000") + added("link/new"), "is beyond a symbolic link"),
        (added("link", "{victim}", "120000"), r"the link 'link' leads out of the tree, to '/.*victim'"),
        (added("mm/link", "../../victim", "120000"), "the link 'mm/link' leads out of the tree"),
        (added("mm/link", "a/../../../victim", "120000"), "leads out of the tree"),
        (added("sub", "Subproject commit " + "1" * 40, "160000"), "it makes a submodule of 'sub'"),
        (added(".gitmodules", '[submodule "x"]'), r"it makes a submodule of '\.gitmodules'"),
        (
            "diff --git a/mm/a.c b/../victim/file\nrename from mm/a.c\nrename to ../victim/file\n",
            r"invalid path|inconsistent|garbage|git diff header",
        ),
        ("diff --git a/x b/x\ncopy from /etc/passwd\ncopy to x\n", "does not apply"),
        ("--- /dev/null\n+++ ../../victim/file\n@@ -0,0 +1 @@\n+x\n", "invalid path"),
        (
            "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,999999999 @@\n+x\n",
            "corrupt patch",
        ),
        ("diff --git a/x b/x\nnew file mode 107777\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n", ""),
        (
            "diff --git a/x b/x\nnew file mode 100644\nindex 0..1\nGIT binary patch\nliteral 9999999999\n",
            "it changes a binary file",
        ),
    ],
)
def test_names_links_and_submodules(bench: Bench, outside: Path, diff: str, says: str) -> None:
    text = letter(diff.replace("{victim}", str(outside)))
    if not says:
        assert put(bench, text).tip.patch is not None
        return
    with pytest.raises(UserError, match=says) as caught:
        put(bench, text)
    assert "\n" not in str(caught.value)


def test_writing_through_a_link_of_an_earlier_patch(bench: Bench, outside: Path) -> None:
    first = letter(added("link", "mm", "120000"), "[PATCH 1/2] link")
    second = letter(added("link/a.c"), "[PATCH 2/2] through").replace("<1@x>", "<2@x>")
    with pytest.raises(UserError, match=r"patch 2/2 .*'link/a.c' is beyond a symbolic link"):
        put(bench, first, second)


def test_a_link_within_the_tree_that_becomes_a_folder(bench: Bench, outside: Path) -> None:
    first = letter(added("mm/link", "../scripts", "120000"), "[PATCH 1/2] link")
    swap = (
        "diff --git a/mm/link b/mm/link\ndeleted file mode 120000\n--- a/mm/link\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-../scripts\n\\ No newline at end of file\n"
    )
    second = letter(swap + added("mm/link/run.sh"), "[PATCH 2/2] folder").replace("<1@x>", "<2@x>")
    applied = put(bench, first, second)
    assert Repository(bench.tree.repo).read(applied.tip.commit, "scripts/run.sh") == b"#!/bin/sh\n"


def test_attributes_run_nothing(bench: Bench, outside: Path) -> None:
    attributes = added(".gitattributes", "* filter=evil diff=evil merge=evil text eol=crlf ident")
    again = letter(added("mm/new.c", "int x;"), "[PATCH 2/2] new").replace("<1@x>", "<2@x>")
    applied = put(bench, letter(attributes, "[PATCH 1/2] attributes"), again)
    assert not applied.contained


def test_attributes_of_a_range_run_nothing(bench: Bench, outside: Path) -> None:
    repo = bench.folder / "theirs"
    git(bench.folder, "clone", "--quiet", "--no-hardlinks", str(bench.repo), str(repo))
    git(repo, "checkout", "--quiet", "-b", "evil", "v6.12")
    change(repo, "attributes", {".gitattributes": "* diff=evil2 filter=evil2\n", "mm/x.c": "int x;\n"})
    with (repo / ".git/config").open("a") as config:
        config.write(
            f'[diff "evil2"]\n\ttextconv = touch {outside}/ran; cat\n\tcommand = touch {outside}/ran\n'
        )
        config.write(
            f'[filter "evil2"]\n\tclean = touch {outside}/ran\n[alias]\n\trev-list = !touch {outside}/ran\n'
        )
        config.write(f"[core]\n\tfsmonitor = touch {outside}/ran\n\tpager = touch {outside}/ran\n")
    series = open_series(f"{repo}@v6.12..evil", bench.tree, bench.cache)
    assert not place(series, bench.tree).contained


@pytest.mark.parametrize(
    "text",
    [
        "$(touch {victim}/ran)",
        "`touch {victim}/ran`",
        "; touch {victim}/ran #",
        "' || touch {victim}/ran '",
        '" && touch {victim}/ran "',
        "--output={victim}/ran",
        "-rf",
        "a..b",
        "|touch {victim}/ran",
        "%(trailers:key=x)%n%s",
        "\x1b]0;owned\x07\x1b[31mred",
        "a\x00b",
        "../../{victim}/ran",
    ],
)
def test_words_that_shells_and_terminals_obey(bench: Bench, outside: Path, text: str) -> None:
    evil = text.replace("{victim}", str(outside))
    name = evil.replace("/", "_").replace("\x00", "").replace('"', "").replace("\x1b", "").replace("\x07", "")
    series_name = f"{name[:60]}.mbox"
    applied = put(
        bench, letter(added(f"mm/{name}"), f"[PATCH] {evil}", f"{evil} <eve@x>", evil), name=series_name
    )
    assert Repository(bench.tree.repo).changed(applied.tree.base, applied.tip.commit) == (f"mm/{name}",)
    series = applied.series
    assert series.title.isprintable()
    assert series.patches[0].author.isprintable()
    assert set(series.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
    assert series.name
    assert ".." not in series.name


def test_a_version_a_base_and_ids_that_are_no_such_things(bench: Bench, outside: Path) -> None:
    text = letter(
        added("x"), "[PATCH v99999999999999999999 1/1] x", text=f"base-commit: --output={outside}/ran"
    )
    evil = text.replace("<1@x>", f"<../../{outside}@$(touch {outside}/ran)>")
    applied = put(bench, evil)
    assert applied.series.base == ""
    assert applied.series.version == 1


def test_a_longer_series_than_there_are(bench: Bench, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.source.series.check.MOST_PATCHES", 2)
    letters = [letter(added(f"x{n}"), f"[PATCH {n}/3] x").replace("<1@x>", f"<{n}@x>") for n in (1, 2, 3)]
    with pytest.raises(UserError, match="3 patches, and more than 2 are no series"):
        put(bench, *letters)


def test_what_looks_like_the_next_mail_in_a_commit_message_is_text(bench: Bench, outside: Path) -> None:
    inner = f">From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: Mallory <m@x>\nSubject: [PATCH] y"
    applied = put(bench, letter(added("x"), text=inner))
    assert len(applied.series.patches) == 1
    assert "Mallory" in applied.series.patches[0].message


def test_the_same_series_twice_is_the_same_commits(bench: Bench, outside: Path) -> None:
    letters = mails(bench.repo, "v6.12..v2")
    one, two = (put(dataclasses.replace(bench), *letters) for _ in range(2))
    assert [prefix.commit for prefix in one.prefixes] == [prefix.commit for prefix in two.prefixes]
