# SPDX-License-Identifier: GPL-2.0-or-later
"""plan.toml -> Plan: which tree, variants, workloads, machine and how many trials.

Belongs here: reading, checking and writing plans. Does not belong here: whether a variant applies or a tree
exists; the engine finds that out.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from harness.words import Accelerator, InfraError, UserError

DEFAULT_TREE = "debian:6.12"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does.

    Empty `variants` means every built-in one that the tree allows, empty `workloads` every workload. `trials`
    are trials per cell (0: as many as each workload needs). With `until`, a rate between 0 and 1, a cell ends
    when its failure rate is known to be below or above it, and with `seconds` trials go on in all cells for
    that long, and those that run alone for as long again after them; then `trials` are the most that a cell
    gets (0: no limit but that of `until`). One in `cold_every` of a kernel's trials gets a guest that was
    booted for it and the others one that was restored to the state that its workload starts from. `seed` is
    what all random choices follow from (None: a new one for each run), `jobs` are guests at a time (0: one
    per CPU), `memory` what they may have together, in MiB (0: by what is available), `kconfig` further
    fragments (names or files), `accelerator` None: find out. `parameters` changes those of workloads, by
    workload and name.

    `candidates` make the run a review of these series, in place of `variants`; `each_patch` judges their
    parts too, and `trust_source` lets makefiles of other people run where there is no sandbox for them.
    """

    tree: str = DEFAULT_TREE
    variants: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    each_patch: bool = False
    trust_source: bool = False
    workloads: tuple[str, ...] = ()
    trials: int = 0
    until: float | None = None
    seconds: int = 0
    cold_every: int = 20
    seed: int | None = None
    jobs: int = 0
    memory: int = 0
    kconfig: tuple[str, ...] = ()
    accelerator: Accelerator | None = None
    debian_mirror: str | None = None
    parameters: Mapping[str, Mapping[str, int | str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.trials < 0:
            raise UserError(
                f"trials = {self.trials}: give a positive number, or 0 for as many as each workload needs"
            )
        if self.until is not None and not 0 < self.until < 1:
            raise UserError(f"until = {self.until}: give a failure rate between 0 and 1, such as 0.01")
        if self.seconds < 0:
            raise UserError(f"seconds = {self.seconds}: give a positive number, or 0 for no limit")
        if self.cold_every < 1:
            raise UserError(f"cold_every = {self.cold_every}: give 1 to boot for every trial, or more")
        if self.seed is not None and not 0 <= self.seed < 1 << 32:
            raise UserError(f"seed = {self.seed}: give a number below 2**32")
        if self.jobs < 0:
            raise UserError(f"jobs = {self.jobs}: give 0 for one guest per CPU, or a positive number")
        if self.memory < 0:
            raise UserError(f"memory = {self.memory}: give MiB, or 0 to go by what is available")
        if self.candidates and self.variants:
            raise UserError("a plan has variants or candidates: a review chooses its other variants itself")
        if self.each_patch and not self.candidates:
            raise UserError("each_patch = true: there is no series to take apart, name some as candidates")
        for name in ("variants", "candidates", "workloads"):
            values = getattr(self, name)
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise UserError(f"{name} names {', '.join(sorted(twice))} twice: name each once")


def choose(what: str, wanted: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the wanted names, all the known ones when none is wanted;

    `UserError` for one that is not known.
    """
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UserError(f"unknown {what} '{name}': {hint}known are {', '.join(known)}")
    return tuple(wanted) or tuple(known)


def _strings(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UserError(f"the plan's '{key}' must be a list of strings, not {value!r}")


def _truth(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UserError(f"the plan's '{key}' must be true or false, not {value!r}")


def _of_type(key: str, value: object, wanted: type[str] | type[int]) -> str | int:
    if isinstance(value, wanted) and not isinstance(value, bool):
        return value
    raise UserError(
        f"the plan's '{key}' must be {'a string' if wanted is str else 'a whole number'}, not {value!r}"
    )


def _rate(key: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise UserError(f"the plan's '{key}' must be a number between 0 and 1, not {value!r}")


def _tables(key: str, value: object) -> dict[str, dict[str, int | str]]:
    """Return a table of tables, `[parameters.WORKLOAD]`; which names and types fit the workload knows."""
    if isinstance(value, dict) and all(
        isinstance(table, dict) and all(type(item) in (int, str) for item in table.values())
        for table in value.values()
    ):
        return value
    raise UserError(f"the plan's '{key}' must be tables of numbers and strings, not {value!r}")


def _convert(key: str, value: object) -> object:
    if key == "parameters":
        return _tables(key, value)
    if key in ("variants", "candidates", "workloads", "kconfig"):
        return _strings(key, value)
    if key in ("each_patch", "trust_source"):
        return _truth(key, value)
    if key in ("trials", "jobs", "cold_every", "seed", "seconds", "memory"):
        return _of_type(key, value, int)
    if key == "until":
        return _rate(key, value)
    text = _of_type(key, value, str)
    if key == "accelerator":
        return accelerator(str(text))
    return text


def setting(text: str) -> tuple[str, str, int | str]:
    """Read `WORKLOAD.NAME=VALUE`; a value of digits, with a minus or not, is a number."""
    place, _, value = text.partition("=")
    workload, _, name = place.partition(".")
    if not (workload and name and value):
        raise UserError(f"'{text}' is no setting: write WORKLOAD.NAME=VALUE")
    return workload, name, int(value) if re.fullmatch(r"-?\d{1,20}", value) else value


def duration(text: str) -> int:
    """Read a time such as `90s`, `30m`, `2h` or `45` (seconds), and return it in seconds."""
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if not found or not int(found[1]):
        raise UserError(f"'{text}' is no time: write 90s, 30m or 2h")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def accelerator(text: str) -> Accelerator | None:
    """Read `auto`, `kvm` or `tcg`; `auto` is None."""
    if text == "auto":
        return None
    try:
        return Accelerator(text)
    except ValueError:
        raise UserError(f"unknown accelerator '{text}': known are auto, kvm, tcg") from None


def plan_from(mapping: Mapping[str, object]) -> Plan:
    """Make a plan of a parsed TOML document; `UserError` names a key that is unknown or of the wrong type."""
    known = [field.name for field in dataclasses.fields(Plan)]
    choose("key in the plan", list(mapping), known)
    values = {key: _convert(key, value) for key, value in mapping.items()}
    return Plan(**values)  # type: ignore[arg-type]  # _convert checked each by its key


def load(path: Path) -> Plan:
    """Read plan.toml; `UserError` when it is missing, no TOML, or not a plan."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the plan {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the plan {path} is not TOML: {error}") from None
    return plan_from(document)


def save(plan: Plan, path: Path) -> None:
    """Write the plan so that `load` gives it back."""
    values = {key: value for key, value in dataclasses.asdict(plan).items() if value is not None}
    try:
        path.write_text(tomli_w.dumps(values), encoding="utf-8")
    except OSError as error:
        raise InfraError(f"the plan cannot be written to {path}: {error.strerror}") from None
