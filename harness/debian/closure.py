# SPDX-License-Identifier: GPL-2.0-or-later
"""Which shared libraries a program needs, by what its ELF headers say. No I/O."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from harness.words import InfraError

_MAGIC = b"\x7fELF"
#: Where Debian's ld.so looks on its own (ld.so(8), and the multiarch folders that Debian adds).
_FOLDERS = ("lib/x86_64-linux-gnu", "lib64", "lib")


def closure(files: Mapping[str, bytes], wanted: Iterable[str]) -> dict[str, bytes]:
    """Return the wanted files and, for programs among them, the interpreter and every library they need.

    Paths have no leading slash and no `usr/`. A library is found by its soname where ld.so would look.
    `InfraError` names each file that is missing and who needs it.
    """
    found: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    todo = [(name, "the recipe") for name in wanted]
    while todo:
        name, needed_by = todo.pop()
        if name in found:
            continue
        if name not in files:
            missing.setdefault(name, needed_by)
            continue
        found[name] = files[name]
        todo += [(_locate(files, need), name) for need in _needs(name, files[name])]
    if missing:
        listed = ", ".join(f"{name} (needed by {by})" for name, by in sorted(missing.items()))
        raise InfraError(f"the packages lack {listed}")
    return found


def _locate(files: Mapping[str, bytes], need: str) -> str:
    """Return the path of a library (the interpreter is given as one), or its bare name if it is nowhere."""
    if "/" in need:
        return flat(need)
    return next((f"{folder}/{need}" for folder in _FOLDERS if f"{folder}/{need}" in files), need)


def flat(path: str) -> str:
    """Return a path as the tables here have it: relative, and without `usr/`."""
    return str(PurePosixPath("/", path).relative_to("/")).removeprefix("usr/")


def _needs(name: str, content: bytes) -> list[str]:
    """Return the interpreter (a path) and the sonames that an ELF file asks for, nothing for other files."""
    if not content.startswith(_MAGIC):
        return []
    try:
        elf = ELFFile(io.BytesIO(content))
        interpreters = [
            part.get_interp_name() for part in elf.iter_segments() if isinstance(part, InterpSegment)
        ]
        dynamic = [part for part in elf.iter_sections() if isinstance(part, DynamicSection)]
        tags = [tag for part in dynamic for tag in part.iter_tags("DT_NEEDED")]
        needed = [tag.needed for tag in tags]  # type: ignore[attr-defined]  # named after the tag
    except ELFError as error:
        raise InfraError(f"{name} is a damaged ELF file: {error}") from None
    return [*interpreters, *needed]
