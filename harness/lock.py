# SPDX-License-Identifier: GPL-2.0-or-later
"""A lock between processes that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def silent(_: str) -> None:
    """Say nothing: the default listener of every `say`."""


@contextmanager
def locked(path: Path, say: Callable[[str], None] = silent) -> Iterator[None]:
    """Hold `path` as an exclusive lock; wait for another holder, and say so.

    The file stays: removing it would let two waiters lock two different files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another harness that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
