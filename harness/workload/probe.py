# SPDX-License-Identifier: GPL-2.0-or-later
"""The workloads of the probe module: load it, have it run, read its result, leave the meaning to others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.lock import silent
from harness.words import InfraError, Misbehaviour, Observation
from harness.workload.base import GuestLike, Workload
from harness.workload.result import MalformedError, ProbeResult, parse_result

MODULE = "/percpu_probe.ko"
RESULT = "/sys/kernel/debug/percpu_probe/result"
TRIGGER = "/dev/percpu_probe"

#: What every workload needs of a kernel, and what every one of them witnesses. SCSI and iSCSI are there for
#: the scans alone: one kernel for all is built once, and naming other workloads builds nothing again.
FRAGMENTS = ("base", "lockdep", "tracing", "percpu", "scsi", "iscsi")
LOCKDEP_ALIVE = "lockdep_alive_after"
WITNESSES = ("lockdep_alive_before", LOCKDEP_ALIVE, "tracepoints_found")

#: The callers that must not recurse into IO or FS reclaim, by the names that the module gives them.
IN_SCOPE = {"noio_scope": "NOIO-scope", "nofs_scope": "NOFS-scope"}
BY_FLAG = {"noio_flag": "GFP_NOIO", "nofs_flag": "GFP_NOFS"}


@dataclass(frozen=True, kw_only=True)
class ProbeWorkload(Workload):
    """A workload of the probe module. `parameters` are those of the module."""

    fragments: tuple[str, ...] = FRAGMENTS
    cpus: int = 2
    memory_mib: int = 256
    deadline: float = 120.0
    # Lockdep turns itself off when it has something to report.
    precluded: tuple[str, ...] = (LOCKDEP_ALIVE,)

    @abstractmethod
    def failures(self, counters: Mapping[str, int]) -> list[Misbehaviour]:
        """Say what of these counters is misbehaviour of the kernel.

        A counter that is missing raises `KeyError`, and the trial is not complete.
        """

    def notes(self, counters: Mapping[str, int]) -> list[str]:
        """Say in sentences what of these counters is neither misbehaviour nor to be left out."""
        return []

    async def prepare(self, guest: GuestLike) -> None:
        """Load the module, which does what every run starts from, and have a task wait for the run."""
        argv = ["/bin/busybox", "insmod", MODULE, f"workload={self.name}", "wait=1"]
        argv += [f"{name}={value}" for name, value in self.parameters.items()]
        loaded = await guest.run(argv, self.deadline)
        if loaded.exit_code != 0:
            said = loaded.stderr.decode(errors="replace").strip()
            raise InfraError(f"insmod ended with exit code {loaded.exit_code}: {said}")
        await guest.ask(TRIGGER, self.deadline)

    async def run(
        self,
        guest: GuestLike,
        *,
        sabotage: bool = False,
        seed: int = 0,
        tell: Callable[[str], None] = silent,
    ) -> Observation:
        """Have the module run and read its result. Whatever is not well formed makes the run incomplete."""
        await guest.poke(TRIGGER, f"{sabotage:d} {seed}".encode())
        data = await guest.answer(self.deadline)
        try:
            return self._observe(parse_result(data, self.name))
        except MalformedError as error:
            why = f"the result of the probe module is malformed: {error}"
            return Observation(complete=False, notes=(why,))

    def _observe(self, result: ProbeResult) -> Observation:
        failures: list[Misbehaviour] = []
        notes, complete = list(result.notes), result.complete
        try:
            failures = self.failures(result.counters)
            notes += self.notes(result.counters)
        except KeyError as error:
            complete = False
            notes.append(f"the probe module did not report the counter {error}")
        return Observation(
            complete=complete,
            counters=result.counters,
            witnesses=result.witnesses,
            failures=tuple(failures),
            notes=tuple(notes),
            paths=result.paths,
        )


def refused(counters: Mapping[str, int], callers: Mapping[str, str], what: str) -> list[str]:
    """Say for each kind of caller how many of its calls failed, if any did.

    `what` continues the sentence after the caller's name.
    """
    return [
        f"{counters[f'{name}_failures']} of {counters[f'{name}_calls']} {called} {what}"
        for name, called in callers.items()
        if counters[f"{name}_failures"]
    ]


def misbehaved(what: str, sentences: Iterable[str]) -> list[Misbehaviour]:
    """Give all of these sentences the same name."""
    return [Misbehaviour(what, said) for said in sentences]


def refused_in_scope(counters: Mapping[str, int], what: str) -> list[Misbehaviour]:
    """Name the sleepable callers in a scope that were refused; `what` continues the sentence."""
    sleepable = {name: f"sleepable {called}" for name, called in IN_SCOPE.items()}
    return misbehaved("refused_in_scope", refused(counters, sleepable, what))


def refused_kernel(counters: Mapping[str, int]) -> list[Misbehaviour]:
    """Name the GFP_KERNEL allocations that failed though there was memory."""
    failed = counters["kernel_failures"]
    said = [f"{failed} unconstrained GFP_KERNEL allocations failed"] if failed else []
    return misbehaved("refused_kernel", said)
