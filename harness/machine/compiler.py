# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs for the guest, compiled when they are needed: no binary is ever shipped."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.words import InfraError

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-s")
#: For a program that needs nothing else in the guest, and for a library that is preloaded there.
STATIC = (*_FLAGS, "-static")
SHARED = (*_FLAGS, "-shared", "-fPIC")


def compiled(sources: Sequence[Path], flags: Sequence[str]) -> bytes:
    """Return the linked program; the same sources and flags give the same bytes."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise InfraError(
            "gcc is missing, and programs for the guest are compiled with it: install the package gcc"
        )
    with tempfile.TemporaryDirectory(prefix="percpu-harness-") as folder:
        program = Path(folder) / "program"
        command = [compiler, *flags, "-Wl,--build-id=none", "-o", str(program), *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            line = next((text for text in done.stderr.splitlines() if "error" in text), done.stderr.strip())
            raise InfraError(f"a program for the guest does not compile (is libc6-dev installed?): {line}")
        return program.read_bytes()
