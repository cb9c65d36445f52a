# SPDX-License-Identifier: GPL-2.0-or-later
"""What several rooms' tests share: the default tree, and the kernel that real guests boot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import settings
from rich.console import Console

from harness.cli import cache_folder
from harness.engine import Prepared, build, prepare
from harness.plan import Plan
from harness.report.progress import PlainProgress
from harness.variants import AS_IS
from harness.words import Kernel
from tests.world import World

pytest_plugins = ["pytester"]

# How long one example takes is the machine's business, not the code's.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    """Return the default tree, unpatched, in the user's own cache: what is there is not made again."""
    return prepare(Plan(variants=(AS_IS,)), cache_folder(), PlainProgress(Console(stderr=True)))


@pytest.fixture(scope="session")
def guest_kernel(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """Return the kernel of the default tree, built if need be."""
    source = prepared.source_of(AS_IS)
    folder: Path = tmp_path_factory.mktemp("build")
    asyncio.run(build(prepared, source, folder, PlainProgress(Console(stderr=True))))
    assert source.kernel is not None, source.first_error
    return source.kernel


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world of names that the engine takes for the real one."""
    made = World(tmp_path)
    made.take_over(monkeypatch)
    return made
