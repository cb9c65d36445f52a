# SPDX-License-Identifier: GPL-2.0-or-later
"""Names as they are the same on every CPU, boot and build.

Lock classes, functions, and what is digested from them.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence

HIDDEN = r"\(_{0,4}ptrval_{0,4}\)"
"""What `%p` prints since 4.15 while nothing is there yet to hash an address with: source of an expression."""

_INSTANCE = re.compile(r"#\d+(?=/|$)")
_ADDRESS = re.compile(rf"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{{8,16}}\b|{HIDDEN}")
_COMPILER = re.compile(r"(?:\.(?:isra|constprop|part|cold|llvm|lto_priv|localalias|cfi|cfi_jt|__uniq|\d+))+$")
_NUMBER = re.compile(r"\b\d+\b")


@functools.lru_cache(maxsize=1 << 16)
def lock_name(name: str) -> str:
    """Give the class name without its instance (`#2`), addresses and compiler suffixes; the subclass (`/1`)
    stays.

    `__print_lock_name()` in kernel/locking/lockdep.c appends `#version`, then `/subclass`.
    """
    name = _INSTANCE.sub("", name.strip())
    name = _ADDRESS.sub("ADDR", name)
    return _COMPILER.sub("", name)


@functools.lru_cache(maxsize=1 << 16)
def function_name(name: str) -> str:
    """Give a symbol without what the compiler appended, such as `.isra.0`, and without the dot that stands
    before entry points in the first 64-bit ABI of powerpc.
    """
    return _COMPILER.sub("", name).lstrip(".")


def message(text: str) -> str:
    """Give a message without addresses and numbers, which differ from boot to boot."""
    return _NUMBER.sub("N", _ADDRESS.sub("ADDR", text)).strip()


def rotate(cycle: Sequence[str]) -> tuple[str, ...]:
    """Rotate a cycle to its canonical start: the shortest name, the first in the alphabet among equals.

    Where names repeat, the smallest rotation as a whole decides.
    """
    if not cycle:
        return ()
    keys = [(len(name), name) for name in cycle]
    start = min(range(len(keys)), key=lambda at: keys[at:] + keys[:at])
    return tuple(cycle[start:]) + tuple(cycle[:start])


@functools.lru_cache(maxsize=1 << 12)
def fingerprint(*parts: str) -> str:
    """Digest what identifies a bug into 16 hex digits; the same bug tends to be reported again and again."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
