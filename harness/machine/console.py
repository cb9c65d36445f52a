# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's serial console: listened to, to a file, from the first byte to the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

PANIC = b"Kernel panic - not syncing"
# QEMU hands over single bytes. Looking at the pipe a hundred times a second, not once a byte, saves the guest
# the processor time; the pipe holds 64 KiB meanwhile, and a full one makes the guest wait, not lose text.
_REST = 0.01
_TAIL = 256  # bytes at the end of what was said that are kept: words come in pieces


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)


class Console(asyncio.Protocol):
    """Copies what the guest says from a pipe to a file of its own.

    The harness writes the file itself, as QEMU drops what it cannot write without a word. `on_error` is
    called once, with the first `OSError` of a write; reading goes on, so that the guest is not held up.
    """

    def __init__(self, path: Path, on_error: Callable[[OSError], None]) -> None:
        self.path = path
        self.listener: Callable[[bytes], None] | None = None
        self.size = 0
        self.last_output = time.monotonic()
        self.saw_panic = False
        self._file = _open(path)
        self._on_error: Callable[[OSError], None] | None = on_error
        self._tail = b""
        self._awaited: dict[bytes, asyncio.Event] = {}
        self._transport: asyncio.ReadTransport | None = None
        self._end = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the pipe."""
        assert isinstance(transport, asyncio.ReadTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came, then leave the pipe alone for a moment."""
        self._take(data)
        if self._transport:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(_REST, self._resume)

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        self.last_output = time.monotonic()
        text = self._tail + data
        self.saw_panic = self.saw_panic or PANIC in text
        self._tail = text[-_TAIL:]
        self._write(data)
        for awaited, heard in self._awaited.items():
            if awaited in text:
                heard.set()
        if self.listener:
            self.listener(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the file: this was the last byte."""
        self._transport = None
        os.close(self._file)
        self._end.set()

    def turn(self, path: Path, before: bytes) -> None:
        """Go on in another file, which begins with `before`; what was said so far is all in the old one."""
        self.take_what_is_there()
        fresh = _open(path)
        os.close(self._file)
        self._file, self.path = fresh, path
        self.saw_panic, self._tail = False, b""
        self._write(before)

    def take_what_is_there(self) -> None:
        """Empty the pipe at once; its end is left to be seen in the usual way."""
        if self._transport is None:
            return
        pipe = self._transport.get_extra_info("pipe").fileno()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(pipe, 1 << 16):
                self._take(data)

    async def heard(self, text: bytes) -> None:
        """Wait until the console has said `text`, at most 256 bytes; the caller sets the deadline.

        Whatever the kernel said before that is in the file then: it prints in order.
        """
        if text in self._tail:
            return
        self._awaited[text] = asyncio.Event()
        try:
            await self._awaited[text].wait()
        finally:
            del self._awaited[text]

    async def drained(self) -> None:
        """Wait for the end of the console, if it ever began; the caller sets the deadline."""
        if self._transport:
            await self._end.wait()

    def close(self) -> None:
        """Stop listening, for a pipe that somebody else holds open."""
        if self._transport:
            self._transport.close()

    def _resume(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._on_error is None:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            report, self._on_error = self._on_error, None
            report(error)
