# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness as its users start it: as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "harness.cli")


def harness(*args: str | Path, deadline: float = 1500) -> subprocess.CompletedProcess[str]:
    """Run one command of the harness to its end, for `deadline` seconds at most."""
    return subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, timeout=deadline, check=False
    )
