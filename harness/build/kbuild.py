# SPDX-License-Identifier: GPL-2.0-or-later
"""Which objects a config makes of a tree, asked of its makefiles without building anything."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.build.sandbox import Sandbox

#: Prints the objects and folders that one folder of the tree adds, each followed by the parts it is linked
#: from (Documentation/kbuild/makefiles.rst). Nothing is the goal, so no rule of the tree runs.
_ASK = """
include $(config)
srctree := $(source)
src := $(source)/$(folder)
obj := $(folder)
ARCH := $(arch)
SRCARCH := $(arch)
BITS := 64
include $(firstword $(wildcard $(src)/Kbuild $(src)/Makefile))
$(foreach o,$(obj-y) $(lib-y),$(info $o $($(o:.o=-y)) $($(o:.o=-objs))))
.DEFAULT_GOAL := nothing
nothing: ;@:
"""
#: What the tree's top Makefile and arch/ARCH/Makefile start from; folders that depend on an option have it.
_TOPS = {
    "init": "",
    "usr": "",
    "arch/{arch}": "",
    "arch/{arch}/lib": "",
    "arch/{arch}/pci": "PCI",
    "kernel": "",
    "certs": "",
    "mm": "",
    "fs": "",
    "ipc": "",
    "security": "",
    "crypto": "",
    "block": "BLOCK",
    "io_uring": "IO_URING",
    "lib": "",
    "drivers": "",
    "sound": "",
    "net": "NET",
}


#: Seconds that make may take to read one folder's makefiles; it takes hundredths.
_DEADLINE = 30


def objects(source: Path, config: Path, arch: str, sandbox: Sandbox | None = None) -> set[str]:
    """Return the objects built into the kernel, as paths below the output folder.

    Reading makefiles runs the `$(shell ...)` in them, so a foreign source needs the sandbox here too.
    On a 6.12 config these were 902 of 911; the rest (vdso, real mode) is made by rules of their own.
    """
    text = config.read_text()
    found: set[str] = set()
    seen: set[str] = set()
    todo = {
        top.format(arch=arch)
        for top, option in _TOPS.items()
        if not option or f"\nCONFIG_{option}=y\n" in text
    }
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        while todo:
            seen |= todo
            answers = pool.map(
                lambda folder: list(_entries(source, config, arch, folder, sandbox)), sorted(todo)
            )
            entries = {entry for answer in answers for entry in answer}
            todo = {entry.rstrip("/") for entry in entries if entry.endswith("/")} - seen
            found |= {entry for entry in entries if entry.endswith(".o")}
    return found


def _entries(source: Path, config: Path, arch: str, folder: str, sandbox: Sandbox | None) -> Iterator[str]:
    """Yield the objects of one folder and, with a slash behind, the folders below it."""
    if not any((source / folder / name).is_file() for name in ("Kbuild", "Makefile")):
        return
    names = {"source": source, "config": config, "folder": folder, "arch": arch}
    settings = (f"{name}={value}" for name, value in names.items())
    command = ["make", "-s", "-r", "-R", "-f", "-", *settings, "nothing"]
    try:
        done = subprocess.run(
            command if sandbox is None else sandbox.wrap(command, source),
            input=_ASK,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            start_new_session=True,
            timeout=_DEADLINE,
        )
    except subprocess.TimeoutExpired:
        return
    for line in done.stdout.splitlines():
        entry, *parts = line.split()
        for name in parts or [entry]:
            yield os.path.normpath(f"{folder}/{name}") + ("/" if name.endswith("/") else "")
