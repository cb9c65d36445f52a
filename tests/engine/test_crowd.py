# SPDX-License-Identifier: GPL-2.0-or-later
"""How many guests run at a time."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from harness.engine import crowd as room
from harness.engine.crowd import crowd


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n")
    monkeypatch.setattr(room, "_MEMINFO", meminfo)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)))


def test_one_per_cpu_where_memory_allows() -> None:
    assert crowd(256).number == 4
    assert crowd(256).reason == "one per CPU"


def test_as_asked() -> None:
    assert crowd(256, jobs=1).number == 1
    assert crowd(256, jobs=5).number == 5


def test_memory_limits_them_and_says_so() -> None:
    few = crowd(256, memory_mib=1000, jobs=5)
    assert few.number == 2
    assert few.reason == "each needs 416 MiB, and there are 1000 for them"
    assert crowd(8192).number == 1, "one runs in any case"
    assert crowd(256, memory_mib=1).number == 1


def test_states_that_are_kept_need_memory_too() -> None:
    few = crowd(256, restored=True, memory_mib=2000, jobs=5)
    assert few.number == 2
    assert few.reason == "each needs 928 MiB, and there are 2000 for them"


def test_what_is_available_is_read_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MEMINFO", Path("/proc/meminfo"))
    available = psutil.virtual_memory().available >> 20
    assert abs(room._available_mib() - available) < 1024
