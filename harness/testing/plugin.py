# SPDX-License-Identifier: GPL-2.0-or-later
"""What pytest loads wherever this package is installed: two options, and nothing else until one is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.words import UserError


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("percpu", "percpu-harness")
    group.addoption(
        "--percpu-plan", metavar="PLAN", help="run each cell (variant x workload) of this plan.toml as a test"
    )
    group.addoption("--percpu-out", metavar="DIR", help="the run's folder, new or empty (default: runs/TIME)")


def pytest_configure(config: pytest.Config) -> None:
    """Take the plan up, if there is one."""
    name = config.getoption("percpu_plan")
    if name is None:
        return
    # Only now: whoever runs pytest for something else does not wait for it, nor lose its coverage.
    from harness.testing.cells import NAME, PlanPlugin

    path = (config.invocation_params.dir / Path(name).expanduser()).resolve()
    try:
        config.pluginmanager.register(PlanPlugin(config, path), NAME)
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
