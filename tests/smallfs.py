# SPDX-License-Identifier: GPL-2.0-or-later
"""A file system that is soon full, for as long as a test needs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


@contextmanager
def small_filesystem(folder: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs of `size` (as mount takes it); a container that may not mount says so and skips."""
    folder.mkdir()
    options = f"size={size},uid={os.getuid()},mode=0755"
    mount = [*_AS_ROOT, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"mounting a small file system takes root, and {error.filename} is missing")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([*_AS_ROOT, "umount", "-l", str(folder)], check=True)


def grow(folder: Path, size: str) -> None:
    """Give a small file system more room."""
    subprocess.run([*_AS_ROOT, "mount", "-o", f"remount,size={size}", str(folder)], check=True)
