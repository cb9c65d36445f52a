# SPDX-License-Identifier: GPL-2.0-or-later
"""What every machine offers of a booted kernel, whatever it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.words import Ending


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command in the guest ended.

    `exit_code` is 128 + N for a command that signal N killed, 124 for one that ran out of time (`timed_out`;
    it may still be there if it could not be killed), 127 for one that could not be started. `truncated` says
    that there was more output than the limit of the control channel.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    truncated: bool = False


class Guest(Protocol):
    """A booted kernel with an agent in it. Every coroutine may raise `GuestEndedError` with the ending."""

    @property
    def console(self) -> Path:
        """File with the console's text from the first byte."""

    @property
    def ending(self) -> Ending | None:
        """How the guest ended, None while it lives."""

    @property
    def boot_seconds(self) -> float:
        """Wall time from the start of the machine to the agent's greeting."""

    async def run(self, argv: Sequence[str], timeout: float) -> Completed:  # noqa: ASYNC109 - kept by the guest
        """Run a command in the guest for at most `timeout` seconds."""

    async def read(self, path: str) -> bytes:
        """Return the content of a file in the guest; `InfraError` if it cannot be read."""

    async def write(self, path: str, data: bytes) -> None:
        """Write a file in the guest, new ones executable; `InfraError` if it cannot be written."""

    async def ask(self, path: str, timeout: float) -> None:  # noqa: ASYNC109
        """Begin to read a file that blocks, for at most `timeout` seconds; `answer` ends it.

        A state that is saved meanwhile has it under way.
        """

    async def poke(self, path: str, data: bytes) -> None:
        """Write a file that is there and does not block; `InfraError` if it cannot be written."""

    async def answer(self, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return what the file had to say for which it was asked; `InfraError` if it cannot be read."""

    async def shutdown(self) -> Ending:
        """Power the guest off, drain the console, and tell how it ended. Never raises `GuestEndedError`."""

    async def kill(self) -> None:
        """End the guest at once, whatever its state. May be called any number of times."""


class SavingGuest(Guest, Protocol):
    """A guest whose states can be kept, by name, and gone back to."""

    async def save(self, name: str) -> None:
        """Keep the guest's state and let it go on; no request but one of `ask` may be under way.

        `InfraError` if it cannot.
        """

    async def restore(self, name: str, folder: Path, deadline: float, seed: bytes) -> None:
        """Go back to a kept state with other random numbers, with a console file in `folder`.

        `InfraError` if the state cannot be loaded: the guest has to be ended then.
        """

    async def drop(self, name: str) -> None:
        """Forget a kept state; `InfraError` if it cannot."""

    async def settle(self) -> Ending:
        """Have the console say all that it has to; `SETTLED`, or how the guest ended meanwhile."""
