# SPDX-License-Identifier: GPL-2.0-or-later
"""One point in time that everything done for a guest has to meet."""

from __future__ import annotations

import asyncio
import time


class Deadline:
    """A point in time on the monotonic clock; handed down, never renewed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """Return a deadline `seconds` from now, or this one's time if that is sooner."""
        return Deadline(min(seconds, self.remaining))

    def timeout(self) -> asyncio.Timeout:
        """Return a context manager that raises `TimeoutError` in the task that waits beyond the deadline."""
        return asyncio.timeout(self.remaining)
