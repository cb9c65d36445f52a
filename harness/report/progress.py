# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while a run is under way: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from harness.words import Outcome, Trial

_PLAIN_BUILD_INTERVAL = 20.0
_PLAIN_STEP_INTERVAL = 10.0


class Progress(Protocol):
    """What the engine tells while it works. Every method returns at once and never raises."""

    def say(self, text: str) -> None:
        """Tell one fact."""

    def planned(self, builds: int, trials: int | None, guests: int) -> None:
        """Tell how much there is to do; None for trials of which nobody knows yet how many there will be."""

    def building(self, variant: str, done: int, total: int | None) -> None:
        """Tell that `done` of `total` steps of the build of a variant's kernel are done."""

    def built(self, variant: str, seconds: float, note: str) -> None:
        """Tell that a build has ended."""

    def trial_started(self, guest: int, name: str) -> None:
        """Tell which trial runs on which guest."""

    def trial_step(self, guest: int, text: str) -> None:
        """Tell how far the trial on a guest is."""

    def trial_ended(self, guest: int, name: str, trial: Trial) -> None:
        """Tell a trial's outcome."""


class _Pace:
    """Estimates the time left from the pace so far."""

    def __init__(self) -> None:
        self.builds = 0
        self.trials: int | None = 0
        self.guests = 1
        self.built: list[float] = []
        self.tried: deque[float] = deque(maxlen=20)
        self.trials_done = 0

    def left(self) -> float | None:
        """Return seconds, None while nothing is known. A first build is no measure of those that follow."""
        if self.trials is None or not (self.tried or self.built):
            return None
        later = self.built[1:] or [value / 4 for value in self.built]
        builds = (self.builds - len(self.built)) * (sum(later) / len(later) if later else 0)
        pace = sum(self.tried) / len(self.tried) if self.tried else 8.0
        trials = (self.trials - self.trials_done) * pace / self.guests
        return max(builds, trials) if builds else trials


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class PlainProgress:
    """One line per fact, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = _Pace()
        self._last_build = 0.0
        self._last_step: dict[int, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def say(self, text: str) -> None:
        """Print a line with the time of day."""
        stamp = time.strftime("%H:%M:%S")
        self._console.print(f"{stamp} {text}", markup=False, highlight=False, soft_wrap=True)

    def planned(self, builds: int, trials: int | None, guests: int) -> None:
        """Print how much there is to do."""
        self._pace.builds, self._pace.trials, self._pace.guests = builds, trials, guests
        count = "as many trials as it takes" if trials is None else f"{trials} trials to run"
        self.say(f"{builds} kernels to have, {count}, {guests} guests at a time")

    def building(self, variant: str, done: int, total: int | None) -> None:
        """Print how far a build is, now and then."""
        now = time.monotonic()
        if now - self._last_build >= _PLAIN_BUILD_INTERVAL:
            self._last_build = now
            self.say(f"building {variant}: {done}{f' of about {total}' if total else ''} files{self._left()}")

    def built(self, variant: str, seconds: float, note: str) -> None:
        """Print that a build has ended."""
        self._pace.built.append(seconds)
        self.say(f"kernel of {variant}: {note}, {seconds:.0f} s")

    def trial_started(self, guest: int, name: str) -> None:
        """Leave it to the line of the trial's end."""

    def trial_step(self, guest: int, text: str) -> None:
        """Print how far a trial is, now and then."""
        now = time.monotonic()
        if now - self._last_step.get(guest, 0.0) >= _PLAIN_STEP_INTERVAL:
            self._last_step[guest] = now
            self.say(f"guest {guest}: {text}")

    def trial_ended(self, guest: int, name: str, trial: Trial) -> None:
        """Print a trial's outcome."""
        self._pace.tried.append(trial.seconds)
        self._pace.trials_done += 1
        why = f": {trial.reasons[0]}" if trial.reasons else ""
        self.say(f"{name} on guest {guest}: {trial.outcome}, {trial.seconds:.1f} s{why}{self._left()}")

    def _left(self) -> str:
        left = self._pace.left()
        return f" (about {_clock(left)} left)" if left else ""


class LiveProgress(PlainProgress):
    """The same facts above a few lines that are drawn anew: the build, each guest, the time left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._build = ""
        self._running: dict[int, tuple[str, float]] = {}
        self._steps: dict[int, str] = {}
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __rich__(self) -> RenderableType:
        """Draw the lines that change."""
        now = time.monotonic()
        lines = [Text(self._build, style="cyan")] if self._build else []
        for guest, (name, since) in sorted(self._running.items()):
            step = f", {self._steps[guest]}" if guest in self._steps else ""
            lines.append(Text(f"guest {guest}: {name} {now - since:.0f} s{step}", style="cyan"))
        of = "" if self._pace.trials is None else f" of {self._pace.trials}"
        done = f"{self._pace.trials_done}{of} trials"
        lines.append(Text(f"{done}{self._left()}", style="bold"))
        return Group(*lines)

    def building(self, variant: str, done: int, total: int | None) -> None:
        """Draw how far a build is."""
        bar = f" of about {total}" if total else ""
        self._build = f"building {variant}: {done}{bar} files"

    def built(self, variant: str, seconds: float, note: str) -> None:
        """Print that a build has ended, and take its line away."""
        self._build = ""
        super().built(variant, seconds, note)

    def trial_started(self, guest: int, name: str) -> None:
        """Draw which trial runs on which guest."""
        self._running[guest] = (name, time.monotonic())

    def trial_step(self, guest: int, text: str) -> None:
        """Draw how far a trial is."""
        self._steps[guest] = text

    def trial_ended(self, guest: int, name: str, trial: Trial) -> None:
        """Print a trial's outcome, and take its line away."""
        self._running.pop(guest, None)
        self._steps.pop(guest, None)
        if trial.outcome is not Outcome.PASS:
            super().trial_ended(guest, name, trial)
            return
        self._pace.tried.append(trial.seconds)
        self._pace.trials_done += 1


def progress(console: Console) -> PlainProgress:
    """Return what fits the console: bars on a terminal, lines elsewhere."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)
