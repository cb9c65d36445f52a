# SPDX-License-Identifier: GPL-2.0-or-later
"""What a vmlinux with sanitizers needs so that it can be booted directly, through its PVH entry.

The first C code is arch/x86/platform/pvh/enlighten.c, before shadow memory and per-CPU areas are set up: what
a sanitizer or KCOV puts into it faults there, and the guest resets before it has said a word.
"""

from __future__ import annotations

from pathlib import Path

_MAKEFILE = "arch/x86/platform/pvh/Makefile"
_ENTRY, _STRINGS = "enlighten.o", "string.o"
_MOST = 1 << 16  # bytes of a makefile
_SANITIZERS = ("KASAN_SANITIZE", "KCSAN_SANITIZE", "KMSAN_SANITIZE")


def variables(source: Path) -> list[str]:
    """Give the variables for make that keep instrumentation out of the entry of a tree's kernels.

    Trees that leave KASAN out of it themselves (6.12 does, 6.1 does not) no longer call lib/string.c's
    `memcmp()` there either; in others that is left out as well, as the kernel does for AMD_MEM_ENCRYPT.
    """
    objects = [_ENTRY] if _leaves_out_kasan(source) else [_ENTRY, _STRINGS]
    return [f"{name}_{part}=n" for name in _SANITIZERS for part in objects] + [f"KCOV_INSTRUMENT_{_ENTRY}=n"]


def _leaves_out_kasan(source: Path) -> bool:
    """Tell whether the tree does so itself, or has no such entry; a foreign one may have a link there."""
    makefile = source / _MAKEFILE
    if makefile.resolve() != source.resolve() / _MAKEFILE or not makefile.is_file():
        return True
    with makefile.open("rb") as file:
        return _SANITIZERS[0].encode() in file.read(_MOST)
