# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.debian.apt import Offer
from harness.source import debian, open_tree
from harness.words import InfraError, UserError

from .repos import KERNEL, package


class Archive:
    """Stands for apt and a mirror: which suite has which package."""

    def __init__(
        self, offers: Sequence[Offer] = (), deb: Path | None = None, absent: Sequence[str] = ()
    ) -> None:
        self.all, self.deb, self.absent = offers, deb, absent
        self.asked: list[tuple[str, ...]] = []
        self.opened = 0

    def __call__(self, folder: Path, mirror: str) -> Archive:
        self.opened += 1
        self.mirror = mirror
        return self

    def update(self, suites: Sequence[str]) -> list[str]:
        self.asked.append(tuple(suites))
        return [suite for suite in suites if suite in self.absent]

    def offers(self, name: str) -> list[Offer]:
        return [offer for offer in self.all if offer.package == name and offer.suite in self.asked[-1]]

    def names(self, prefix: str) -> list[str]:
        return [offer.package for offer in self.all if offer.suite in self.asked[-1]]

    def download(self, offer: Offer, folder: Path) -> Path:
        assert self.deb is not None
        return Path(shutil.copy(self.deb, folder))


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    return package(tmp_path / "p", version="6.12")


def use(monkeypatch: pytest.MonkeyPatch, archive: Archive) -> Archive:
    monkeypatch.setattr(debian, "PrivateApt", archive)
    monkeypatch.setattr(debian, "system_mirror", lambda: "uri:system")
    return archive


def test_an_import_is_made_once_and_then_needs_no_network(
    tmp_path: Path, deb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = use(monkeypatch, Archive([Offer("linux-source-6.12", "6.12.1-1", "trixie")], deb))
    cache, said = tmp_path / "cache", []
    tree = open_tree("debian:6.12", cache, say=said.append)
    assert (tree.name, tree.version) == ("debian:6.12 (6.12.1-1)", "6.12.7-rc1")
    assert archive.asked == [("trixie",)]
    assert archive.mirror == "uri:system"
    said.clear()
    again = open_tree("debian:6.12", cache, mirror="uri:gone", say=said.append)
    assert again == tree
    assert archive.opened == 1
    assert any("cached" in line for line in said)
    assert not list(cache.rglob("*.deb"))
    assert sorted(p.name for p in (cache / "trees").iterdir()) == ["debian-6.12", "debian-6.12.lock"]


def test_other_suites_are_asked_when_the_likely_one_has_nothing(
    tmp_path: Path, deb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = Offer("linux-source-6.12", "6.12.1-1~bpo12+1", "bookworm-backports")
    archive = use(monkeypatch, Archive([offer], deb, absent=["trixie-backports"]))
    said: list[str] = []
    tree = open_tree("debian:6.12", tmp_path / "cache", mirror="uri:mine/", say=said.append)
    assert tree.name == "debian:6.12 (6.12.1-1~bpo12+1)"
    assert archive.asked == [("trixie",), debian.SUITES]
    assert archive.mirror == "uri:mine"
    assert "the mirror has no trixie-backports: left out" in said


def test_a_version_that_has_gone_lists_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("linux-source-6.12", "linux-source-6.1", "linux-source", "linux-source-7.3-rt")
    use(monkeypatch, Archive([Offer(name, "1", "sid") for name in names]))
    with pytest.raises(UserError, match=r"there is debian:6\.1, debian:6\.12$"):
        open_tree("debian:5.10", tmp_path / "cache")
    use(monkeypatch, Archive())
    with pytest.raises(UserError, match="there is nothing"):
        open_tree("debian:5.10", tmp_path / "cache")


def test_an_import_that_is_cut_short_leaves_nothing_that_looks_whole(
    tmp_path: Path, deb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = [Offer("linux-source-6.12", "6.12.1-1", "trixie")]
    use(monkeypatch, Archive(offers, package(tmp_path / "q", version="6.12", damage=True)))
    cache = tmp_path / "cache"
    with pytest.raises(InfraError, match="could not be imported"):
        open_tree("debian:6.12", cache)
    assert not (cache / "trees/debian-6.12").exists()
    # what kill -9 leaves: a temporary folder, or (older) a home without its record
    (cache / "trees/.debian-6.12.dead").mkdir()
    (cache / "trees/debian-6.12/git").mkdir(parents=True)
    use(monkeypatch, Archive(offers, deb))
    assert open_tree("debian:6.12", cache).version == "6.12.7-rc1"
    assert not (cache / "trees/.debian-6.12.dead").exists()


def test_a_package_without_a_kernel_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deb = package(tmp_path / "q", {**KERNEL, "Makefile": "all:\n"}, version="6.12")
    use(monkeypatch, Archive([Offer("linux-source-6.12", "1", "trixie")], deb))
    with pytest.raises(UserError, match="is no kernel source"):
        open_tree("debian:6.12", tmp_path / "cache")


def test_two_harnesses_at_once_import_once(
    tmp_path: Path, deb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = use(monkeypatch, Archive([Offer("linux-source-6.12", "6.12.1-1", "trixie")], deb))
    said: list[str] = []
    threads = [
        threading.Thread(
            target=open_tree, args=("debian:6.12", tmp_path / "cache"), kwargs={"say": said.append}
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.opened == 1
    assert any("waiting for another harness" in line for line in said)


@pytest.mark.network
def test_a_real_version_that_never_was(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"linux-source-5\.0 .* there is .*debian:6\.12"):
        open_tree("debian:5.0", tmp_path)
