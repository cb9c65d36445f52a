# SPDX-License-Identifier: GPL-2.0-or-later
"""Times this and other tools: build two variants from nothing, run one command in a guest of each kernel.

All build the same two commits with the same config, which has what virtme-ng needs of a guest (9p), one after
the other in one temporary folder, without KVM. virtme-ng builds in its tree and is run as its users do, and
tuxmake, which only builds, in a build folder that it keeps. They come from PyPI into an environment of their
own. tuxrun is not there: it needs a container with LAVA, or a root filesystem from the network.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import row
from bench_builds import Ours, timed
from rich.console import Console

from harness.cli import cache_folder
from harness.engine import Prepared, prepare
from harness.machine import BootSpec, boot, build_initrd
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.words import Accelerator, Kernel

_FRAGMENT = Path(__file__).with_name("virtme.config")
_VARIANTS = ("as-is", "series-v4")
_DEADLINE = 600  # seconds for one guest
_JOBS = str(os.cpu_count())


class Others:
    """Tools of others, in an environment of their own below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "tools" / "bin"
        venv.create(folder / "tools", with_pip=True)
        self.run([self._bin / "pip", "install", "--quiet", "virtme-ng", "tuxmake"])
        self.versions = [self.run([self._bin / name, "--version"]).strip() for name in ("vng", "tuxmake")]

    def run(
        self, command: Sequence[str | Path], where: Path | None = None, accepted: tuple[int, ...] = (0,)
    ) -> str:
        """Run a command to its end and return what it said; another exit code ends the benchmark."""
        path = f"{self._bin}:{os.environ['PATH']}"
        done = subprocess.run(
            [*map(str, command)],
            cwd=where,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in accepted:
            said = (done.stdout + done.stderr)[-4000:]
            sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
        return done.stdout

    def virtme_build(self, tree: Path) -> None:
        """Build a tree that has a config, without modules."""
        self.run(["vng", "--build", "--skip-modules", "--jobs", _JOBS, "RUSTC=false"], tree)

    def virtme_run(self, tree: Path, release: str) -> None:
        """Run `uname -r` in a guest of a tree's kernel; something else than `release` ends the benchmark."""
        options = ["--disable-kvm", "--force-9p", "--cpus", "2", "--memory", "256M"]
        script = ["timeout", str(_DEADLINE), "script", "-qec"]  # it wants a terminal
        command = [*script, f"vng --verbose --run . {' '.join(options)} -- uname -r", "/dev/null"]
        # 255: without udev, its guest has no names for the ports by which it would tell how the script ended.
        said = self.run(command, tree, (0, 255))
        if release not in said:
            sys.exit(f"virtme-ng did not run {release}:\n{said[-4000:]}")

    def tuxmake_build(self, tree: Path, config: Path, folder: Path) -> None:
        """Build a tree, without modules, where its objects are kept."""
        where: list[str | Path] = ["-C", tree, "-b", folder / "objects", "-o", folder / "output"]
        how = ["-j", _JOBS, "-z", "none", "-r", "null", "RUSTC=false", "kernel"]
        self.run(["tuxmake", *where, "-k", config, *how])


async def ours_run(kernel: Kernel, folder: Path) -> None:
    """Run `uname -r` in a guest of ours."""
    guest = await boot(BootSpec(kernel.image, build_initrd(folder / "initrd", {}), folder, Accelerator.TCG))
    try:
        said = (await guest.run(["/bin/busybox", "uname", "-r"], 60)).stdout.decode()
    finally:
        await guest.shutdown()
    if kernel.release not in said:
        sys.exit(f"our guest did not run {kernel.release}: {said}")


def harness(prepared: Prepared, folder: Path, kernels: list[Kernel]) -> Iterator[tuple[str, float]]:
    """Build and run with ours, and leave the kernels."""
    ours = Ours(prepared, folder / "ours")
    for variant in _VARIANTS:
        yield f"build {variant}", ours.build(variant)
        place = folder / f"guest-{variant}"
        place.mkdir()
        yield "run", timed(asyncio.run, ours_run(ours.kernels[-1], place))
    kernels += ours.kernels


def switched(prepared: Prepared, where: Path, kernels: list[Kernel]) -> Iterator[tuple[str, Path, Kernel]]:
    """Bring a tree of its own to one variant after the other, and yield it with the kernel that ours is."""
    tree = prepared.tree.worktree(where)
    for variant, kernel in zip(_VARIANTS, kernels, strict=True):
        tree.switch(prepared.commits[variant].commit)
        yield variant, tree.path, kernel


def virtme(
    others: Others, prepared: Prepared, folder: Path, kernels: list[Kernel]
) -> Iterator[tuple[str, float]]:
    """Build and run with virtme-ng."""
    for variant, tree, kernel in switched(prepared, folder / "virtme", kernels):
        shutil.copyfile(kernel.config, tree / ".config")
        yield f"build {variant}", timed(others.virtme_build, tree)
        yield "run", timed(others.virtme_run, tree, kernel.release.partition("-")[0])


def tuxmake(
    others: Others, prepared: Prepared, folder: Path, kernels: list[Kernel]
) -> Iterator[tuple[str, float]]:
    """Build with tuxmake."""
    for variant, tree, kernel in switched(prepared, folder / "tux", kernels):
        yield f"build {variant}", timed(others.tuxmake_build, tree, kernel.config, folder)


def main() -> None:
    """Build and run with each, and print seconds and ratios."""
    shown = PlainProgress(Console(stderr=True))
    prepared = prepare(Plan(variants=_VARIANTS, kconfig=(str(_FRAGMENT),)), cache_folder(), shown)
    whole: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-others-", dir=cache_folder()) as name:
        folder = Path(name)
        others = Others(folder)
        print(", ".join(others.versions))
        kernels: list[Kernel] = []
        for tool, steps in (
            ("harness", harness(prepared, folder, kernels)),
            ("virtme-ng", virtme(others, prepared, folder, kernels)),
            ("tuxmake", tuxmake(others, prepared, folder, kernels)),
        ):
            for what, seconds in steps:
                whole[tool] = whole.get(tool, 0) + seconds
                row(f"{tool}, {what}", seconds)
    for tool, seconds in whole.items():
        row(f"{tool}, all of it", seconds, f"{seconds / whole['harness']:5.2f} of ours")


if __name__ == "__main__":
    main()
