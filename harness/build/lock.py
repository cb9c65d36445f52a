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


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `path` exclusively; calls `waiting` again and again while another process holds it.

    What `waiting` raises ends the wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        while not try_lock(handle, shared=False):
            waiting()
            time.sleep(_POLL)
        yield


def try_lock(handle: IO[str], *, shared: bool) -> bool:
    """Lock an open file without waiting; tell whether that worked. Closing the file releases it."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
