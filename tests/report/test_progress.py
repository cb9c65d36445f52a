# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import io

from rich.console import Console

from harness.report.progress import LiveProgress, PlainProgress, progress
from harness.words import Outcome
from tests.making import trial


def told(shown: PlainProgress) -> None:
    with shown:
        shown.planned(2, 4, 2)
        shown.building("as-is", 10, 700)
        shown.built("as-is", 100.0, "built")
        shown.trial_started(1, "exhaust on as-is #1")
        shown.trial_ended(1, "exhaust on as-is #1", trial(Outcome.FAIL))
        shown.trial_ended(2, "storm on as-is #1", trial())


def test_plain_lines_say_what_is_built_and_what_is_left() -> None:
    stream = io.StringIO()
    told(PlainProgress(Console(file=stream, width=200)))
    text = stream.getvalue()
    assert "2 kernels to have, 4 trials to run, 2 guests at a time" in text
    assert "building as-is: 10 of about 700 files" in text
    assert "exhaust on as-is #1 on guest 1: fail, 4.0 s: 509 of 512 allocations failed" in text
    assert "left)" in text
    assert "\x1b" not in text


def test_a_terminal_sees_the_build_the_guests_and_the_time_left() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    shown = LiveProgress(console)
    shown.planned(2, 4, 2)
    shown.building("as-is", 10, 700)
    shown.trial_started(1, "exhaust on as-is #1")
    with console.capture() as captured:
        console.print(shown)
    text = captured.get()
    assert "building as-is: 10 of about 700 files" in text
    assert "guest 1: exhaust on as-is #1" in text
    assert "0 of 4 trials" in text
    told(LiveProgress(console))


def test_the_console_decides() -> None:
    assert isinstance(progress(Console(file=io.StringIO(), force_terminal=True)), LiveProgress)
    assert not isinstance(progress(Console(file=io.StringIO())), LiveProgress)
