# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the project: its dataclasses, enums and exceptions.

Belongs here: a noun that more than one room uses. Does not belong here: behaviour beyond what a
noun says about itself, I/O, and any import of ours.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class ExitCode(enum.IntEnum):
    """What the process tells its caller; `docs/exit-codes.md` is the long form."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    INFRA = 3
    BUILD = 4
    INTERRUPTED = 130


class HarnessError(Exception):
    """Base of all that is raised on purpose: one sentence that says what is wrong and what to do."""

    exit_code = ExitCode.INFRA


class UserError(HarnessError):
    """The user's mistake: a missing tree, an unknown variant, a patch that does not apply."""

    exit_code = ExitCode.USAGE


class InfraError(HarnessError):
    """The harness or the machine broke: no QEMU, a full disk, no network. Says nothing about the kernel."""

    exit_code = ExitCode.INFRA


class BuildError(HarnessError):
    """A kernel or module did not build. `first_error` is the first error line of `log`."""

    exit_code = ExitCode.BUILD

    def __init__(self, message: str, *, first_error: str, log: Path) -> None:
        super().__init__(message)
        self.first_error = first_error
        self.log = log


class Outcome(enum.StrEnum):
    """Of a trial, and of a cell over its trials. Only measured facts lead to `PASS`."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INFRA = "infra"


class Kind(enum.StrEnum):
    """What sort of thing the kernel said."""

    LOCKDEP = "lockdep"
    WARNING = "warning"
    BUG = "bug"
    OOPS = "oops"
    PANIC = "panic"
    KASAN = "kasan"
    KCSAN = "kcsan"
    KMSAN = "kmsan"
    KFENCE = "kfence"
    UBSAN = "ubsan"
    HUNG_TASK = "hung_task"
    SOFT_LOCKUP = "soft_lockup"
    HARD_LOCKUP = "hard_lockup"
    RCU_STALL = "rcu_stall"
    WORKQUEUE_LOCKUP = "workqueue_lockup"
    MEMORY_LEAK = "memory_leak"
    PAGE_ALLOC_FAILURE = "page_alloc_failure"
    PERCPU_ALLOC_FAILURE = "percpu_alloc_failure"
    VMALLOC_FAILURE = "vmalloc_failure"
    OOM_KILL = "oom_kill"
    ATOMIC_SLEEP = "atomic_sleep"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """Something the kernel said that a person must know of.

    `line` and `end_line` are 1-based lines of the console text; `time` is in seconds since boot.
    `cycle` holds lock class names rotated to a canonical start, empty where the report has none.
    """

    kind: Kind
    subtype: str
    title: str
    fingerprint: str
    line: int
    end_line: int
    raw: str
    time: float | None = None
    cpu: int | None = None
    pid: int | None = None
    comm: str | None = None
    function: str | None = None
    truncated: bool = False
    cycle: tuple[str, ...] = ()


class Ending(enum.StrEnum):
    """How a trial left its guest. Everything but `POWEROFF` and `SETTLED` names a fault.

    `SETTLED` is a guest that has said all it had to and lives on, to be restored for another trial.
    """

    POWEROFF = "poweroff"
    SETTLED = "settled"
    PANIC = "panic"
    RESET = "reset"
    SILENT = "silent"
    QEMU_KILLED = "qemu-killed"
    AGENT_LOST = "agent-lost"
    DEADLINE = "deadline"
    DISK_FULL = "disk-full"
    NO_BOOT = "no-boot"


class GuestEndedError(HarnessError):
    """The guest is gone or had to be ended before its work was done."""

    def __init__(self, message: str, ending: Ending) -> None:
        super().__init__(message)
        self.ending = ending


class Accelerator(enum.StrEnum):
    """What executes the guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True)
