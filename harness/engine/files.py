# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload needs in its guest besides the kernel's module: Debian's programs, and ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.data import data_dir
from harness.debian.bundle import bundle, version
from harness.debian.recipe import load_recipe
from harness.machine import SHARED, STATIC, compiled
from harness.workload import Workload


def guest_files(
    workload: Workload, cache: Path, mirror: str | None, say: Callable[[str], None]
) -> dict[str, Path]:
    """Return files by their path in the guest; packages are fetched when the cache does not have them.

    `InfraError` when a package cannot be fetched, lacks a file, or a program does not compile.
    """
    found: dict[str, Path] = {}
    for name in workload.packages:
        found |= bundle(load_recipe(name), cache, mirror, say)
    for path, folder in workload.programs.items():
        found[path] = _program(path, folder, cache / "guest" / "programs")
    return found


def guest_packages(workloads: Iterable[Workload], cache: Path) -> dict[str, str]:
    """Return the versions of what these workloads' guests have from Debian, by the name of the recipe."""
    names = sorted({name for workload in workloads for name in workload.packages})
    return {name: version(load_recipe(name), cache) for name in names}


def _program(path: str, folder: str, kept: Path) -> Path:
    """Compile the sources in `images/FOLDER`; what they come to is kept by its content."""
    flags = SHARED if path.endswith(".so") else STATIC
    content = compiled(sorted((data_dir("images") / folder).glob("*.c")), flags)
    program = kept / f"{folder}-{hashlib.sha256(content).hexdigest()[:16]}"
    if not program.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        partial = program.with_name(f".{program.name}.partial")
        partial.write_bytes(content)
        partial.chmod(0o755)
        partial.replace(program)
    return program
