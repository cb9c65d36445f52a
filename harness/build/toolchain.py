# SPDX-License-Identifier: GPL-2.0-or-later
"""The tools that a build and a run need: which versions are here, and which Debian package brings each."""

from __future__ import annotations

import functools
import shutil
import subprocess
from dataclasses import dataclass

from harness.words import InfraError


@dataclass(frozen=True, slots=True)
class Tool:
    """A program on PATH. `arguments` make it print its version; `needed` when no run works without it."""

    name: str
    program: str
    package: str
    arguments: tuple[str, ...] = ("--version",)
    needed: bool = True


TOOLS = (
    Tool("gcc", "gcc", "gcc"),
    Tool("ld", "ld", "binutils"),
    Tool("make", "make", "make"),
    Tool("flex", "flex", "flex"),
    Tool("bison", "bison", "bison"),
    Tool("bc", "bc", "bc"),
    Tool("perl", "perl", "perl", ("-e", "print 'perl ', $^V")),
    Tool("git", "git", "git"),
    Tool("ccache", "ccache", "ccache", needed=False),
    Tool("spatch", "spatch", "coccinelle"),
    Tool("qemu", "qemu-system-x86_64", "qemu-system-x86"),
    Tool("busybox", "busybox", "busybox-static", ()),
    Tool("setpriv", "setpriv", "util-linux"),
    Tool("bwrap", "bwrap", "bubblewrap", needed=False),
    Tool("b4", "b4", "b4", needed=False),
)
#: What decides about the bytes of a kernel, and so is part of its key.
_COMPILERS = ("gcc", "ld", "make")
_DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Found:
    """What of a tool is here: its version, None when it is missing or does not run."""

    tool: Tool
    version: str | None


@functools.cache
def version(tool: Tool) -> str | None:
    """Return the first line of what the tool says of its version, None where it is missing."""
    path = shutil.which(tool.program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *tool.arguments], capture_output=True, text=True, timeout=_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0].strip() if lines and not done.returncode else None


def survey() -> list[Found]:
    """Look for every tool, for `doctor`."""
    return [Found(tool, version(tool)) for tool in TOOLS]


def toolchain_versions() -> dict[str, str]:
    """Return version lines by tool, `missing (Debian package NAME)` where there is none."""
    return {
        found.tool.name: found.version or f"missing (Debian package {found.tool.package})"
        for found in survey()
    }


def fingerprint() -> str:
    """Return compiler, linker and make in one line: equal lines make equal kernels of equal sources.

    `InfraError` names a package that is missing.
    """
    require()
    return "; ".join(version(tool) or "" for tool in TOOLS if tool.name in _COMPILERS)


def require() -> None:
    """`InfraError` with every package that a build needs and that is not here."""
    building = ("gcc", "ld", "make", "flex", "bison", "bc", "perl")
    missing = [tool.package for tool in TOOLS if tool.name in building and version(tool) is None]
    if "gcc" not in missing and not _has_header("gelf.h"):
        missing.append("libelf-dev")
    if missing:
        raise InfraError(
            f"a kernel cannot be built without these packages: apt-get install {' '.join(missing)}"
        )


@functools.cache
def _has_header(name: str) -> bool:
    """Tell whether gcc finds a header; objtool, which every x86-64 build makes first, needs libelf's."""
    done = subprocess.run(
        ["gcc", "-x", "c", "-fsyntax-only", "-"],
        input=f"#include <{name}>\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0
