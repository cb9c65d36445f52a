# SPDX-License-Identifier: GPL-2.0-or-later
"""Build a kernel with every detector on, boot it, commit sins in it and keep what its console said.

    python -m tests.sins.make_corpus --tree 6.12 --logs FOLDER [--only NAME ...]

leaves FOLDER/TREE/NAME.log for each sin, raw: the console of its guest, from the first byte where it had a
guest of its own, otherwise from shortly before the sin to the next one. FOLDER/INDEX says what each must
contain. The kernel is taken from the harness's cache when it is there. `tests.sins.keep` makes corpus cases
of the logs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.build import Builder, BuildProgress
from harness.cli import cache_folder
from harness.data import data_dir
from harness.machine import BootSpec, boot, build_initrd
from harness.machine.guest import Guest
from harness.source import open_tree
from harness.words import Accelerator, GuestEndedError, Kernel
from tests.sins.catalogue import SINS, Sin
from tests.sins.packaged import fetch

_HERE = Path(__file__).parent
_FRAGMENTS = ("base", "lockdep", "percpu", "tracing")
_MODULE = "/sins.ko"
_MEMORY_MIB = 384
_COMMAND_SECONDS = 90.0
_LINES_BEFORE = 12  # of a shared console that are kept in front of a sin


@dataclass(frozen=True, slots=True)
class Tree:
    """A kernel to sin in: a Debian version and the config fragments of ours on top of the harness's own.

    `fragments` of None means the distribution's own binary. `sees` are the sins' needs that the kernel meets,
    `cmdline` is what its guests get besides.
    """

    version: str
    fragments: tuple[str, ...] | None
    sees: frozenset[str]
    cmdline: str = ""


_LOCKDEP = frozenset({"lockdep", "atomic-sleep"})
_DEBUG = _LOCKDEP | {
    "csd",
    "debug-vm",
    "guard-page",
    "irq-flags",
    "kasan",
    "kmemleak",
    "list",
    "lock-stat",
    "memcg",
    "odebug",
    "raw-nesting",
    "slub",
    "ubsan",
    "usercopy",
    "workqueue",
}
_PLAIN = _LOCKDEP | {"no-lock-stat"}
_BUDDY = frozenset({"preempt", "buddy", "percpu-atomic"})
_CLOUD = frozenset({"guard-page", "list", "memcg", "slub", "slub-alone", "usercopy"})

TREES = {
    "6.1": Tree("6.1", ("sins", "nocaller", "noraw"), _DEBUG - {"raw-nesting", "csd"}),
    "6.12": Tree("6.12", ("sins", "preempt", "buddy"), _DEBUG | _BUDDY),
    "7.2": Tree("7.2", ("sins", "preempt", "buddy", "rculist"), _DEBUG | _BUDDY | {"rcu-list"}),
    "6.12-kcsan": Tree("6.12", ("kcsan", "rculist"), _PLAIN | {"kcsan", "rcu-list", "slub", "slub-alone"}),
    # The harness's own kernels, as its runs have them.
    "6.1-plain": Tree("6.1", (), _PLAIN),
    "6.12-plain": Tree("6.12", (), _PLAIN | {"percpu-atomic"}),
    "7.2-plain": Tree("7.2", (), _PLAIN | {"percpu-atomic"}),
    # QEMU 7.2 miscomputes cmpxchg16b's flags, so that half of the boots end in an oops.
    "6.12-cloud": Tree("6.12", None, _CLOUD | {"kfence", "percpu-atomic"}, "clearcpuid=cx16"),
    "6.12-notime": Tree("6.12", (), _PLAIN, "printk.time=0"),
}
"""6.1 says nothing of an atomic percpu allocation that fails, has no hard lockups without a counter, and
said nothing of a CPU that did not answer for 25 s.
"""


def build(tree: Tree, log: Path) -> Kernel:
    """Return the tree's kernel with the module of sins beside it."""
    if tree.fragments is None:
        return fetch(tree.version, _HERE / "module", log.parent / "packages")
    opened = open_tree(f"debian:{tree.version}", cache_folder())
    fragments = [data_dir("kconfigs") / f"{name}.config" for name in _FRAGMENTS]
    fragments += [_HERE / "kconfig" / f"{name}.config" for name in tree.fragments]
    builder = Builder(opened, cache_folder(), fragments, _HERE / "module")
    return builder.build(opened.base, opened.source_id, log, _tell)


