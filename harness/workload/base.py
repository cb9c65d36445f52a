# SPDX-License-Identifier: GPL-2.0-or-later
"""What every workload offers, and what it needs of a guest."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from harness.lock import silent
from harness.words import Kind, Observation, UserError

_MOST = (1 << 31) - 1
"""What any parameter of a module can hold."""


class CompletedLike(Protocol):
    """How a command in the guest ended."""

    @property
    def exit_code(self) -> int:
        """Exit status of the command."""

    @property
    def stdout(self) -> bytes:
        """What it wrote to its standard output."""

    @property
    def stderr(self) -> bytes:
        """What it wrote to its standard error."""


class GuestLike(Protocol):
    """The part of a booted guest that a workload uses. Every call may raise `GuestEndedError`."""

    async def run(self, argv: Sequence[str], timeout: float) -> CompletedLike:  # noqa: ASYNC109
        """Run a command in the guest for at most `timeout` seconds."""

    async def read(self, path: str) -> bytes:
        """Return the content of a file in the guest; `InfraError` if it cannot be read."""

    async def ask(self, path: str, timeout: float) -> None:  # noqa: ASYNC109
        """Begin to read a file that blocks, for at most `timeout` seconds; `answer` ends it."""

    async def poke(self, path: str, data: bytes) -> None:
        """Write a file that is there and does not block; `InfraError` if it cannot be written."""

    async def answer(self, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return what the file had to say for which it was asked; `InfraError` if it cannot be read."""


Parameters = Mapping[str, int | str]


@dataclass(frozen=True, kw_only=True)
class Workload(ABC):
    """One thing to do to a booted kernel, and what it takes to believe the result.

    `fragments` are names in `kconfigs/`; `possible_cpus`, where more than `cpus`, counts those that the
    kernel leaves off as well. `deadline` is in seconds, for the run alone. `witnesses` are always reported,
    or the trial is inconclusive. `control` says in one sentence what the sabotaged run does and why it must
    fail; `control_evidence` is what that failure consists of, in the words of `Expectation.evidence`.
    `supporting` are kinds of event that the workload provokes and counts exactly by other means; `precluded`
    are witnesses that a failure may itself take away.

    `boots` are the trials of a cell unless the plan says how many. `must_fail_on` names a variant for a
    workload whose failure is a matter of chance: unless one of its trials fails there, those that pass
    elsewhere may just have been lucky. A `costly` workload runs, unless the plan names both it and variants,
    only on those variants of which history says what they do under it; one that is `on_demand` runs only
    when a plan names it. Each trial of a `cold` one gets a guest that was booted for it, and those of one
    that is run `alone` come last, with no build and no more guests beside them than there are processors for.
    A `timed` one measures how long things take: where series are compared, its trials come after all builds
    and all kernels take turns.
    `packages` are recipes in `images/packages/`, `programs` map a path in the guest to the folder in
    `images/` whose sources make it. `parameters` may be changed by a plan.
    """

    name: str
    summary: str
    fragments: tuple[str, ...]
    cpus: int
    possible_cpus: int = 0
    memory_mib: int
    deadline: float
    witnesses: tuple[str, ...]
    control: str
    control_evidence: tuple[str, ...]
    supporting: tuple[Kind, ...] = ()
    precluded: tuple[str, ...] = ()
    on_demand: bool = False
    costly: bool = False
    cold: bool = False
    alone: bool = False
    timed: bool = False
    boots: int = 1
    must_fail_on: str = ""
    packages: tuple[str, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=dict)

    async def prepare(self, guest: GuestLike) -> None:  # noqa: B027 - most that are costly need none
        """Bring a guest fresh from boot into the state that every trial starts from, its control too.

        Neither a seed nor a random choice has a place here: the state is kept, and gone back to. `InfraError`
        if the guest cannot be prepared. By default there is nothing to do.
        """

    @abstractmethod
    async def run(
        self,
        guest: GuestLike,
        *,
        sabotage: bool = False,
        seed: int = 0,
        tell: Callable[[str], None] = silent,
    ) -> Observation:
        """Run it in a guest that was prepared, or its positive control, and say what was measured.

        Random choices follow from `seed`, 32 bits. `tell` is told how far it is, in a few words.
        """

    def load(self) -> str:
        """Say in a few words with which parameters it is run."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())

    @property
    def tunable(self) -> Parameters:
        """Return what may be changed by a plan: its parameters, and the machine's size."""
        machine = {"cpus": self.cpus, "possible_cpus": self.possible_cpus, "memory_mib": self.memory_mib}
        return {**machine, **self.parameters}

    def tuned(self, changes: Parameters) -> Self:
        """Return this workload with other values of what is `tunable`.

        `UserError` for one that it does not have, and for a value of the wrong type or out of range.
        """
        known = self.tunable
        for name, value in changes.items():
            if name not in known:
                raise UserError(f"{self.name} has no parameter '{name}': it has {', '.join(known)}")
            if type(value) is not type(known[name]):
                kind = "a string" if isinstance(known[name], str) else "a number"
                raise UserError(f"{self.name}.{name} must be {kind}, not {value!r}")
            least = 1 if name in ("cpus", "memory_mib") else 0
            if isinstance(value, int) and not least <= value <= _MOST:
                raise UserError(f"{self.name}.{name} must be from {least} to {_MOST}, not {value}")
        return dataclasses.replace(
            self,
            cpus=int(changes.get("cpus", self.cpus)),
            possible_cpus=int(changes.get("possible_cpus", self.possible_cpus)),
            memory_mib=int(changes.get("memory_mib", self.memory_mib)),
            parameters={name: changes.get(name, value) for name, value in self.parameters.items()},
        )
