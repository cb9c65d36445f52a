# SPDX-License-Identifier: GPL-2.0-or-later
"""From a plan to the distinct sources that it needs, and from a source to its kernel."""

from __future__ import annotations

import asyncio
import filecmp
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.build import Builder, BuildProgress, find_sandbox, order, read_warnings
from harness.data import data_dir
from harness.engine.files import guest_files
from harness.engine.lineup import LineUp, expectations, line_up
from harness.plan import Plan, choose
from harness.report.progress import Progress
from harness.source import Tree, open_tree
from harness.variants import Candidate, Variant, VariantCommit, catalogue, tree_stage
from harness.words import BuildError, Expectation, Kernel, UserError
from harness.workload import Workload, workloads


@dataclass(slots=True)
class Source:
    """One distinct source: the variants that have it, and what its build left.

    `foreign` says that its makefiles must not run outside of a sandbox. A source whose image turns out to be
    that of another one, bit by bit, gives its names to that one and is empty then.
    """

    names: list[str]
    commit: str
    source_id: str
    foreign: bool = False
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
    workload needs in the guest, by the path there. `candidates` are what is under review; of `parts` (bases
    and incomplete series) nobody claims that they pass, and `omissions` among them need not even build.
    `shut_in` builds foreign sources. Builds fill in the `warnings` of the variants.
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
    candidates: Sequence[Candidate] = ()
    parts: Collection[str] = ()
    shut_in: Builder | None = None
    omissions: Collection[str] = ()
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def source_of(self, variant: str) -> Source:
        """Return the source that a variant has."""
        return next(source for source in self.sources if variant in source.names)

    def workloads_on(self, source: Source) -> list[Workload]:
        """Return what is run on a source: the workloads of all the variants that have it."""
        wanted = {name for variant in source.names for name in self.cells[variant]}
        return [workload for name, workload in self.workloads.items() if name in wanted]

    def places(self) -> list[tuple[str, str]]:
        """Return the cells, variant and workload, of all but series that do not build without a patch."""
        return [
            (variant, workload)
            for variant in self.variants
            for workload in self.cells[variant]
            if variant not in self.omissions or self.source_of(variant).first_error is None
        ]

    def builder_of(self, source: Source) -> Builder:
        """Return what builds a source."""
        return self.shut_in if self.shut_in is not None and source.foreign else self.builder

    def identical(self) -> Iterator[str]:
        """Say in a sentence of which variants the image came to be the same although their sources differ."""
        for name, made in self.commits.items():
            source = self.source_of(name)
            if made.source_id != source.source_id:
                yield f"the kernel of {name} is bit-identical to that of {source.name}: it was run once"

    def expectations(self, variant: str) -> Mapping[str, Expectation]:
        """Return what history says of a variant; the unpatched tree behaves like the stage it stands at."""
        return expectations(self.variants[variant], self.stage)


def prepare(plan: Plan, cache: Path, progress: Progress) -> Prepared:
    """Find out all that the plan needs before the first build; the cheap mistakes are told first.

    `UserError` for an unknown name, a tree that is not there or a variant that was asked for and cannot be
    made.
    """
    chosen = planned_workloads(plan)
    choose("variant", plan.variants, catalogue())
    fragments = _fragments(plan, chosen)
    tree = open_tree(plan.tree, cache, mirror=plan.debian_mirror, say=progress.say)
    stage = tree_stage(tree)
    lined = line_up(plan, tree, stage, chosen, cache, progress.say)
    used = {name for names in lined.cells.values() for name in names}
    chosen = {name: workload for name, workload in chosen.items() if name in used}
    sources = _distinct(lined)
    sandbox = find_sandbox(trusted=plan.trust_source) if any(one.foreign for one in sources) else None
    module = data_dir("images") / "module"
    builder = Builder(tree, cache, fragments, module)
    shut_in = Builder(tree, cache, fragments, module, sandbox=sandbox) if sandbox else None
    files = {
        name: guest_files(workload, cache, plan.debian_mirror, progress.say)
        for name, workload in chosen.items()
    }
    return Prepared(
        tree=tree,
        stage=stage,
        variants=lined.variants,
        commits=lined.commits,
        sources=_in_order(tree, sources, builder, shut_in),
        workloads=chosen,
        builder=builder,
        notes=lined.notes,
        cells=lined.cells,
        files=files,
        candidates=lined.candidates,
        parts=lined.parts,
        shut_in=shut_in,
        omissions=lined.omissions,
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


def _distinct(lined: LineUp) -> list[Source]:
    """Group variants of equal source; one that a trusted variant has is trusted, whoever sent it."""
    sources: dict[str, Source] = {}
    for name, made in lined.commits.items():
        source = sources.setdefault(
            made.source_id, Source([], made.commit, made.source_id, foreign=name in lined.foreign)
        )
        source.names.append(name)
        source.foreign = source.foreign and name in lined.foreign
    for source in sources.values():
        source.names.sort(key=lambda name: name in lined.parts)
    return list(sources.values())


def _in_order(
    tree: Tree, sources: Sequence[Source], builder: Builder, shut_in: Builder | None
) -> list[Source]:
    """Put what needs no build first, so that guests work meanwhile, and then what rebuilds least."""
    commits = order(tree, [source.commit for source in sources])

    def key(source: Source) -> tuple[bool, bool, int]:
        own = shut_in if shut_in is not None and source.foreign else builder
        return own.cached(source.source_id) is None, source.foreign, commits.index(source.commit)

    return sorted(sources, key=key)


async def build(prepared: Prepared, source: Source, folder: Path, progress: Progress) -> None:
    """Build a source's kernel, or take it from the cache; one that does not build leaves its first error
    line.

    `folder` gets the build log and the final config. Where the image is that of another source, bit by bit,
    that one takes over the names.
    """
    builder = prepared.builder_of(source)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)

    def told(step: BuildProgress) -> None:
        progress.building(source.name, step.done, step.total)

    started = time.monotonic()
    try:
        source.kernel = await asyncio.to_thread(
            builder.build, source.commit, source.source_id, folder / "build.log", told
        )
        _take_warnings(prepared, source, folder)
    except asyncio.CancelledError:
        builder.stop()
        raise
    except BuildError as error:
        source.first_error = error.first_error
        _take_warnings(prepared, source, folder)
        progress.built(source.name, time.monotonic() - started, f"does not build: {error.first_error}")
        return
    shutil.copyfile(source.kernel.config, folder / "config")
    note = "taken from the cache" if source.kernel.reused else "built"
    progress.built(source.name, time.monotonic() - started, note)
    for other in prepared.sources:
        if other is not source and other.kernel and _identical(other.kernel, source.kernel):
            progress.say(f"the kernel of {source.name} is bit-identical to that of {other.name}")
            other.names += source.names
            source.names.clear()
            break


def _take_warnings(prepared: Prepared, source: Source, folder: Path) -> None:
    prepared.warnings.update(dict.fromkeys(source.names, read_warnings(folder / "build.log")))


def _identical(one: Kernel, other: Kernel) -> bool:
    """Tell whether guests could not tell two kernels apart."""
    return one.build_id == other.build_id and all(
        filecmp.cmp(*pair, shallow=False) for pair in ((one.image, other.image), (one.module, other.module))
    )
