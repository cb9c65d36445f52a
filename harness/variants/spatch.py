# SPDX-License-Identifier: GPL-2.0-or-later
"""Coccinelle on a few files that stand nowhere but in memory."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.words import InfraError

#: Seconds that one patch on four files may take; it takes about one.
_DEADLINE = 120


def spatch(patch: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return `files` (name to content) as `patch` leaves them; what it does not match stays as it is.

    `InfraError` when Coccinelle is missing, hangs or rejects the patch itself.
    """
    with tempfile.TemporaryDirectory(prefix="percpu-harness-spatch-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        command = ["spatch", "--sp-file", str(patch), "--in-place", "--no-show-diff", "--no-includes"]
        try:
            done = subprocess.run(
                [*command, "--very-quiet", *files],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_DEADLINE,
            )
        except FileNotFoundError as missing:
            raise InfraError("spatch is not installed: install the package 'coccinelle'") from missing
        except subprocess.TimeoutExpired as slow:
            raise InfraError(f"spatch did not finish {patch.name} within {_DEADLINE} s") from slow
        if done.returncode:
            told = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
            raise InfraError(f"spatch could not apply {patch.name}: {told[-1]}")
        return {file: (folder / file).read_bytes() for file in files}
