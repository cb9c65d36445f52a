# SPDX-License-Identifier: GPL-2.0-or-later
"""One point in time that everything done for a guest has to meet."""

from __future__ import annotations

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

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was set."""
        return self.seconds - (self._end - time.monotonic())
