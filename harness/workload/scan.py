# SPDX-License-Identifier: GPL-2.0-or-later
"""The SCSI scans: does a scan in a NOIO scope find every device while percpu's spare pages are being used up?

`images/scan/` does the scan in the guest, with readers that empty the spare pages; the probe module says
whose percpu allocations failed (`images/module/scan.c`). The scanner is iscsid's child, or the task that adds
a host of scsi_debug.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.lock import silent
from harness.words import InfraError, Kind, Misbehaviour, Observation, Tally, UserError
from harness.workload.base import CompletedLike, GuestLike, Parameters, Workload
from harness.workload.probe import FRAGMENTS, LOCKDEP_ALIVE, RESULT, WITNESSES
from harness.workload.result import MalformedError, ProbeResult, parse_result

_PROGRAM = "/bin/scan"
_PROGRESS = "/run/scan.progress"
_POLL = 2.0  # seconds between two looks at how far the guest is
_SPARE = 90.0  # seconds for all but logging in and scanning

#: The scan is in a NOIO scope, which is what the bug needs; and for the controls, that it is not.
IN_SCOPE = "scanned_in_noio_scope"
NOT_IN_SCOPE = "scanned_outside_noio_scope"

_LOAD: Parameters = {"luns": 193, "width": 32, "depth": 16, "patience": 240, "fault": "none"}


@dataclass(frozen=True, kw_only=True)
class Scan(Workload):
    """A scan of `luns` devices while `width` readers work, each in a cgroup nested `depth` deep.

    `patience` is how many seconds the scan may take; `fault` breaks the guest on purpose, for tests.
    """

    fabric: str
    fragments: tuple[str, ...] = FRAGMENTS
    cpus: int = 2
    memory_mib: int = 1024
    deadline: float = 600.0
    supporting: tuple[Kind, ...] = (Kind.PERCPU_ALLOC_FAILURE,)
    precluded: tuple[str, ...] = (LOCKDEP_ALIVE,)
    witnesses: tuple[str, ...] = (
        *WITNESSES,
        "every_caller_seen",
        "all_luns_exported",
        IN_SCOPE,
        "spare_pages_emptied",
    )
    control: str = (
        "two of the disks are deleted before they are counted, and the scanner itself takes all that is "
        "populated until it is refused: both must be found"
    )
    control_evidence: tuple[str, ...] = ("measured/devices_lost", "measured/scan_refused")
    on_demand: bool = True
    costly: bool = True
    # On a starved host the readers use up pages no faster than percpu's worker fills them.
    alone: bool = True

    def arguments(self, *, sabotage: bool) -> Parameters:
        """Return what the guest's program is told."""
        told = {"workload": self.name, "fabric": self.fabric, **self.parameters, "sabotage": int(sabotage)}
        return told | {"width": 0} if sabotage else told

    async def prepare(self, guest: GuestLike) -> None:
        """Have the LUNs offered and the readers' cgroups made; each scan tells what hindered that."""
        done = await guest.run([*self._command(sabotage=False), "prepare=1"], self.deadline)
        if done.exit_code != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise InfraError(f"the preparation of the scan ended with exit code {done.exit_code}: {said}")

    def _command(self, *, sabotage: bool) -> list[str]:
        return [_PROGRAM, *(f"{name}={value}" for name, value in self.arguments(sabotage=sabotage).items())]

    async def run(
        self,
        guest: GuestLike,
        *,
        sabotage: bool = False,
        seed: int = 0,
        tell: Callable[[str], None] = silent,
    ) -> Observation:
        """Scan, and put together what the program and the module measured."""
        argv = [*self._command(sabotage=sabotage), f"seed={seed}"]
        done = await _run_and_tell(guest, argv, int(self.parameters["patience"]) + _SPARE, tell)
        try:
            measured = parse_result(done.stdout, self.name)
            if measured.obstacles:
                return Observation(complete=False, obstacles=tuple(measured.obstacles))
            return self._observe(measured, parse_result(await guest.read(RESULT), "scan"))
        except (MalformedError, InfraError) as error:
            said = done.stderr.decode(errors="replace").strip()
            ended = f"the scan ended with exit code {done.exit_code}"
            return Observation(complete=False, obstacles=(f"{ended} and no result: {error} {said}".strip(),))

    def _observe(self, program: ProbeResult, module: ProbeResult) -> Observation:
        counters = {**program.counters, **module.counters}
        try:
            tally = Tally(counters["disks_found"], counters["disks_wanted"])
            failures = _misbehaviour(counters, tally)
            witnesses = {**program.witnesses, **module.witnesses, **_witnesses(counters)}
        except KeyError as error:
            return Observation(complete=False, counters=counters, notes=(f"the counter {error} is missing",))
        return Observation(
            complete=program.complete and module.complete,
            counters=counters,
            witnesses={name: seen for name, seen in witnesses.items() if name in self.witnesses},
            failures=failures,
            notes=(*program.notes, *module.notes),
            series={**program.series, **{name: _so_far(line) for name, line in module.series.items()}},
            tally=tally,
        )

    def load(self) -> str:
        """Say under which load the scan is made."""
        luns, width, depth = (self.parameters[name] for name in ("luns", "width", "depth"))
        return f"{luns} LUNs, {width} readers in cgroups nested {depth} deep, {self.cpus} CPUs"


