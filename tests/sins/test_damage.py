# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of real kernels, damaged on their way: read all the same, or said to be truncated."""

from __future__ import annotations

import pytest

from harness.dmesg import parse
from harness.words import Event
from tests.dmesg import corpus
from tests.sins import damage
from tests.sins.catalogue import SINS

# Reports of which every line has its time: a damage puts others in the place of the stamps.
SAMPLES = [
    case
    for case in corpus.cases()
    if case.value("sin") and SINS[case.value("sin")].reports and not case.value("tree").endswith("-notime")
][::5]
SHARES = (0.0, 0.04, 0.2, 0.5, 0.8, 0.97)
PAIRS = list(zip(SAMPLES, [*SAMPLES[7:], *SAMPLES[:7]], strict=True))


def gist(events: list[Event]) -> list[tuple[str, str, str | None, str, bool]]:
    """Return what must survive: neither lines nor times, which damage may move or take."""
    return [
        (event.kind, event.subtype, event.function, event.fingerprint, event.truncated) for event in events
    ]


def name(case: corpus.Case) -> str:
    return case.path.stem


@pytest.mark.parametrize("case", SAMPLES, ids=name)
def test_a_prefix_or_an_end_on_every_line_changes_nothing(case: corpus.Case) -> None:
    whole = gist(parse(case.log))
    wrong = [how for how, damaged in damage.WHOLE.items() if gist(parse(damaged(case.log))) != whole]
    assert not wrong


@pytest.mark.parametrize("case", SAMPLES, ids=name)
def test_a_cut_report_keeps_its_kind_and_says_that_it_is_cut(case: corpus.Case) -> None:
    whole = parse(case.log)[0]
    for share in SHARES:
        events = parse(damage.cut(case.log, whole.line, share))
        assert events, share
        assert events[0].line == whole.line, share
        assert events[0].kind == whole.kind or events[0].truncated, share
        # What was there to read is not cut off when the cut comes after it.
        if not events[0].truncated and not whole.truncated:
            assert (events[0].kind, events[0].subtype) == (whole.kind, whole.subtype), share


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda case: name(case))
def test_reports_of_two_callers_are_untangled(one: corpus.Case, other: corpus.Case) -> None:
    logs = [damage.with_caller(case.log, caller) for case, caller in ((one, b"T4711"), (other, b"T815"))]
    apart = sorted(gist(parse(logs[0])) + gist(parse(logs[1])), key=str)
    assert sorted(gist(parse(damage.interleaved(*logs))), key=str) == apart


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda case: name(case))
def test_two_boots_in_one_file_are_read_one_after_the_other(one: corpus.Case, other: corpus.Case) -> None:
    both = damage.two_boots(one.log, other.log)
    assert gist(parse(both)) == gist(parse(one.log)) + gist(parse(other.log))
