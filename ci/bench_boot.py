# SPDX-License-Identifier: GPL-2.0-or-later
"""Times a boot to the agent's greeting against the bare kernel's own boot on the same QEMU, in turns.

The bare kernel gets no more than it needs to be seen: a serial console and an init that says a word.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console

from harness.cli import cache_folder
from harness.engine import build, prepare
from harness.machine import STATIC, BootSpec, boot, build_initrd, compiled
from harness.machine.launch import QEMU
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.words import Accelerator
from harness.workload import MODULE

_WORD = b"bare: here I am"
_INIT = f"""
#include <stdio.h>
#include <unistd.h>
int main(void) {{ puts("{_WORD.decode()}"); fflush(stdout); for (;;) pause(); }}
"""


def bare_initrd(folder: Path) -> Path:
    """Return an initramfs of the usual size with an init that says a word and does nothing else."""
    source, program = folder / "init.c", folder / "init"
    source.write_text(_INIT)
    program.write_bytes(compiled([source], STATIC))
    program.chmod(0o755)
    return build_initrd(folder / "bare.initrd", {"init": program})


def bare(image: Path, initrd: Path) -> float:
    """Return the seconds from QEMU's start to the word of a kernel's init."""
    options = "-nodefaults -display none -machine q35 -cpu max -smp 2 -m 256 -serial stdio -no-reboot"
    command = [QEMU, *options.split(), "-kernel", str(image), "-initrd", str(initrd)]
    started = time.monotonic()
    with subprocess.Popen([*command, "-append", "console=ttyS0"], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        said = b""
        while _WORD not in said:
            piece = running.stdout.read1(4096)  # type: ignore[attr-defined]
            if not piece:
                raise SystemExit(f"the bare kernel did not boot:\n{said.decode(errors='replace')}")
            said += piece
        seconds = time.monotonic() - started
        running.kill()
    return seconds


async def ready(image: Path, initrd: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds from QEMU's start to the kernel's init, and to the agent's greeting."""
    guest = await boot(BootSpec(image, initrd, folder, Accelerator.TCG, snapshot=True))
    await guest.kill()
    text = guest.console.read_text(errors="replace")
    (line,) = [line for line in text.splitlines() if "Run /init as init process" in line]
    return float(line[1:].split("]")[0]), guest.boot_seconds


def main() -> None:
    """Boot both ways in turns, and print medians."""
    parser = argparse.ArgumentParser(prog="ci/bench boot", description=__doc__)
    parser.add_argument("--boots", type=int, default=7)
    args = parser.parse_args()
    shown = PlainProgress(Console(stderr=True))
    prepared = prepare(Plan(variants=("as-is",)), cache_folder(), shown)
    (source,) = prepared.sources
    with tempfile.TemporaryDirectory(prefix="bench-boot-") as name:
        folder = Path(name)
        asyncio.run(build(prepared, source, folder / "build", shown))
        if source.kernel is None:
            raise SystemExit(f"{source.name} does not build: {source.first_error}")
        small = bare_initrd(folder)
        ours = build_initrd(folder / "initrd", {MODULE: source.kernel.module})
        alone, greeting, kernel = [], [], []
        for number in range(args.boots):
            alone.append(bare(source.kernel.image, small))
            to_init, to_ready = asyncio.run(ready(source.kernel.image, ours, folder / str(number)))
            kernel.append(to_init)
            greeting.append(to_ready)
    bare_seconds, ready_seconds = statistics.median(alone), statistics.median(greeting)
    ratio = ready_seconds / bare_seconds
    print(f"bare kernel to its init         {bare_seconds:6.2f} s (median of {args.boots})")
    print(f"guest to the agent's greeting   {ready_seconds:6.2f} s, {ratio:.2f} of that")
    print(f"  of it, by the kernel's clock  {statistics.median(kernel):6.2f} s until its init")


if __name__ == "__main__":
    main()
