# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's memory in a file that we share with QEMU: what has changed since a state is copied back."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from collections.abc import Callable, Iterator

from harness.words import InfraError

_C = ctypes.CDLL(None)
_C.memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
# What differs is kept and copied in pieces of so many bytes: smaller ones cost more calls, larger ones more
# copying.
_PIECE = 32 << 10


class _State:
    """What the memory held once: `pieces` are those that differ from the state `below`, which has all others.

    Without a state below, all that is not in `area` is zero.
    """

    __slots__ = ("area", "below", "pieces")

    def __init__(self, size: int, below: _State | None) -> None:
        self.area = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.below = below
        self.pieces: set[int] = set()

    @contextlib.contextmanager
    def held(self) -> Iterator[Callable[[int], int]]:
        """Yield what gives the address of a piece, which stays good meanwhile."""
        if self.below is None:
            with _held(self.area) as first:
                yield lambda at: first + at
            return
        with self.below.held() as others, _held(self.area) as first:
            yield lambda at: first + at if at in self.pieces else others(at)


class GuestMemory:
    """`size` bytes that a guest has as its memory, in a memory file that dies with the last who holds it.

    Pages that the guest never touched take no memory, here and in what is kept; nor do those that are as they
    were when the memory was last saved or brought back.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd = os.memfd_create("guest-memory")
        os.ftruncate(self.fd, size)
        self._live = mmap.mmap(self.fd, size)
        self._kept: dict[str, _State] = {}
        self._last: _State | None = None

    def put(self, at: int, data: bytes) -> None:
        """Write `data` at an address below the hole for devices; `ValueError` if there is no room for it."""
        if at + len(data) > self.size:
            raise ValueError(f"it needs more than {self.size >> 20} MiB of memory")
        self._live[at : at + len(data)] = data

    def save(self, name: str) -> None:
        """Keep what the memory holds; the guest must be stopped."""
        state = _State(self.size, self._last)
        below = self._last.held() if self._last else contextlib.nullcontext()
        with _held(self._live) as source, _held(state.area) as target, below as like:
            for at, length in self._pieces():
                if like is None or _C.memcmp(like(at), source + at, length):
                    ctypes.memmove(target + at, source + at, length)
                    state.pieces.add(at)
        self._kept[name] = self._last = state

    def load(self, name: str) -> None:
        """Bring back what was kept; the guest must be stopped.

        `InfraError` if nothing was kept by that name.
        """
        if name not in self._kept:
            raise InfraError(f"there is no snapshot '{name}' of this guest")
        state = self._kept[name]
        with state.held() as source, _held(self._live) as target:
            for at, length in self._pieces():
                if _C.memcmp(source(at), target + at, length):
                    ctypes.memmove(target + at, source(at), length)
        self._last = state

    def drop(self, name: str) -> None:
        """Forget what was kept; what other states have of it stays with them."""
        state = self._kept.pop(name)
        if self._last is state:
            self._last = state.below

    def close(self) -> None:
        """Let go of all of it; who still copies in another thread keeps it until that is done."""
        with contextlib.suppress(BufferError):
            self._live.close()
        self._kept.clear()
        self._last = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield where each piece begins that the file has pages for, and how long it is."""
        for start, end in self._touched():
            for at in range(start - start % _PIECE, end, _PIECE):
                yield at, min(_PIECE, self.size - at)

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
