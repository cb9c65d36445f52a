# SPDX-License-Identifier: GPL-2.0-or-later
"""Every case of the corpus reads as its header says, in one piece or in many."""

from __future__ import annotations

import pytest

from harness.dmesg import Reader, parse
from tests.dmesg import corpus

CASES = corpus.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_events_are_as_expected(case: corpus.Case, request: pytest.FixtureRequest) -> None:
    events = [corpus.expectation(event) for event in parse(case.log)]
    if request.config.getoption("--update", default=False):
        case.write(events)
        return
    assert events == case.events


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.value("truth")], ids=lambda case: case.path.stem
)
def test_the_first_event_is_what_the_author_of_the_log_expects(case: corpus.Case) -> None:
    events = parse(case.log)
    if case.value("truth") == "none":
        assert events == []
        return
    line, what, *functions = case.value("truth").split()
    kind, _, subtype = what.partition("/")
    event = events[0]
    assert (event.line, event.kind) == (int(line), kind)
    assert subtype in ("", event.subtype)
    assert functions in ([], [event.function or "-"])


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_pieces_make_no_difference(size: int) -> None:
    for case in CASES[:: 12 if size < 100 else 3]:
        reader, events = Reader(), []
        for start in range(0, len(case.log), size):
            events += reader.feed(case.log[start : start + size])
        assert events + reader.close() == parse(case.log), case.path.stem


def test_a_console_that_a_mail_quotes_reads_the_same() -> None:
    for case in CASES:
        quoted = b"\n".join(b"> " + line for line in case.log.split(b"\n"))
        assert [corpus.expectation(event) for event in parse(quoted)] == case.events, case.path.stem


def test_the_corpus_has_reports_and_clean_logs() -> None:
    assert sum(bool(case.events) for case in CASES) >= 20
    assert any(not case.events for case in CASES)


@pytest.mark.parametrize(
    "name",
    ["lockdep-circular-3", "lockdep-irq-order", "lockdep-irq-inversion", "lockdep-recursive", "oops-null"],
)
def test_fingerprints_are_the_same_on_every_kernel(name: str) -> None:
    paths = [corpus.FOLDER / f"{name}-{version}.log" for version in ("6.1", "6.12", "7.2")]
    prints = {parse(corpus.read(path).log)[0].fingerprint for path in paths}
    assert len(prints) == 1
