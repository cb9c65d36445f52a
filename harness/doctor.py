# SPDX-License-Identifier: GPL-2.0-or-later
"""What of this machine fits, what is missing, and how that was found out: the facts behind `doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.build import toolchain
from harness.build.sandbox import find_sandbox
from harness.machine import choose_accelerator
from harness.words import HarnessError

_NEEDED_GB = 12
_MEMORY_GB = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact. `fits` is False only where a run would fail for it."""

    what: str
    fits: bool
    detail: str


async def examine(cache: Path) -> list[Finding]:
    """Look at everything that a run needs; takes some seconds for the accelerator's probe guests."""
    return [*_python(), *_tools(), *_room(cache), _sandbox(), await _accelerator()]


def _python() -> Iterator[Finding]:
    yield Finding("python", True, sys.version.split()[0])


def _tools() -> Iterator[Finding]:
    for found in toolchain.survey():
        tool = found.tool
        missing = f"missing: install the Debian package {tool.package}"
        if found.version is None and not tool.needed:
            missing += ", or do without"
        yield Finding(tool.name, found.version is not None or not tool.needed, found.version or missing)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    advice = f"{keyring} is missing: install debian-archive-keyring, or use --tree with a tree of your own"
    yield Finding("keyring", keyring.is_file(), str(keyring) if keyring.is_file() else advice)


def _room(cache: Path) -> Iterator[Finding]:
    """Measure what is free; the need is what one Debian source, its builds and kernels take, rounded up."""
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    yield Finding("disk", free >= _NEEDED_GB, f"{free:.0f} GB free for {cache}; {_NEEDED_GB} GB are needed")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield Finding("memory", memory >= _MEMORY_GB, f"{memory:.0f} GB; {_MEMORY_GB} GB are needed")
    yield Finding("cpus", True, f"{os.cpu_count()}: so many guests run at a time")


def _sandbox() -> Finding:
    """Try it once: only series of other people need it, and those who trust them can do without."""
    try:
        find_sandbox(trusted=False)
    except HarnessError as error:
        return Finding("sandbox", True, f"{error}")
    return Finding("sandbox", True, "bubblewrap works: series of other people are built in it")


async def _accelerator() -> Finding:
    try:
        choice = await choose_accelerator(None)
    except HarnessError as error:
        return Finding("accelerator", False, str(error))
    return Finding("accelerator", True, f"{choice.accelerator}: {choice.reason}")
