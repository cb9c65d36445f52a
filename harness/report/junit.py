# SPDX-License-Identifier: GPL-2.0-or-later
"""JUnit XML, in the form that Jenkins' xunit plugin has a schema for and GitLab reads.

A suite is a variant, a test case a workload. A cell that proves nothing is an `error`, never `skipped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from harness.report.finding import Finding, Sort, findings
from harness.report.results import Results
from harness.report.text import visible

_ELEMENT = {Sort.FAILED: "failure", Sort.BROKEN: "error"}


def junit(results: Results) -> str:
    """Return the document."""
    found = list(findings(results))
    root = ElementTree.Element("testsuites", {"name": "percpu-harness", **_counts(found)})
    for name, members in groupby(found, key=lambda finding: finding.suite):
        suite = list(members)
        counts = {**_counts(suite), "skipped": "0"}
        element = ElementTree.SubElement(root, "testsuite", {"name": visible(name), **counts})
        _properties(element, results, name)
        for finding in suite:
            _case(element, finding)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(found: Sequence[Finding]) -> dict[str, str]:
    return {
        "tests": str(len(found)),
        "failures": str(sum(finding.sort is Sort.FAILED for finding in found)),
        "errors": str(sum(finding.sort is Sort.BROKEN for finding in found)),
        "time": f"{sum(finding.seconds for finding in found):.3f}",
    }


def _properties(suite: ElementTree.Element, results: Results, variant: str) -> None:
    values = {
        "tree": results.tree["name"],
        "accelerator": str(results.accelerator.accelerator),
        "toolchain": results.toolchain.get("gcc", "unknown"),
    }
    for report in results.variants:
        if report.name == variant:
            values |= {"commit": report.commit, "source_id": report.source_id}
    element = ElementTree.SubElement(suite, "properties")
    for name, value in values.items():
        ElementTree.SubElement(element, "property", {"name": name, "value": visible(value)})


def _case(suite: ElementTree.Element, finding: Finding) -> None:
    names = {"classname": visible(finding.suite), "name": visible(finding.name)}
    case = ElementTree.SubElement(suite, "testcase", {**names, "time": f"{finding.seconds:.3f}"})
    details = visible("\n".join(finding.details))
    if finding.sort is Sort.PASSED:
        out = ElementTree.SubElement(case, "system-out")
        out.text = "\n".join([finding.headline, details])
        return
    attributes = {"type": str(finding.verdict), "message": visible(finding.headline)}
    ElementTree.SubElement(case, _ELEMENT[finding.sort], attributes).text = details
