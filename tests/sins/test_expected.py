# SPDX-License-Identifier: GPL-2.0-or-later
"""What real kernels said of known sins is read as the sins' source says it must be."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from harness.dmesg import parse
from harness.words import Event, Kind
from tests.dmesg import corpus
from tests.sins.catalogue import SINS, Expected, Sin
from tests.sins.make_corpus import TREES

CASES = [case for case in corpus.cases() if case.value("sin")]


def fits(event: Event, expected: Expected) -> bool:
    return (
        event.kind in expected.kinds
        and (not expected.subtypes or event.subtype in expected.subtypes)
        and (not expected.functions or event.function in expected.functions)
    )


def sin_of(case: corpus.Case) -> Sin:
    return SINS[case.value("sin")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_reader_agrees_with_the_source_of_the_sin(case: corpus.Case) -> None:
    sin = sin_of(case)
    events = parse(case.log)
    said = [f"{event.kind}/{event.subtype} {event.function}" for event in events]
    if not sin.reports:
        assert not said
        return
    assert events
    assert fits(events[0], sin.reports[0]), f"first: {said[0]} is not {sin.reports[0]}"
    rest = iter(events)
    for expected in sin.reports:
        assert any(fits(event, expected) for event in rest), f"{expected} is not in {said}"
    kinds = {kind for expected in sin.reports for kind in expected.kinds} | set(sin.also)
    assert {event.kind for event in events} <= kinds, said
    if sin.cycle:
        assert set(events[0].cycle) == set(sin.cycle)


def test_what_the_kernels_in_the_corpus_can_see_is_there() -> None:
    trees = {case.value("tree") for case in CASES}
    seen = frozenset({"", "run"}).union(*(TREES[name].sees for name in trees & set(TREES)))
    possible = {sin.name for sin in SINS.values() if sin.needs in seen}
    assert possible - {case.value("sin") for case in CASES} == set()


DOCUMENTED = Path(__file__).parents[2] / "docs/console-messages.md"


def test_every_kind_and_subtype_is_in_the_corpus_twice() -> None:
    seen = Counter(line.split()[2].rstrip(";") for case in corpus.cases() for line in case.events)
    kinds = Counter[str]()
    for what, count in seen.items():
        kinds[what.partition("/")[0]] += count
    assert [kind for kind in Kind if kinds[kind] < 2] == []
    rows = re.findall(r"^\|.*?\| (\w+) \| (\w*) ?\|", DOCUMENTED.read_text(), re.MULTILINE)
    documented = {f"{kind}/{subtype}".rstrip("/") for kind, subtype in rows if kind in set(Kind)}
    assert len(documented) > 80
    assert {what for what in documented if seen[what] < 2} == set()
