# SPDX-License-Identifier: GPL-2.0-or-later
"""A distribution's own kernel: fetched as packages, with the module of sins built against its headers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from harness.cli import cache_folder
from harness.debian.apt import PrivateApt, system_mirror
from harness.lock import locked
from harness.words import InfraError, Kernel

_SUITES = ("bookworm", "bookworm-updates", "bookworm-backports")
_FLAVOUR = "-cloud-amd64"  # small, and what virtio needs is built in


def fetch(version: str, module: Path, folder: Path) -> Kernel:
    """Return Debian's newest kernel of a version (`6.12`), unpacked below `folder`, and our module for it.

    The suites are those whose kernels the compiler of Debian 12 builds modules for. `InfraError` when they
    have no such kernel.
    """
    root = folder / "root"
    release = _unpack(version, folder, root)
    headers = root / "usr/src" / f"linux-headers-{release}"
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("include /usr/src", f"include {headers.parent}"))
    built = folder / "module"
    shutil.rmtree(built, ignore_errors=True)
    shutil.copytree(module, built)
    log = folder / "build.txt"
    with log.open("wb") as out:
        no_pahole = "CONFIG_DEBUG_INFO_BTF_MODULES="
        subprocess.run(
            ["make", "-C", headers, f"M={built}", "CC=gcc", no_pahole, "modules"],
            check=True,
            stdout=out,
            stderr=out,
        )
    return Kernel(
        key=release,
        source_id=release,
        image=root / "boot" / f"vmlinuz-{release}",
        module=built / "sins.ko",
        config=root / "boot" / f"config-{release}",
        system_map=root / "boot" / f"System.map-{release}",
        log=log,
        release=release,
        build_id="",
        toolchain="",
        seconds=0.0,
    )


def _unpack(version: str, folder: Path, root: Path) -> str:
    """Fetch the packages and unpack them; return the kernel's release."""
    cache = cache_folder()
    with locked(cache / "apt.lock", print):
        apt = PrivateApt(cache / "apt", system_mirror())
        apt.update(_SUITES)
        suffix = f"{_FLAVOUR}-unsigned"
        images = [name for name in apt.names(f"linux-image-{version}") if name.endswith(suffix)]
        if not images:
            raise InfraError(f"{', '.join(_SUITES)} have no linux-image-{version}*{suffix}")
        release = max(images).removeprefix("linux-image-").removesuffix("-unsigned")
        base = release.removesuffix(_FLAVOUR)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (
            f"linux-image-{release}-unsigned",
            f"linux-headers-{release}",
            f"linux-headers-{base}-common",
            f"linux-kbuild-{base}",
        ):
            package = apt.download(apt.offers(name)[0], folder)
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
            package.unlink()
    return release
