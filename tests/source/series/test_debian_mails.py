# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails made of real commits on Debian's source, bent as mailers bend them: the same sources come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import cache_folder
from harness.source import Repository
from harness.source.series import open_series
from harness.variants import Candidate, candidates
from harness.words import UserError

from .debian import Sent, sent
from .mails import answer, encoded, mbox

pytestmark = pytest.mark.network


@pytest.fixture(scope="module", params=["6.12", "7.2"])
def series(request: pytest.FixtureRequest) -> Sent:
    return sent(request.param)


def read(series: Sent, folder: Path, data: bytes, choice: str = "") -> Candidate:
    path = folder / "thread.mbox"
    path.write_bytes(data)
    (made,) = candidates([f"{path}{choice}"], series.tree, cache_folder())
    return made


def trees(made: Candidate) -> list[str]:
    return [one.source_id for one in made.commits.values()]


def test_a_thread_of_two_versions_with_replies_however_it_was_sent(series: Sent, tmp_path: Path) -> None:
    v4, v5 = series.mails(4), series.mails(5, series.weak)
    thread = [*v4, *(answer(mail) for mail in v4), *v5, answer(v5[2], "inline")]
    plain = mbox(thread)
    with pytest.raises(UserError, match=r"several versions.*there is v4 \(4 patches.*, v5 \(4 patches"):
        read(series, tmp_path, plain)
    wanted = [read(series, tmp_path, plain, choice) for choice in ("@v4", "@v5")]
    assert trees(wanted[0])[:-1] == trees(wanted[1])[:-1]
    tips = (series.chain[-1], series.weak)
    repository = Repository(series.tree.repo)
    assert [made.whole.source_id for made in wanted] == [repository.tree_of(tip) for tip in tips]
    bent = {
        "CR LF": plain.replace(b"\n", b"\r\n"),
        "base64": mbox([*(encoded(mail, "base64") for mail in [*v4, *v5]), answer(v4[1])]),
        "quoted-printable": mbox([encoded(mail, "quoted-printable") for mail in [*v4, *v5]]),
    }
    for how, data in bent.items():
        for choice, whole in zip(("@v4", "@v5"), wanted, strict=True):
            assert trees(read(series, tmp_path, data, choice)) == trees(whole), how


def test_a_file_that_is_added_and_names_in_utf_8(series: Sent, tmp_path: Path) -> None:
    tip = series.add(series.chain[-1], "mm: add größe", "mm/größe.c", "int größe; /* ß */\n")
    made = read(series, tmp_path, mbox([encoded(mail, "quoted-printable") for mail in series.mails(6, tip)]))
    assert made.steps[-1] == "mm: add größe"
    assert "mm/größe.c" in made.whole.changed
    assert made.applied is not None
    assert made.applied.series.patches[-1].author.startswith("Zoë Müller <")
    assert made.label == "v6"


def test_one_that_does_not_apply_is_named(series: Sent, tmp_path: Path) -> None:
    path = tmp_path / "wrong.mbox"
    path.write_bytes(mbox(series.mails(4)).replace(b"pcpu_alloc_mutex", b"pcpu_other_mutex"))
    wrong = open_series(str(path), series.tree, cache_folder())
    assert len(wrong.patches) == 4
    path.write_bytes(path.read_bytes().replace(b"gfp", b"gpf"))
    with pytest.raises(UserError, match=r"patch \d/4 \(.*\) does not apply to debian:.*, hunk 1, @@"):
        candidates([str(path)], series.tree, cache_folder())
