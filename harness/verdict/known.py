# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a cell's failure rate is known to lie below or above a bound, looked at after every trial."""

from __future__ import annotations

from collections.abc import Iterable

from harness.words import Known, Outcome, Trial

_TELLING = (Outcome.PASS, Outcome.FAIL)


class RateCount:
    """Counts trials in the order of their numbers, whatever the order in which they end.

    A trial that fails may take longer than one that passes: counted as they end, the quick ones would be
    counted more often. What proves nothing (`inconclusive`, `infra`) is not counted. Without a bound nothing
    is ever known.
    """

    def __init__(self, bound: float | None) -> None:
        self._bound = bound
        self._early: dict[int, Trial] = {}
        self._next = 1
        self.failures = self.trials = 0
        self.side: str | None = None

    def add(self, trial: Trial) -> None:
        """Take in a trial; once the side is known, nothing changes it."""
        self._early[trial.index] = trial
        while ready := self._early.pop(self._next, None):
            self._next += 1
            if self.side is None and ready.outcome in _TELLING:
                self._count(ready)

    def _count(self, trial: Trial) -> None:
        if self._bound is None:
            return
        # scipy takes a second to import, and most runs need none of it.
        from harness.verdict.statistics import decide

        self.trials += 1
        self.failures += trial.outcome is Outcome.FAIL
        self.side = decide(self.failures, self.trials, self._bound)


def known(trials: Iterable[Trial], bound: float | None) -> Known | None:
    """Say what is known of the rate of a cell that was tried until it lies on one side of `bound`.

    None when there is no such bound.
    """
    if bound is None:
        return None
    count = RateCount(bound)
    for trial in trials:
        count.add(trial)
    return Known(bound, count.side, count.failures, count.trials)
