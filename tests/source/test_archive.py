# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from harness.source import archive
from harness.source.archive import import_package, require_room
from harness.source.repository import Repository
from harness.words import InfraError

from .repos import KERNEL, git, package

ODD = {'"quoted".c': "int q;\n", "with space.c": "", "new\nline": "x", "umlaut-\u00e4": "x"}


def test_a_package_becomes_a_commit_that_is_the_same_everywhere(tmp_path: Path) -> None:
    deb = package(tmp_path / "p", KERNEL | ODD, links={"mm/link": "a.c"})
    said: list[str] = []
    commits = []
    for name in ("one", "two"):
        repository = Repository.create(tmp_path / name)
        commits.append(import_package(deb, repository, said.append))
    assert commits[0] == commits[1]
    assert "once" in said[0]
    repository = Repository(tmp_path / "one")
    listed = repository.run("ls-tree", "-r", "-z", "--name-only", commits[0]).decode().split("\0")
    assert sorted(filter(None, listed)) == sorted([*KERNEL, *ODD, "mm/link"])
    assert git(tmp_path / "one", "ls-tree", commits[0], "mm/link").startswith("120000")
    assert git(tmp_path / "one", "ls-tree", commits[0], "scripts/run.sh").startswith("100755")
    assert repository.read(commits[0], "mm/link") == b"a.c"
    assert repository.read(commits[0], "mm/a.c") == b"int a;\n"


def test_a_damaged_package_is_an_infra_error(tmp_path: Path) -> None:
    deb = package(tmp_path / "p", damage=True)
    with pytest.raises(InfraError, match="could not be imported"):
        import_package(deb, Repository.create(tmp_path / "r"))


def test_a_package_without_a_kernel_is_an_infra_error(tmp_path: Path) -> None:
    deb = package(tmp_path / "p")
    root = tmp_path / "p/root"
    next((root / "usr/src").iterdir()).rename(root / "usr/src/readme")
    subprocess.run(["dpkg-deb", "--build", str(root), str(deb)], check=True, capture_output=True)
    with pytest.raises(InfraError, match=r"could not be imported .*tar: .*Not found in archive"):
        import_package(deb, Repository.create(tmp_path / "r"))


def test_what_git_cannot_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d/linux").mkdir(parents=True)
    subprocess.run(["mkfifo", str(tmp_path / "d/linux/pipe")], check=True)
    ball = subprocess.run(["tar", "-C", str(tmp_path / "d"), "-c", "linux"], check=True, capture_output=True)
    with pytest.raises(archive.tarfile.TarError, match="neither a file"):
        archive._stream(io.BytesIO(ball.stdout), io.BytesIO())


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfraError, match="free some space"):
        require_room(tmp_path, 1 << 60)
    monkeypatch.setattr(archive, "_stream", lambda *_: _full())
    with pytest.raises(InfraError, match="filled up"):
        import_package(package(tmp_path / "p"), Repository.create(tmp_path / "r"))


def _full() -> None:
    raise OSError(28, "No space left on device")


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deb, repository = package(tmp_path / "p"), Repository.create(tmp_path / "r")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfraError, match="dpkg-deb is not installed"):
        import_package(deb, repository)