def _tell(step: BuildProgress) -> None:
    print(f"\r{step.done}/{step.total or '?'} {step.what[:70]:70}", end="", file=sys.stderr, flush=True)


def guests(sins: Iterable[Sin]) -> Iterator[list[Sin]]:
    """Yield the sins that share a guest: those that want none of their own and the same command line."""
    shared: dict[str, list[Sin]] = {}
    for sin in sins:
        if sin.alone:
            yield [sin]
        else:
            shared.setdefault(sin.cmdline, []).append(sin)
    yield from shared.values()


async def _commit(guest: Guest, sins: Sequence[Sin]) -> None:
    await guest.run(["insmod", _MODULE], 20)
    # A panic would end what others still want to do here. KASAN reports once unless told otherwise.
    await guest.run(["sh", "-c", "echo 0 >/proc/sys/kernel/panic_on_oops"], 20)
    for sin in sins:
        await guest.run(["sh", "-c", sin.command], _COMMAND_SECONDS)
        await asyncio.sleep(sin.seconds)


async def console_of(kernel: Kernel, sins: Sequence[Sin], folder: Path, cmdline: str) -> bytes:
    """Boot a guest, commit the sins in it one after the other and return its console."""
    spec = BootSpec(
        image=kernel.image,
        initrd=build_initrd(folder / "initrd", {_MODULE: kernel.module}),
        folder=folder,
        accelerator=Accelerator.TCG,
        memory_mib=_MEMORY_MIB,
        cmdline=f"kasan_multi_shot kmemleak=on {cmdline} {sins[0].cmdline}".strip(),
        boot_deadline=180,
        deadline=600,
        silence=90,
    )
    with contextlib.suppress(GuestEndedError):  # which the console tells
        guest = await boot(spec)
        try:
            await _commit(guest, sins)
            await guest.shutdown()
        finally:
            await guest.kill()
    console = (folder / "console.log").read_bytes()
    if not console:
        raise SystemExit(f"\nthe kernel said nothing at all: see {folder}")
    return console


def parts(console: bytes, sins: Sequence[Sin]) -> dict[str, bytes]:
    """Cut the console of a shared guest into one log a sin; a sin that was not committed gets none."""
    if len(sins) == 1:
        return {sins[0].name: console}
    lines = console.splitlines(keepends=True)
    starts = {sin.name: _line_of(lines, f"sins: now {sin.name}".encode()) for sin in sins}
    ends = [*sorted(start for start in starts.values() if start is not None), len(lines)]
    return {
        name: b"".join(lines[max(0, start - _LINES_BEFORE) : ends[ends.index(start) + 1]])
        for name, start in starts.items()
        if start is not None
    }


def _line_of(lines: Sequence[bytes], text: bytes) -> int | None:
    return next((number for number, line in enumerate(lines) if line.rstrip().endswith(text)), None)


def _index(logs: Path, tree: str, sin: Sin) -> None:
    with (logs / "INDEX").open("a") as index:
        reports = "; ".join(map(str, sin.reports))
        cycle = f"; cycle: {', '.join(sin.cycle)}" if sin.cycle else ""
        index.write(f"{tree}/{sin.name}.log: {reports}{cycle}\n")


async def make(name: str, logs: Path, only: Sequence[str]) -> None:
    """Make the logs of one tree."""
    (logs / name).mkdir(parents=True, exist_ok=True)
    kernel = build(TREES[name], logs / name / "build.txt")
    chosen = [
        sin
        for sin in SINS.values()
        if (not sin.needs or sin.needs in TREES[name].sees) and (not only or sin.name in only)
    ]
    for sins in guests(chosen):
        folder = logs / name / f"guest-{sins[0].name}"
        shutil.rmtree(folder, ignore_errors=True)
        console = await console_of(kernel, sins, folder, TREES[name].cmdline)
        done = parts(console, sins)
        for sin in sins:
            if sin.name in done:
                (logs / name / f"{sin.name}.log").write_bytes(done[sin.name])
                _index(logs, name, sin)
            else:
                print(f"\n{name}: {sin.name} was not committed", file=sys.stderr)
        shutil.rmtree(folder)
        print(f"\n{name}: {', '.join(sin.name for sin in sins)}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line and make the logs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", choices=TREES, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    arguments = parser.parse_args()
    asyncio.run(make(arguments.tree, arguments.logs, arguments.only))


if __name__ == "__main__":
    main()
