# SPDX-License-Identifier: GPL-2.0-or-later
"""What a vmlinux with sanitizers needs so that it can be booted directly, through its PVH entry.

The first C code is arch/x86/platform/pvh/enlighten.c, before shadow memory and per-CPU areas are set up: what
a sanitizer or KCOV puts into it faults there, and the guest resets before it has said a word.
"""

from __future__ import annotations

from pathlib import Path

_MAKEFILE = "arch/x86/platform/pvh/Makefile"
_ENTRY, _STRINGS = "enlighten.o", "string.o"
_SANITIZERS = ("KASAN_SANITIZE", "KCSAN_SANITIZE", "KMSAN_SANITIZE")


def variables(source: Path) -> list[str]:
    """Give the variables for make that keep instrumentation out of the entry of a tree's kernels.

    Trees that leave KASAN out of it themselves, from 6.10 on, no longer call lib/string.c's `memcmp()` there
    either; in those before, that is left out as well, as the kernel does for AMD_MEM_ENCRYPT.
    """
    try:
        mended = _SANITIZERS[0] in (source / _MAKEFILE).read_text(errors="replace")
    except FileNotFoundError:
        mended = True  # no such entry at all
    objects = [_ENTRY] if mended else [_ENTRY, _STRINGS]
    return [f"{name}_{part}=n" for name in _SANITIZERS for part in objects] + [f"KCOV_INSTRUMENT_{_ENTRY}=n"]
