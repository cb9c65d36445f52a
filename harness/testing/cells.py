# SPDX-License-Identifier: GPL-2.0-or-later
"""The cells of one plan: collected without looking at a tree, run one by one when pytest comes to them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import platformdirs
import pytest
from rich.console import Console

from harness.engine import Engine, Prepared, open_folder, planned_workloads
from harness.plan import choose, load
from harness.report.finding import Finding, Sort, of_cell
from harness.report.progress import PlainProgress
from harness.variants import catalogue
from harness.words import AcceleratorChoice, Cell, HarnessError, UserError

#: What the plugin is registered as.
NAME = "percpu-plan"
_HANDED = "percpu_run"


class _Worker(Protocol):
    """A worker of xdist, as its controller sees it."""

    workerinput: dict[str, str]


class PlanPlugin:
    """One session's plan and its engine. Kernels are built when a cell needs them, once."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self.path = path
        self.plan = load(path)
        if self.plan.candidates:
            raise UserError("a review is no list of cells beforehand: run its plan with percpu-harness run")
        self.variants = choose("variant", self.plan.variants, catalogue())
        self.workloads = tuple(planned_workloads(self.plan))
        self.out = _out(config)
        self._held = ExitStack()
        self._engine: Engine | None = None
        self._opened: tuple[Prepared, AcceleratorChoice] | None = None
        self._broken: HarnessError | None = None
        self._done = False
        _aim(config, path)

    def pytest_report_header(self) -> str:
        """Tell where everything goes."""
        return f"percpu plan: {self.path}, the run's folder is {self.out}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: _Worker) -> None:
        """Tell a worker of xdist the folder: by its own clock it might choose another."""
        node.workerinput[_HANDED] = str(self.out)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> PlanFile | None:
        """Collect the plan, and no other file."""
        if file_path.resolve() != self.path:
            return None
        made: PlanFile = PlanFile.from_parent(parent, path=file_path)
        return made

    def pytest_sessionfinish(self) -> None:
        """Keep the results of what was run, so that they can be told again."""
        try:
            if self._done and self._engine and self._opened:
                self._engine.keep_cells(*self._opened)
        finally:
            self._held.close()

    def cell(self, variant: str, workload: str) -> Cell | str:
        """Run a cell, or say why the plan does not have it on this tree; `HarnessError` when nothing works.

        What stops the first cell stops all: it is not tried again.
        """
        if self._broken is not None:
            raise self._broken
        if self._opened is None:
            try:
                self._opened = self._open()
            except HarnessError as error:
                self._broken = error
                raise
        prepared, accelerator = self._opened
        if variant not in prepared.variants:
            left_out = (note for note in prepared.notes if note.startswith(f"{variant} "))
            return next(left_out, f"{variant} is left out")
        if workload not in prepared.cells[variant]:
            return f"history says nothing of {variant} under {workload}, which is costly: name both to run it"
        assert self._engine is not None
        cell = asyncio.run(self._engine.run_cell(prepared, accelerator, variant, workload))
        self._done = True
        return cell

    def _open(self) -> tuple[Prepared, AcceleratorChoice]:
        if self.out.is_dir() and any(self.out.iterdir()):
            raise UserError(f"{self.out} is not empty: give another --percpu-out")
        self._held.enter_context(open_folder(self.out, resume=False))
        cache = platformdirs.user_cache_path("percpu-harness")
        self._engine = Engine(self.plan, self.out, cache, PlainProgress(Console(stderr=True)))
        return self._engine.prepare()


class PlanFile(pytest.File):
    """The plan, as a file of tests."""

    def collect(self) -> Iterator[VariantNode]:
        """Yield the variants."""
        for name in _plugin(self).variants:
            yield VariantNode.from_parent(self, name=name)


class VariantNode(pytest.Collector):
    """A variant, as a group of tests."""

    def collect(self) -> Iterator[CellItem]:
        """Yield the cells."""
        for name in _plugin(self).workloads:
            yield CellItem.from_parent(self, name=name)


class CellItem(pytest.Item):
    """A cell, as a test. Its set-up measures, so that what proves nothing is an error and no failure."""

    _finding: Finding | None = None

    @property
    def variant(self) -> str:
        """Return the variant of the cell."""
        assert self.parent is not None
        return self.parent.name

    def setup(self) -> None:
        """Run the cell."""
        broken, cell = "", None
        try:
            cell = _plugin(self).cell(self.variant, self.name)
        except HarnessError as error:
            broken = str(error)
        if cell is None:
            pytest.fail(broken, pytrace=False)
        if isinstance(cell, str):
            pytest.skip(cell)
        self._finding = of_cell(cell)
        self.user_properties += [
            ("verdict", str(cell.verdict)),
            ("expected", str(cell.expected.outcome) if cell.expected else ""),
            ("trials", len(cell.trials)),
            ("failures", cell.failures),
            ("folder", str(_plugin(self).out / self._finding.folder)),
        ]
        if self._finding.sort is Sort.BROKEN:
            pytest.fail(self._told(), pytrace=False)

    def runtest(self) -> None:
        """Judge it."""
        assert self._finding is not None
        if self._finding.sort is not Sort.PASSED:
            pytest.fail(self._told(), pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str], None, str]:
        """Name the cell."""
        return self.path, None, f"{self.variant} x {self.name}"

    def _told(self) -> str:
        assert self._finding is not None
        where = [f"the evidence is in {_plugin(self).out / self._finding.folder}"]
        return "\n".join([self._finding.headline, *self._finding.reasons, *where])


def _plugin(node: pytest.Collector | pytest.Item) -> PlanPlugin:
    plugin = node.config.pluginmanager.get_plugin(NAME)
    assert isinstance(plugin, PlanPlugin)
    return plugin


def _out(config: pytest.Config) -> Path:
    """Return the run's folder; every worker of xdist is a run of its own, in a folder below that which it was
    told.
    """
    told: dict[str, str] = getattr(config, "workerinput", {})
    asked = told.get(_HANDED) or config.getoption("percpu_out")
    name = Path(asked).expanduser() if asked else Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    return (config.invocation_params.dir / name / told.get("workerid", "")).resolve()


def _aim(config: pytest.Config, path: Path) -> None:
    """Let pytest collect the plan: alone, or with what else was asked for."""
    folder = config.invocation_params.dir
    if any((folder / argument.split("::")[0]).resolve() == path for argument in config.args):
        return
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args.clear()
    config.args.append(str(path))
