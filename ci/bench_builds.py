# SPDX-License-Identifier: GPL-2.0-or-later
"""Times builds against plain make: the base, the step to another variant, and a warm compiler cache.

All of it is done in one temporary folder, one after the other, with the same config; so the ratios hold on a
machine of any speed, as long as it has no other work meanwhile. The tree is taken from the user's cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import row
from rich.console import Console

from harness.build import Builder, KernelCache
from harness.cli import cache_folder
from harness.engine import Prepared, prepare
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.words import Kernel


def timed(work: Callable[..., object], *args: object) -> float:
    """Return the wall seconds that some work takes."""
    started = time.monotonic()
    work(*args)
    return time.monotonic() - started


class Ours:
    """Builds as the harness does, in `folder`, with a compiler cache in there that starts empty."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self._prepared = prepared
        self._folder = folder
        self.kernels: list[Kernel] = []

    def build(self, variant: str) -> float:
        """Return the seconds from a commit to a kernel in the cache."""
        known, made = self._prepared.builder, self._prepared.commits[variant]
        builder = Builder(self._prepared.tree, self._folder, known.fragments, known.module)
        log = self._folder / "build.log"
        return timed(lambda: self.kernels.append(builder.build(made.commit, made.source_id, log)))

    def forget_objects(self) -> None:
        """Drop all but the compiler cache."""
        for name in ("builds", "kernels"):
            shutil.rmtree(self._folder / name)


class Plain:
    """Builds with git and make alone, with a config that is there."""

    def __init__(self, prepared: Prepared, folder: Path, config: Path) -> None:
        self._prepared = prepared
        self._out = folder / "out"
        self._out.mkdir(parents=True)
        self._module = folder / "module"
        shutil.copytree(prepared.builder.module, self._module)
        self._tree = prepared.tree.worktree(folder / "source")
        shutil.copyfile(config, self._out / ".config")

    def build(self, variant: str) -> float:
        """Switch to a commit, and return the seconds that make takes then."""
        self._tree.switch(self._prepared.commits[variant].commit)
        return timed(self._everything)

    def _everything(self) -> None:
        self.make("vmlinux", "modules")
        self.make(f"M={self._module}", "modules")

    def make(self, *targets: str) -> None:
        """Run make with as many jobs as there are processors."""
        command = ["make", "-C", str(self._tree.path), f"O={self._out}", f"-j{os.cpu_count()}", "RUSTC=false"]
        subprocess.run([*command, *targets], check=True, stdout=subprocess.DEVNULL)

    def link(self) -> float:
        """Return the seconds that linking takes when all is compiled: symbol tables, BTF, relocations."""
        for name in ("vmlinux", "vmlinux.o"):
            (self._out / name).unlink(missing_ok=True)
        return timed(lambda: self.make("vmlinux"))

    def pack(self) -> float:
        """Return the seconds that a compressed image takes on top, which QEMU does not need."""
        return timed(lambda: self.make("bzImage"))


def main() -> None:
    """Build, and print seconds and ratios."""
    parser = argparse.ArgumentParser(prog="ci/bench builds", description=__doc__)
    parser.add_argument("--variants", default="scope-atomic,series-v4", help="built after the unpatched tree")
    args = parser.parse_args()
    others = args.variants.split(",")
    plan = Plan(variants=("as-is", *others))
    prepared = prepare(plan, cache_folder(), PlainProgress(Console(stderr=True)))
    with tempfile.TemporaryDirectory(prefix="bench-builds-", dir=cache_folder()) as name:
        ours = Ours(prepared, Path(name) / "ours")
        cold = ours.build("as-is")
        plain = Plain(prepared, Path(name) / "plain", ours.kernels[0].config)
        alone = plain.build("as-is")
        row("as-is, plain make", alone)
        row("as-is, harness, nothing cached", cold, f"{cold / alone:5.2f} of that")
        row("  linking again, plain make", plain.link())
        row("  a bzImage on top, plain make", plain.pack())
        kept = KernelCache(Path(name) / "copy")
        row("  storing a kernel", timed(lambda: kept.store(ours.kernels[0])))
        for variant in others:
            needed, taken = plain.build(variant), ours.build(variant)
            row(f"{variant}, plain make", needed)
            row(f"{variant}, harness", taken, f"{taken / needed:5.2f} of that")
        ours.forget_objects()
        warm = ours.build("as-is")
        row("as-is, harness, warm ccache", warm, f"{warm / cold:5.2f} of the first")


if __name__ == "__main__":
    main()
