# SPDX-License-Identifier: GPL-2.0-or-later
"""The GNU build id of an image: what `/sys/kernel/notes` shows in the guest that runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness.words import InfraError

_BUILD_ID = re.compile(r"Build ID: ([0-9a-f]+)")


def build_id(image: Path) -> str:
    """Return the build id in hex; `InfraError` when the image has none (readelf is part of binutils)."""
    done = subprocess.run(["readelf", "-n", str(image)], capture_output=True, text=True, check=False)
    match = _BUILD_ID.search(done.stdout)
    if match is None:
        raise InfraError(f"{image} has no GNU build id: {done.stderr.strip() or 'its linker wrote none'}")
    return match[1]
