# SPDX-License-Identifier: GPL-2.0-or-later
"""What `b4 review` takes from a check command on its standard output.

Source: `_run_external_cmd()` in src/b4/review/checks.py of b4 0.16: a JSON list of objects with `tool`,
`status` (`pass`, `warn` or `fail`), `summary`, `url` and `details`. The command is what
`b4.review-series-check-cmd` of git's configuration says; b4 takes the list whatever the exit code is.
"""

from __future__ import annotations

import json

from harness.report.finding import of_cell
from harness.report.results import Results, VariantReport
from harness.report.text import one_line, visible
from harness.words import Cell, Outcome

_UNSURE = (Outcome.INCONCLUSIVE, Outcome.INFRA)


def b4(results: Results) -> str:
    """Return the list, one entry per variant.

    A reviewer asks what the kernel does, not whether that was foreseen: a failure is `fail` also where
    history expects it.
    """
    return json.dumps([_entry(results, variant) for variant in results.variants], indent=1) + "\n"


def _entry(results: Results, variant: VariantReport) -> dict[str, str]:
    cells = [cell for cell in results.cells if cell.variant == variant.name]
    details = [f"on {results.tree['name']}, {results.accelerator.accelerator}"]
    for cell in cells:
        finding = of_cell(cell)
        details.append(f"{cell.workload}: {finding.headline}")
        details += [f"    {text}" for text in finding.details]
    return {
        "tool": "percpu-harness",
        "status": _status(cells),
        "summary": one_line(f"{variant.name}: {_summary(cells)}"),
        "url": "",
        "details": visible("\n".join(details)),
    }


def _status(cells: list[Cell]) -> str:
    verdicts = {cell.verdict for cell in cells}
    if Outcome.FAIL in verdicts:
        return "fail"
    return "pass" if verdicts == {Outcome.PASS} else "warn"


def _summary(cells: list[Cell]) -> str:
    parts = []
    for text, outcomes in (("fail", [Outcome.FAIL]), ("prove nothing", _UNSURE), ("pass", [Outcome.PASS])):
        names = [cell.workload for cell in cells if cell.verdict in outcomes]
        listed = "" if text == "pass" else f" ({', '.join(names)})"
        if names:
            parts.append(f"{len(names)} of {len(cells)} workloads {text}{listed}")
    return "; ".join(parts) or "nothing was run"
