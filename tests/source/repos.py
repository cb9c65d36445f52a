# SPDX-License-Identifier: GPL-2.0-or-later
"""Small git repositories and packages that the tests of `harness.source` read."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

MAKEFILE = "# toy\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 7\nEXTRAVERSION = -rc1\n"
KERNEL = {"Makefile": MAKEFILE, "mm/a.c": "int a;\n", "mm/b.c": "int b;\n", "scripts/run.sh": "#!/bin/sh\n"}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def user_repository(folder: Path, files: Mapping[str, str] = KERNEL) -> str:
    """Make a git repository as a user has one and return its first commit, tagged v6.12."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "v6.12")
    return git(folder, "rev-parse", "HEAD")


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """Return digest and mtime (ns) of every file below `folder`."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def package(
    folder: Path,
    files: Mapping[str, str] = KERNEL,
    *,
    version: str = "9.9",
    links: Mapping[str, str] | None = None,
    damage: bool = False,
) -> Path:
    """Build a linux-source .deb as Debian does: a tar.xz inside usr/src."""
    name = f"linux-source-{version}"
    source = folder / "unpacked" / name
    write(source, files)
    for path in source.rglob("*.sh"):
        path.chmod(0o755)
    for link, target in (links or {}).items():
        (source / link).symlink_to(target)
    root = folder / "root"
    (root / "usr/src").mkdir(parents=True)
    ball = root / "usr/src" / f"{name}.tar.xz"
    subprocess.run(["tar", "-C", str(source.parent), "-cJf", str(ball), name], check=True)
    if damage:
        ball.write_bytes(ball.read_bytes()[:-40])
    write(
        root,
        {
            "DEBIAN/control": f"Package: {name}\nVersion: {version}.1-1\nArchitecture: all\n"
            "Maintainer: nobody <nobody@localhost>\nDescription: toy\n"
        },
    )
    deb = folder / f"{name}_{version}.1-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(root), str(deb)], check=True, capture_output=True)
    return deb
