# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's end of the control channel; `images/agent/protocol.h` describes it in full."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import itertools
import socket
import struct
from collections.abc import Sequence

from harness.machine.guest import Completed
from harness.words import InfraError

PORT_NAME = "harness.agent"
VERSION = 3
OUTPUT_LIMIT = 16 << 20
_FRAME_MAX = 64 << 20
_HEAD = struct.Struct("<IIB")


class _Frame(enum.IntEnum):
    PING = 1
    RUN = 2
    READ = 3
    WRITE = 4
    POWEROFF = 5
    SEED = 6
    SAY = 7
    POKE = 8
    HELLO = 64
    PONG = 65
    DONE = 66


class _How(enum.IntEnum):
    EXIT = 0
    SIGNAL = 1
    TIMEOUT = 2


class Channel:
    """Requests to the agent and its answers; any number may be under way at once.

    A request whose answer never comes waits for ever: the guest that owns the channel watches over that.
    """

    def __init__(self) -> None:
        self.hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._receiver: asyncio.Task[None] | None = None

    async def open(self, sock: socket.socket) -> None:
        """Start to listen on the host's end of the port."""
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._receiver = asyncio.create_task(self._receive(reader))

    async def close(self) -> None:
        """Stop listening; requests that still wait are cancelled."""
        if self._receiver:
            self._receiver.cancel()
            await asyncio.wait([self._receiver])
        if self._writer:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        for answer in self._answers.values():
            answer.cancel()

    async def ping(self) -> None:
        """Return when the agent has answered."""
        await self._request(_Frame.PING, b"")

    async def seed(self, data: bytes) -> None:
        """Return when the guest's random numbers began anew with `data`."""
        await self._request(_Frame.SEED, data)

    async def say(self, text: str) -> None:
        """Return when the agent has said `text` in the kernel's log, not necessarily on the console."""
        await self._request(_Frame.SAY, text.encode())

    async def run(self, argv: Sequence[str], seconds: float) -> Completed:
        """Run a command for at most `seconds`, which the agent keeps."""
        strings = b"".join(text.encode() + b"\0" for text in argv)
        payload = self._bounds(seconds) + struct.pack("<I", len(argv)) + strings
        return _completed(await self._request(_Frame.RUN, payload))

    async def read(self, path: str, seconds: float) -> Completed:
        """Read a file; the exit code is an errno."""
        return _completed(await self._request(_Frame.READ, self._bounds(seconds) + path.encode() + b"\0"))

    async def write(self, path: str, data: bytes, seconds: float) -> Completed:
        """Write a file; the exit code is an errno."""
        if len(data) > _FRAME_MAX // 2:
            raise InfraError(
                f"{path} is too large for the control channel ({len(data)} bytes): put it into the initramfs"
            )
        payload = self._bounds(seconds) + path.encode() + b"\0" + data
        return _completed(await self._request(_Frame.WRITE, payload))

    async def poke(self, path: str, data: bytes) -> Completed:
        """Have the agent itself write a file that never blocks; the exit code is an errno."""
        return _completed(await self._request(_Frame.POKE, path.encode() + b"\0" + data))

    def ask(self, path: str, seconds: float) -> int:
        """Begin to read a file that is answered later; return the number under which that is waited for."""
        number = next(self._ids)
        self.expect(number)
        self._send(number, _Frame.READ, self._bounds(seconds) + path.encode() + b"\0")
        return number

    def expect(self, number: int) -> None:
        """Wait anew for what was asked in a state that the guest has gone back to."""
        self._answers[number] = asyncio.get_running_loop().create_future()

    async def answer(self, number: int) -> Completed:
        """Return what came of `ask`; the exit code is an errno."""
        return _completed(await self._answers[number])

    def poweroff(self) -> None:
        """Ask the agent to power the guest off; there is no answer."""
        self._send(0, _Frame.POWEROFF, b"")

    @staticmethod
    def _bounds(seconds: float) -> bytes:
        return struct.pack("<II", min(int(seconds * 1000), 0xFFFFFFFF), OUTPUT_LIMIT)

    async def _request(self, frame: _Frame, payload: bytes) -> bytes:
        number = next(self._ids)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._send(number, frame, payload)
            return await answer
        finally:
            del self._answers[number]

    def _send(self, number: int, frame: _Frame, payload: bytes) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(_HEAD.pack(len(payload) + 5, number, frame) + payload)

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                length, number, frame = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                payload = await reader.readexactly(length - 5)
                if frame == _Frame.HELLO:
                    self._greet(payload)
                elif (answer := self._answers.get(number)) and not answer.done():
                    answer.set_result(payload)

    def _greet(self, payload: bytes) -> None:
        (version,) = struct.unpack("<I", payload)
        if self.hello.done():
            return
        if version == VERSION:
            self.hello.set_result(None)
        else:
            self.hello.set_exception(
                InfraError(f"the agent speaks protocol {version}, not {VERSION}: rebuild the initramfs")
            )


def _completed(payload: bytes) -> Completed:
    how, value, length = struct.unpack_from("<BiI", payload)
    stdout = payload[9 : 9 + length]
    rest = payload[9 + length :]
    (length,) = struct.unpack_from("<I", rest)
    stderr = rest[4 : 4 + length]
    code = {_How.EXIT: value, _How.SIGNAL: 128 + value, _How.TIMEOUT: 124}[_How(how)]
    return Completed(code, stdout, stderr, how == _How.TIMEOUT, bool(rest[-1]))