@dataclass(frozen=True, kw_only=True)
class IscsiScan(Scan):
    """The scan by iscsid. `initiator` chooses one of `INITIATORS`."""

    fabric: str = "iscsi"

    def tuned(self, changes: Parameters) -> IscsiScan:
        """Take the packages of another initiator along with its name."""
        tuned = super().tuned(changes)
        initiator = str(tuned.parameters["initiator"])
        if initiator not in INITIATORS:
            raise UserError(f"unknown initiator '{initiator}': known are {', '.join(INITIATORS)}")
        return dataclasses.replace(tuned, packages=(INITIATORS[initiator],))

    def arguments(self, *, sabotage: bool) -> Parameters:
        """Leave the initiator's name out; what matters of it to the program is what is preloaded."""
        told = dict(super().arguments(sabotage=sabotage))
        if told.pop("initiator") == "2.1.8-no-flusher":
            told["preload"] = _NO_FLUSHER
        return told


_NO_FLUSHER = "/lib/no-flusher.so"

#: Initiators, and the recipe of each in images/packages/.
INITIATORS = {
    "2.1.8": "open-iscsi-2.1.8",
    "2.1.8-no-flusher": "open-iscsi-2.1.8",
    "newest": "open-iscsi-newest",
}


async def _run_and_tell(
    guest: GuestLike, argv: list[str], seconds: float, tell: Callable[[str], None]
) -> CompletedLike:
    """Run the program and tell meanwhile what it says of its progress."""
    running = asyncio.ensure_future(guest.run(argv, seconds))
    try:
        while not running.done():
            await asyncio.wait([running], timeout=_POLL)
            if not running.done():
                await _tell_progress(guest, tell)
        return await running
    finally:
        running.cancel()


async def _tell_progress(guest: GuestLike, tell: Callable[[str], None]) -> None:
    with contextlib.suppress(InfraError):  # the file is not there yet
        match (await guest.read(_PROGRESS)).decode(errors="replace").split():
            case [phase, done, total]:
                tell(f"{phase}, {done} of {total} devices")


def _so_far(line: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Add up what the module counted for each half second."""
    times = [time for time, _ in line]
    return tuple(zip(times, itertools.accumulate(count for _, count in line), strict=True))


def _misbehaviour(counters: Mapping[str, int], tally: Tally) -> tuple[Misbehaviour, ...]:
    found = []
    if tally.found < tally.wanted:
        said = f"only {tally.found} of {tally.wanted} devices were found"
        found.append(Misbehaviour("devices_lost", said))
    if failed := counters["scanner_fails"]:
        said = f"{failed} of {counters['scanner_calls']} percpu allocations of the scanning task failed"
        found.append(Misbehaviour("scan_refused", said))
    return tuple(found)


def _witnesses(counters: Mapping[str, int]) -> dict[str, bool]:
    """Return what the counters prove: the scope of the scan, and that the load did what it is for."""
    calls, in_scope = counters["scanner_calls"], counters["scanner_noio_calls"]
    return {
        IN_SCOPE: 0 < calls == in_scope,
        NOT_IN_SCOPE: calls > 0 and in_scope == 0,
        "spare_pages_emptied": counters["other_fails"] > 0 or counters["worker_pages"] > 0,
    }


ISCSI_SCAN = IscsiScan(
    name="iscsi-scan",
    summary="iscsid, whose PR_SET_IO_FLUSHER makes all it does GFP_NOIO, scans a real iSCSI target",
    parameters={**_LOAD, "initiator": "2.1.8"},
    packages=(INITIATORS["2.1.8"],),
    programs={_PROGRAM: "scan", _NO_FLUSHER: "no-flusher"},
    boots=3,
    must_fail_on="scope-atomic",
    on_demand=False,
)


def _without_scope(name: str, initiator: str, summary: str) -> IscsiScan:
    """Return the same scan by an initiator whose scan is in no NOIO scope, which is what it must prove."""
    return dataclasses.replace(
        ISCSI_SCAN,
        name=name,
        summary=summary,
        parameters={**ISCSI_SCAN.parameters, "initiator": initiator},
        packages=(INITIATORS[initiator],),
        witnesses=tuple(NOT_IN_SCOPE if one == IN_SCOPE else one for one in ISCSI_SCAN.witnesses),
        must_fail_on="",
        on_demand=True,
    )


ISCSI_SCAN_NO_FLUSHER = _without_scope(
    "iscsi-scan-no-flusher",
    "2.1.8-no-flusher",
    "iscsi-scan with an iscsid that is refused PR_SET_IO_FLUSHER: no scope, so nothing of the bug",
)
ISCSI_SCAN_NEWEST = _without_scope(
    "iscsi-scan-newest",
    "newest",
    "iscsi-scan with the newest open-iscsi, whose scanning child drops the flag: user space hides the bug",
)
SCSI_SCAN = Scan(
    name="scsi-scan",
    summary="a task with PR_SET_IO_FLUSHER scans the devices of scsi_debug: no network, no target, no iscsid",
    fabric="debug",
    parameters=_LOAD,
    programs={_PROGRAM: "scan"},
    boots=3,
    must_fail_on="scope-atomic",
)
