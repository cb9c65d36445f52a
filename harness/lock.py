# SPDX-License-Identifier: GPL-2.0-or-later
"""A lock between processes that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_POLL = 0.2


def silent(_: str) -> None:
    """Say nothing: the default listener of every `say`."""


@contextmanager
def locked(path: Path, say: Callable[[str], None] = silent) -> Iterator[None]:
    """Hold `path` as an exclusive lock; wait for another holder, and say so.

    The file stays: removing it would let two waiters lock two different files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        if not try_lock(handle):
            say(f"waiting for another harness that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_patiently(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `path` exclusively; calls `waiting` again and again while another process holds it.

    What `waiting` raises ends the wait: a thread hears no signal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        while not try_lock(handle):
            waiting()
            time.sleep(_POLL)
        yield


def try_lock(handle: IO[str] | int, *, shared: bool = False) -> bool:
    """Lock an open file or folder without waiting; tell whether that worked. Closing it releases it."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
