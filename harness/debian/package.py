# SPDX-License-Identifier: GPL-2.0-or-later
"""The files inside a .deb."""

from __future__ import annotations

import posixpath
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from harness.debian.closure import flat
from harness.words import InfraError


def read_packages(packages: Iterable[Path]) -> dict[str, bytes]:
    """Return the content of every file in the packages by its path (relative, without `usr/`).

    Symbolic links between them are followed, whatever package they lead to; those that lead nowhere are left
    out. `InfraError` for a damaged package.
    """
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for package in packages:
        _read(package, files, links)
    for name in links:
        target = _follow(name, links)
        if target in files:
            files[name] = files[target]
    return files


def _read(package: Path, files: dict[str, bytes], links: dict[str, str]) -> None:
    unpack = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(unpack, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = flat(member.name)
                    if member.issym():
                        links[name] = flat(
                            posixpath.normpath(posixpath.join("/", name, "..", member.linkname))
                        )
                    elif member.isreg():
                        content = archive.extractfile(member)
                        assert content is not None
                        files[name] = content.read()
            process.stdout.read()
        except tarfile.TarError as error:
            raise InfraError(f"{package.name} is damaged ({error}): run again to fetch it anew") from None
    if process.returncode:
        raise InfraError(f"dpkg-deb cannot unpack {package.name}: run again to fetch it anew")


def _follow(name: str, links: dict[str, str]) -> str:
    seen: set[str] = set()
    while name in links and name not in seen:
        seen.add(name)
        name = links[name]
    return name
