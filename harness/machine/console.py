# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's serial console: listened to, to a file, from the first byte to the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

PANIC = b"Kernel panic - not syncing"
# QEMU hands over single bytes. Looking at the pipe a hundred times a second, not once a byte, saves the guest
# the processor time; the pipe holds 64 KiB meanwhile, and a full one makes the guest wait, not lose text.
_REST = 0.01


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
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._on_error: Callable[[OSError], None] | None = on_error
        self._tail = b""
        self._transport: asyncio.ReadTransport | None = None
        self._end = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the pipe."""
        assert isinstance(transport, asyncio.ReadTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Write what came, then leave the pipe alone for a moment."""
        self.size += len(data)
        self.last_output = time.monotonic()
        text = self._tail + data
        self.saw_panic = self.saw_panic or PANIC in text
        self._tail = text[-len(PANIC) :]
        self._write(data)
        if self.listener:
            self.listener(data)
        if self._transport:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(_REST, self._resume)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the file: this was the last byte."""
        self._transport = None
        os.close(self._file)
        self._end.set()

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