class AcceleratorChoice:
    """Which accelerator a guest gets, and the sentence that says how that was found out."""

    accelerator: Accelerator
    reason: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a build leaves, in one folder of the cache.

    `key` is the digest of source id, final config, toolchain and module source. `image` is what the
    machine boots. `release` is what `uname -r` must print in the guest, `build_id` the hex GNU build id that
    `/sys/kernel/notes` must show there: the witness that the running kernel is the one that was built.
    """

    key: str
    source_id: str
    image: Path
    module: Path
    config: Path
    system_map: Path
    log: Path
    release: str
    build_id: str
    toolchain: str
    seconds: float
    reused: bool = False


@dataclass(frozen=True, slots=True)
class CallPath:
    """A distinct stack, innermost function first, and how often it was seen.

    `label` says what was seen there.
    """

    label: str
    count: int
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What the kernel did wrong by a workload's own measure.

    `what` is its name in `Expectation.evidence`, after `measured/`; `said` is the sentence for people.
    """

    what: str
    said: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many things there were, of how many that there ought to have been."""

    found: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What a workload measured in the guest, before anybody judges it.

    `complete` is the workload's own success token. `failures` are misbehaviour of the kernel that the
    workload itself measured; `notes` are sentences about what is neither failure nor silence; `obstacles` are
    sentences about what kept the workload from measuring and is no fault of the kernel. `series` are figures
    over time: milliseconds since the start of the measurement, and the figure then.
    """

    complete: bool
    counters: Mapping[str, int] = field(default_factory=dict)
    witnesses: Mapping[str, bool] = field(default_factory=dict)
    failures: tuple[Misbehaviour, ...] = ()
    notes: tuple[str, ...] = ()
    paths: tuple[CallPath, ...] = ()
    obstacles: tuple[str, ...] = ()
    series: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What history says of a variant under a workload.

    `evidence` lists what a failure must consist of: `kind/subtype` of an event, or `measured/WHAT` for a
    `Misbehaviour` that the workload counted itself. `lockdep/circular:NAME` demands that lock in the reported
    cycle. Chance may decide: what has a question mark behind it may be part of the failure, and of what `|`
    joins at least one must be. A failure for another reason is not the expected one.
    """

    outcome: Outcome
    evidence: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One workload, once, on one booted kernel, and what came of it.

    `kernel` names the variant whose kernel ran (variants of equal source share it), `index` counts from 1,
    `control` marks the workload's sabotaged run, `attempts` counts the boots that it took (only `infra` is
    tried again), `seconds` is wall time of the last attempt, `boot_seconds` the part of it until the guest
    was ready, `folder` holds the console, `booted_in` is the folder of the trial that the guest was booted
    for (another one for a guest that was restored), and `seed` is what its random choices began with.
    `evidence` says what a failure consists of, in the words of `Expectation.evidence`; `reasons` says it in
    sentences; `missing` lists what a failing trial must have to be believed and does not.
    """

    kernel: str
    workload: str
    index: int
    control: bool
    outcome: Outcome
    evidence: tuple[str, ...]
    reasons: tuple[str, ...]
    ending: Ending
    observation: Observation
    events: tuple[Event, ...]
    folder: str
    seconds: float
    boot_seconds: float
    seed: int
    booted_in: str
    attempts: int = 1
    missing: tuple[str, ...] = ()

    @property
    def restored(self) -> bool:
        """Tell whether the guest was brought back to the state after its boot, not booted for this trial."""
        return self.booted_in != self.folder


@dataclass(frozen=True, slots=True)
class Known:
    """On which side of `bound` a failure rate lies, by `failures` of the first `trials`.

    `side` is `below`, `above`, or None when that is not known yet. It is from a test that may be asked after
    every trial: an interval of the same counts would be wrong more often than it says.
    """

    bound: float
    side: str | None
    failures: int
    trials: int

    def __str__(self) -> str:
        """Say it in a few words."""
        counted = f"{self.failures} of {self.trials}"
        if self.side is None:
            return f"{counted}: not known yet whether below or above {self.bound * 100:g} %"
        return f"{counted}: {self.side} {self.bound * 100:g} % (95 %, sequential test)"


@dataclass(frozen=True, slots=True)
class Cell:
    """Variant x workload over all its trials.

    `expected` is None where history says nothing of this variant. `known` is there where trials went on until
    the rate is known.
    """

    variant: str
    workload: str
    verdict: Outcome
    expected: Expectation | None
    as_expected: bool
    reasons: tuple[str, ...]
    trials: tuple[Trial, ...]
    known: Known | None = None

    @property
    def failures(self) -> int:
        """Count the trials in which the kernel misbehaved."""
        return sum(trial.outcome is Outcome.FAIL for trial in self.trials)
