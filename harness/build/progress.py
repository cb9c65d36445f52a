# SPDX-License-Identifier: GPL-2.0-or-later
"""What a build tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """`done` files are compiled of `total` (None while nobody knows), `what` is the latest step."""

    done: int
    total: int | None
    what: str


Listener = Callable[[BuildProgress], None]


def silent(_: BuildProgress) -> None:
    """Tell nobody: the default listener."""
