# SPDX-License-Identifier: GPL-2.0-or-later
"""KTAP version 1 (Documentation/dev-tools/ktap.rst): a subtest is a variant, in it a test a workload.

What proves nothing is `not ok`: neither `ok` nor `SKIP`, which every reader takes for harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.report.finding import Finding, Sort, findings
from harness.report.results import Results
from harness.report.text import one_line

_HEADER = "KTAP version 1"
_INDENT = "    "


def ktap(results: Results) -> str:
    """Return the document."""
    suites = [(name, list(found)) for name, found in groupby(findings(results), key=lambda one: one.suite)]
    lines = [_HEADER, f"1..{len(suites)}"]
    for number, (name, found) in enumerate(suites, 1):
        lines += (_INDENT + line for line in _suite(name, found))
        lines.append(_result(number, name, all(finding.sort is Sort.PASSED for finding in found)))
    return "\n".join(lines) + "\n"


def _suite(name: str, found: Sequence[Finding]) -> Iterator[str]:
    yield _HEADER
    yield f"# Subtest: {_name(name)}"
    yield f"1..{len(found)}"
    for number, finding in enumerate(found, 1):
        for text in (finding.headline, *finding.details):
            yield f"# {_name(finding.name)}: {one_line(text)}"
        yield _result(number, finding.name, finding.sort is Sort.PASSED)


def _result(number: int, name: str, good: bool) -> str:
    return f"{'ok' if good else 'not ok'} {number} {_name(name)}"


def _name(text: str) -> str:
    """Return a name as KTAP can carry it: there a number sign opens a directive."""
    return one_line(text).replace("#", "_")
