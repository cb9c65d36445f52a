# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's memory in a file that we share with QEMU: what has changed since a state is copied back."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from collections.abc import Iterator

from harness.words import InfraError

_C = ctypes.CDLL(None)
_C.memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
# What differs is copied in pieces of so many bytes: smaller ones cost more calls, larger ones more copying.
_PIECE = 32 << 10


class GuestMemory:
    """`size` bytes that a guest has as its memory, in a memory file that dies with the last who holds it.

    Pages that the guest never touched take no memory, here and in what is kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd = os.memfd_create("guest-memory")
        os.ftruncate(self.fd, size)
        self._live = mmap.mmap(self.fd, size)
        self._kept: dict[str, mmap.mmap] = {}

    def put(self, at: int, data: bytes) -> None:
        """Write `data` at an address below the hole for devices; `ValueError` if there is no room for it."""
        if at + len(data) > self.size:
            raise ValueError(f"it needs more than {self.size >> 20} MiB of memory")
        self._live[at : at + len(data)] = data

    def save(self, name: str) -> None:
        """Keep what the memory holds; the guest must be stopped."""
        kept = mmap.mmap(-1, self.size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with _held(self._live) as source, _held(kept) as target:
            for start, end in self._touched():
                ctypes.memmove(target + start, source + start, end - start)
        self._kept[name] = kept

    def load(self, name: str) -> None:
        """Bring back what was kept; the guest must be stopped.

        `InfraError` if nothing was kept by that name.
        """
        if name not in self._kept:
            raise InfraError(f"there is no snapshot '{name}' of this guest")
        with _held(self._kept[name]) as source, _held(self._live) as target:
            for start, end in self._touched():
                for at in range(start - start % _PIECE, end, _PIECE):
                    length = min(_PIECE, self.size - at)
                    if _C.memcmp(source + at, target + at, length):
                        ctypes.memmove(target + at, source + at, length)

    def drop(self, name: str) -> None:
        """Forget what was kept."""
        self._kept.pop(name).close()

    def close(self) -> None:
        """Let go of all of it; who still copies in another thread keeps it until that is done."""
        for area in (self._live, *self._kept.values()):
            with contextlib.suppress(BufferError):
                area.close()
        self._kept.clear()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _touched(self) -> Iterator[tuple[int, int]]:
        """Yield the parts that the file has pages for; those that the guest was given stay with it."""
        end = 0
        while end < self.size:
            try:
                start = os.lseek(self.fd, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            end = os.lseek(self.fd, start, os.SEEK_HOLE)
            yield start, end


@contextlib.contextmanager
def _held(area: mmap.mmap) -> Iterator[int]:
    """Yield an area's address, which stays good meanwhile."""
    first = ctypes.c_char.from_buffer(area)
    try:
        yield ctypes.addressof(first)
    finally:
        del first
