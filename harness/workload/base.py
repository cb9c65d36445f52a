# SPDX-License-Identifier: GPL-2.0-or-later
"""What every workload offers, and what it needs of a guest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.words import Kind, Observation


class CompletedLike(Protocol):
    """How a command in the guest ended."""

    @property
    def exit_code(self) -> int:
        """Exit status of the command."""

    @property
    def stderr(self) -> bytes:
        """What it wrote to its standard error."""


class GuestLike(Protocol):
    """The part of a booted guest that a workload uses. Every call may raise `GuestEndedError`."""

    async def run(self, argv: Sequence[str], timeout: float) -> CompletedLike:  # noqa: ASYNC109
        """Run a command in the guest for at most `timeout` seconds."""

    async def read(self, path: str) -> bytes:
        """Return the content of a file in the guest; `InfraError` if it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Workload(ABC):
    """One thing to do to a booted kernel, and what it takes to believe the result.

    `fragments` are names in `kconfigs/`; `deadline` is in seconds, for the run alone. `witnesses` are always
    reported, or the trial is inconclusive. `control` says in one sentence what the sabotaged run does and why
    it must fail; `control_evidence` is what that failure consists of, in the words of `Expectation.evidence`.
    `supporting` are kinds of event that the workload provokes and counts exactly by other means; `precluded`
    are witnesses that a failure may itself take away.
    """

    name: str
    summary: str
    fragments: tuple[str, ...]
    cpus: int
    memory_mib: int
    deadline: float
    witnesses: tuple[str, ...]
    control: str
    control_evidence: tuple[str, ...]
    supporting: tuple[Kind, ...] = ()
    precluded: tuple[str, ...] = ()

    @abstractmethod
    async def run(self, guest: GuestLike, *, sabotage: bool = False, seed: int = 0) -> Observation:
        """Run it in a guest fresh from boot, or its positive control, and say what was measured.

        Random choices follow from `seed`, 32 bits.
        """
