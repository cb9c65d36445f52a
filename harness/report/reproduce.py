# SPDX-License-Identifier: GPL-2.0-or-later
"""The command that does a run, or a part of it, once more."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.report.results import Results

_BREAK = " \\\n    "


def command(
    results: Results, variants: Sequence[str] = (), workloads: Sequence[str] = (), trials: int | None = None
) -> str:
    """Return a shell command over several lines, one option or series each.

    Without names it is the whole run; what the plan left open stays open.
    """
    plan = results.plan
    candidates = _strings(plan.get("candidates"))
    options: dict[str, object] = {
        "tree": results.tree["spec"],
        # A review chooses its variants itself.
        "variants": "" if candidates else ",".join(variants or _strings(plan.get("variants"))),
        "workloads": ",".join(workloads or _strings(plan.get("workloads"))),
        "trials": trials or plan.get("trials"),
        "until": plan.get("until"),
        "for": plan.get("seconds") or None,
        "cold-every": plan.get("cold_every"),
        "seed": plan.get("seed"),
        "accelerator": plan.get("accelerator"),
    }
    words = [["percpu-harness", "review" if candidates else "run"], *([name] for name in candidates)]
    words += [[f"--{name.replace('_', '-')}"] for name in ("each_patch", "trust_source") if plan.get(name)]
    words += [[f"--{name}", str(value)] for name, value in options.items() if value not in (None, "")]
    words += [["--kconfig", name] for name in _strings(plan.get("kconfig"))]
    return _BREAK.join(shlex.join(part) for part in words)


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
