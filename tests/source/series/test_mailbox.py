# SPDX-License-Identifier: GPL-2.0-or-later
"""Mailboxes: which mails are the series, and what the mails say however they were sent."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import re
from pathlib import Path

import pytest

from harness.source.series import Origin, Series
from harness.words import UserError

from .conftest import Bench
from .mails import AUTHOR, answer, change, encoded, git, identity, mails, mbox, replying_to

SUBJECTS = ["mm: change a", "mm: change b", "mm: add c"]


def test_a_thread_with_cover_letter_and_replies(bench: Bench) -> None:
    thread = [*bench.v2, *map(answer, bench.v2), answer(bench.v2[2], "inline")]
    series = bench.open(bench.save(thread, "percpu v2.mbox"))
    assert [patch.subject for patch in series.patches] == SUBJECTS
    assert (series.version, series.name, series.title) == (2, "percpu-v2", "mm: the series, v2")
    assert series.cover.startswith("Blurb of mm: the series, v2.")
    assert series.patches[0].author == AUTHOR
    assert series.patches[0].message == "Because a is wrong."
    assert series.patches[1].message_id == identity(bench.v2[2])
    assert len({patch.patch_id for patch in series.patches}) == 3
    assert series.origin is Origin.MAIL
    assert series.foreign


def test_the_same_series_by_any_mailer(bench: Bench) -> None:
    plain = bench.open(bench.save(bench.v2))
    for name, letters in {
        "crlf": [letter.replace("\n", "\r\n") for letter in bench.v2],
        "quoted-printable": [encoded(letter, "quoted-printable") for letter in bench.v2],
        "base64": [encoded(letter, "base64") for letter in bench.v2],
        "shuffled": [bench.v2[3], bench.v2[1], bench.v2[0], bench.v2[2]],
        "twice": [*bench.v2, *bench.v2],
    }.items():
        other = bench.open(bench.save(letters, "thread.mbox"))
        assert _told(other) == _told(plain), name
        assert "\r" not in other.cover
        assert other.identity == plain.identity


def test_gzipped(bench: Bench) -> None:
    path = bench.folder / "t.mbox.gz"
    path.write_bytes(gzip.compress(mbox(bench.v2)))
    assert bench.open(path).name == "t"
    assert len(bench.open(path).patches) == 3
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="is damaged, it cannot be unpacked"):
        bench.open(path)


def test_a_gzip_that_unpacks_without_end_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.source.series.mbox._MOST_BYTES", 1 << 20)
    path = bench.folder / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(2 << 20)))
    with pytest.raises(UserError, match="more than 1 MiB"):
        bench.open(path)


def test_two_versions_are_told_apart_and_never_mixed(bench: Bench) -> None:
    path = bench.save([*bench.v2, *(replying_to(letter, bench.v2[0]) for letter in bench.v3)])
    for version in (2, 3):
        assert bench.open(f"{path}@v{version}").version == version
    with pytest.raises(
        UserError, match=r"several versions.*@vN.*v2 \(3 patches: 'mm: the series, v2'\), v3 \(3"
    ):
        bench.open(path)
    with pytest.raises(UserError, match=r"holds no v4: there is v2 .*, v3 "):
        bench.open(f"{path}@v4")
    some = bench.save([*bench.v2[:3], bench.v3[3]], "some.mbox")
    with pytest.raises(UserError, match="several versions"):
        bench.open(some)
    with pytest.raises(UserError, match=r"v3 in .* lacks patch 1/3, 2/3"):
        bench.open(f"{some}@v3")


def test_a_reroll_of_a_single_patch(bench: Bench) -> None:
    again = replying_to(bench.v3[2], bench.v2[2])
    path = bench.save([*bench.v2, again])
    v2, v3 = bench.open(f"{path}@v2"), bench.open(path)
    assert [a.patch_id == b.patch_id for a, b in zip(v2.patches, v3.patches, strict=True)] == [
        True,
        False,
        True,
    ]
    assert (v2.version, v3.version) == (2, 3)
    assert v3.notes == ("patch 2 is the re-roll '[PATCH v3 2/3] mm: change b'",)
    assert dataclasses.replace(bench.open(f"{path}@v3"), spec=v3.spec) == v3


def test_a_reroll_without_a_number_takes_the_place_of_what_it_answers(bench: Bench) -> None:
    alone = re.sub(r"\[PATCH v3 2/3\]", "[PATCH v3]", replying_to(bench.v3[2], bench.v2[2]))
    series = bench.open(bench.save([*bench.v2, alone]))
    assert series.patches[1].message_id == identity(bench.v3[2])
    assert len(series.patches) == 3


def test_a_missing_patch_is_named(bench: Bench) -> None:
    with pytest.raises(UserError, match=r"v2 in .* lacks patch 2/3: fetch the whole thread"):
        bench.open(bench.save([bench.v2[0], bench.v2[1], bench.v2[3]]))


def test_two_series_of_one_version_are_refused(bench: Bench) -> None:
    other = [re.sub(r"PATCH v3", "PATCH v2", letter) for letter in bench.v3]
    with pytest.raises(UserError, match=r"mixes two series: v2 has two different patches 2/3"):
        bench.open(bench.save([*bench.v2, *other]))
    shorter = [letter.replace("/3]", "/2]") for letter in other[1:3]]
    with pytest.raises(UserError, match=r"mixes two series: v2 has patches of 3 and '\[PATCH v2 1/2\]"):
        bench.open(bench.save([*bench.v2, *shorter]))


def test_patches_without_numbers(bench: Bench) -> None:
    letters = mails(bench.repo, "v6.12..v2", 1, "", "--no-numbered")
    assert len(bench.open(bench.save(letters)).patches) == 3
    assert len(bench.open(bench.save(letters[:1])).patches) == 1
    keep = [re.sub(r"^Subject: \[PATCH\] ", "Subject: ", letter, flags=re.M) for letter in letters]
    assert [patch.subject for patch in bench.open(bench.save(keep)).patches] == SUBJECTS
    theirs = letters[1].replace("zoe@example.org", "eve@example.org")
    with pytest.raises(UserError, match="patches of several people"):
        bench.open(bench.save([letters[0], theirs]))
    mine = bench.open(bench.save([*bench.v2, theirs.replace("[PATCH]", "[PATCH v2]")]))
    assert mine.notes == ("left out, because v2 is numbered: '[PATCH v2] mm: change b'",)


def test_who_sent_it_is_not_who_wrote_it(bench: Bench) -> None:
    letter = mails(bench.repo, "v6.12..v2~2", 1, "", "--from=Bob <bob@example.org>")[0]
    assert letter.partition("\n\n")[2].startswith("From: Zo")
    series = bench.open(bench.save([letter]))
    assert series.patches[0].author == AUTHOR
    assert "From:" not in series.patches[0].message


def test_format_flowed(bench: Bench) -> None:
    head, _, body = bench.v2[1].partition("\n\n")
    stuffed = "".join(f" {line}" if line[:1] in " >" else line for line in body.splitlines(keepends=True))
    flowed = f"{head}\nContent-Type: text/plain; charset=UTF-8; format=flowed\n\n{stuffed}"
    alone = [bench.open(bench.save([text.replace("1/3", "1/1")])) for text in (bench.v2[1], flowed)]
    assert alone[0].identity == alone[1].identity
    assert _told(alone[0]) == _told(alone[1])


def test_a_base_commit_is_found_in_cover_or_patch(bench: Bench) -> None:
    base = git(bench.repo, "rev-parse", "v6.12")
    for cover in ("the cover", ""):
        letters = mails(bench.repo, "v6.12..v2", 1, cover, "--base=v6.12")
        assert bench.open(bench.save(letters)).base == base
    assert not bench.open(bench.save(bench.v2)).base


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither a mail nor a diff"),
        (b"Dear all,\n\nhello\n", "neither a mail nor a diff"),
        (b"\xff\xfe\0\0" * 50, "neither a mail nor a diff"),
        (b"From: a@b\nSubject: [PATCH] nothing\n\nno diff\n", "none brings a diff"),
        (b"From: a@b\nSubject: Re: [PATCH] x\n\ndiff --git a/x b/x\n", "none brings a diff"),
        (b"From: a@b\nSubject: [PATCH] x\n\n---\ndiff --git a/x b/x\n", "git finds no change in it"),
    ],
)
def test_text_that_is_no_series(bench: Bench, data: bytes, says: str) -> None:
    path = bench.folder / "odd"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says):
        bench.open(path)


def test_a_bare_diff_is_a_series_of_one(bench: Bench) -> None:
    path = bench.folder / "fix.diff"
    path.write_text(git(bench.repo, "diff", "v6.12", "v2~2") + "\n")
    series = bench.open(path)
    assert (series.name, series.title) == ("fix", "fix.diff")
    assert series.patches[0].patch_id == bench.open(bench.save(bench.v2)).patches[0].patch_id
    with pytest.raises(UserError, match="say nothing of versions"):
        bench.open(f"{path}@v2")


def test_binary_patches_are_refused(bench: Bench) -> None:
    repo = bench.folder / "binary"
    git(bench.folder, "init", "--quiet", str(repo))
    change(repo, "first", {"README": "text\n"})
    (repo / "logo").write_bytes(bytes(range(256)))
    change(repo, "logo", {})
    for option in ("--binary", "--no-binary"):
        letters = mails(repo, "HEAD~1..HEAD", 1, "", option)
        with pytest.raises(UserError, match=r"patch 1/1 \('logo'\): it changes a binary file"):
            bench.open(bench.save(letters))


def test_a_character_set_that_nobody_knows(bench: Bench) -> None:
    letter = mails(bench.repo, "v6.12..v2~2")[0].replace("charset=UTF-8", "charset=klingon")
    assert bench.open(bench.save([letter])).patches[0].diff


def test_too_many_mails(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "many.mbox"
    path.write_bytes(b"From: a@b\n\n" + b"From a@b Mon Sep 17 00:00:00 2001\n\n" * 6000)
    with pytest.raises(UserError, match="more than 5000 mails"):
        bench.open(path)


def _told(series: Series) -> list[tuple[str, ...]]:
    return [(patch.subject, patch.author, patch.message, patch.message_id) for patch in series.patches]


def test_a_patch_as_an_attachment(bench: Bench) -> None:
    head, _, body = bench.v2[1].replace("1/3", "1/1").partition("\n\n")
    head = re.sub(r"\n(?:Content-|MIME-).*", "", head)
    message, diff = body.split("---\n", 1)
    parts = (
        f'{head}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n'
        "Content-Type: text/plain\n\n"
        f"{message}---\n--b\nContent-Type: text/x-patch\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.encodebytes(diff.encode()).decode()}\n--b--\n"
    )
    plain = bench.open(bench.save([bench.v2[1].replace("1/3", "1/1")]))
    assert bench.open(bench.save([parts])).identity == plain.identity
