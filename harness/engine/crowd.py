# SPDX-License-Identifier: GPL-2.0-or-later
"""How many guests run at a time, by what is measured of the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
# What a guest needs beside its own memory: its two kept states, where it keeps any, are at most as large as
# that each, and QEMU has some 60 MiB for itself and as much again for translated code (170 MiB resident, 100
# of them the guest's, after 30 trials in a restored guest of 256 MiB).
_STATES, _QEMU_MIB = 2, 160
# Of the memory that is available, so much stays free: builds run beside, and the machine stays usable.
_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many guests run at a time, and the sentence that says why."""

    number: int
    reason: str


def crowd(guest_mib: int, *, restored: bool = False, memory_mib: int = 0, jobs: int = 0) -> Crowd:
    """Return how many guests of `guest_mib` run at a time: `jobs`, or one per CPU that we may use.

    A guest whose trials are `restored` keeps states. All of them fit into `memory_mib` (0: a share of what is
    available now); one runs in any case.
    """
    wanted = jobs or len(os.sched_getaffinity(0))
    room = memory_mib or int(_available_mib() * _SHARE)
    each = guest_mib * (1 + _STATES * restored) + _QEMU_MIB
    fitting = max(1, room // each)
    if fitting < wanted:
        return Crowd(fitting, f"each needs {each} MiB, and there are {room} for them")
    return Crowd(wanted, "as asked" if jobs else "one per CPU")


def _available_mib() -> int:
    """Return the memory that is available without swapping, in MiB (proc_meminfo(5), MemAvailable)."""
    for line in _MEMINFO.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) >> 10
    raise OSError(f"{_MEMINFO} tells no MemAvailable")
