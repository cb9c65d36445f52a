# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel and an initramfs to boot, and a way to boot them that leaves no guest behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from harness.machine import BootSpec, boot, build_initrd
from harness.machine.qemu import QemuGuest
from harness.words import Accelerator

Booter = Callable[..., Awaitable[QemuGuest]]


@pytest.fixture(scope="session")
def vmlinux(request: pytest.FixtureRequest) -> Path:
    given = os.environ.get("PERCPU_HARNESS_TEST_KERNEL")
    return Path(given) if given else Path(request.getfixturevalue("guest_kernel").image)


@pytest.fixture(scope="session")
def initrd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_initrd(tmp_path_factory.mktemp("initrd") / "initrd.img")


@pytest.fixture
def spec(vmlinux: Path, initrd: Path, tmp_path: Path) -> BootSpec:
    return BootSpec(vmlinux, initrd, tmp_path / "guest", Accelerator.TCG, boot_deadline=200)


@pytest_asyncio.fixture
async def booted(spec: BootSpec) -> AsyncIterator[QemuGuest]:
    guest = await boot(spec)
    yield guest
    await guest.kill()
