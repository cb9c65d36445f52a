# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the project's own data lies: beside the package in a clone, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from harness.words import InfraError

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """Return the folder `images` or `kconfigs`; `InfraError` when the installation lacks it."""
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise InfraError(f"the folder '{name}' is missing from this installation: reinstall percpu-harness")
