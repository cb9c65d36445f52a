# SPDX-License-Identifier: GPL-2.0-or-later
"""From a plan to the distinct sources that it needs, and from a source to its kernel."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.build import Builder, BuildProgress, order
from harness.data import data_dir
from harness.engine.files import guest_files
from harness.plan import Plan, choose
from harness.report.progress import Progress
from harness.source import Tree, open_tree
from harness.variants import AS_IS, Variant, VariantCommit, catalogue, materialise, tree_stage
from harness.words import BuildError, Expectation, Kernel, UserError
from harness.workload import Workload, workloads


@dataclass(slots=True)
class Source:
    """One distinct source: the variants that have it, and what its build left."""

    names: list[str]
    commit: str
    source_id: str
    kernel: Kernel | None = None
    first_error: str | None = None

    @property
    def name(self) -> str:
        """Return the variant that this source is called by."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a plan comes to on this tree, before anything is built.

    `sources` stand in the order of building. `cells` names the workloads of each variant, `files` what each
    workload needs in the guest, by the path there.
    """

    tree: Tree
    stage: str | None
    variants: Mapping[str, Variant]
    commits: Mapping[str, VariantCommit]
    sources: Sequence[Source]
    workloads: Mapping[str, Workload]
    builder: Builder
    notes: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    files: Mapping[str, Mapping[str, Path]]

    def source_of(self, variant: str) -> Source:
        """Return the source that a variant has."""
        return next(source for source in self.sources if variant in source.names)

    def workloads_on(self, source: Source) -> list[Workload]:
        """Return what is run on a source: the workloads of all the variants that have it."""
        wanted = {name for variant in source.names for name in self.cells[variant]}
        return [workload for name, workload in self.workloads.items() if name in wanted]

    def expectations(self, variant: str) -> Mapping[str, Expectation]:
        """Return what history says of a variant; the unpatched tree behaves like the stage it stands at."""
        return _expectations(self.variants[variant], self.stage)


def _expectations(variant: Variant, stage: str | None) -> Mapping[str, Expectation]:
    if variant.name != AS_IS:
        return variant.expects
    return catalogue()[stage].expects if stage else {}


def prepare(plan: Plan, cache: Path, progress: Progress) -> Prepared:
    """Find out all that the plan needs before the first build; the cheap mistakes are told first.

    `UserError` for an unknown name, a tree that is not there or a variant that was asked for and cannot be
    made.
    """
    chosen = planned_workloads(plan)
    choose("variant", plan.variants, catalogue())
    fragments = _fragments(plan, chosen)
    tree = open_tree(plan.tree, cache, mirror=plan.debian_mirror, say=progress.say)
    commits, notes = _materialise(plan, tree, progress)
    builder = Builder(tree, cache, fragments, data_dir("images") / "module")
    stage = tree_stage(tree)
    cells = {name: _cells(plan, name, stage, chosen) for name in commits}
    commits = {name: made for name, made in commits.items() if cells[name]}
    used = {name for names in cells.values() for name in names}
    chosen = {name: workload for name, workload in chosen.items() if name in used}
    files = {
        name: guest_files(workload, cache, plan.debian_mirror, progress.say)
        for name, workload in chosen.items()
    }
    return Prepared(
        tree=tree,
        stage=stage,
        variants={name: catalogue()[name] for name in commits},
        commits=commits,
        sources=_in_order(tree, _distinct(commits), builder),
        workloads=chosen,
        builder=builder,
        notes=notes,
        cells=cells,
        files=files,
    )


def planned_workloads(plan: Plan) -> dict[str, Workload]:
    """Return the workloads that the plan names, or those that nobody has to name, with its parameters."""
    known = workloads()
    choose("workload", list(plan.parameters), known)
    return {
        name: known[name].tuned(plan.parameters.get(name, {}))
        for name in choose("workload", plan.workloads, known)
        if plan.workloads or not known[name].on_demand
    }


def _cells(plan: Plan, variant: str, stage: str | None, chosen: Mapping[str, Workload]) -> list[str]:
    """Return the workloads of a variant; costly ones only where both are named or history knows of it."""
    expected = _expectations(catalogue()[variant], stage)
    return [
        name
        for name, workload in chosen.items()
        if not workload.costly or name in expected or (plan.variants and name in plan.workloads)
    ]


def _fragments(plan: Plan, chosen: Mapping[str, Workload]) -> list[Path]:
    """Return the config fragments that the workloads need and those that the plan adds."""
    names = dict.fromkeys(name for workload in chosen.values() for name in workload.fragments)
    shipped = data_dir("kconfigs")
    files = [shipped / f"{name}.config" for name in names]
    for name in plan.kconfig:
        candidates = [shipped / f"{name}.config", Path(name).expanduser()]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            known = ", ".join(sorted(path.stem for path in shipped.glob("*.config")))
            raise UserError(f"'{name}' is neither a config fragment of ours ({known}) nor a file")
        files.append(found.resolve())
    return files


def _materialise(plan: Plan, tree: Tree, progress: Progress) -> tuple[dict[str, VariantCommit], list[str]]:
    """Make a commit of each variant. One that was not asked for by name and cannot be made is only noted."""
    known = catalogue()
    commits: dict[str, VariantCommit] = {}
    notes: list[str] = []
    for name in choose("variant", plan.variants, known):
        try:
            commits[name] = materialise(tree, known[name])
        except UserError as error:
            if plan.variants:
                raise
            notes.append(f"{name} is left out: {error}")
            progress.say(notes[-1])
            continue
        if commits[name].contained and name != AS_IS:
            notes.append(f"{tree.name} already contains {name}")
    return commits, notes


def _distinct(commits: Mapping[str, VariantCommit]) -> list[Source]:
    """Group variants of equal source."""
    sources: dict[str, Source] = {}
    for name, made in commits.items():
        source = sources.setdefault(made.source_id, Source([], made.commit, made.source_id))
        source.names.append(name)
    return list(sources.values())


def _in_order(tree: Tree, sources: Sequence[Source], builder: Builder) -> list[Source]:
    """Put what needs no build first, so that guests work meanwhile, and then what rebuilds least."""
    commits = order(tree, [source.commit for source in sources])
    return sorted(
        sources,
        key=lambda source: (builder.cached(source.source_id) is None, commits.index(source.commit)),
    )


async def build(prepared: Prepared, source: Source, folder: Path, progress: Progress) -> None:
    """Build a source's kernel, or take it from the cache; one that does not build leaves its first error
    line.

    `folder` gets the build log and the final config.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)

    def told(step: BuildProgress) -> None:
        progress.building(source.name, step.done, step.total)

    started = time.monotonic()
    try:
        source.kernel = await asyncio.to_thread(
            prepared.builder.build, source.commit, source.source_id, folder / "build.log", told
        )
    except asyncio.CancelledError:
        prepared.builder.stop()
        raise
    except BuildError as error:
        source.first_error = error.first_error
        progress.built(source.name, time.monotonic() - started, f"does not build: {error.first_error}")
        return
    shutil.copyfile(source.kernel.config, folder / "config")
    note = "taken from the cache" if source.kernel.reused else "built"
    progress.built(source.name, time.monotonic() - started, note)
