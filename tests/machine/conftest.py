# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel and an initramfs to boot, and a way to boot them that leaves no guest behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from harness.build import Builder
from harness.cli import cache_folder
from harness.engine import Prepared
from harness.machine import BootSpec, boot, build_initrd
from harness.machine.qemu import QemuGuest
from harness.variants import AS_IS
from harness.words import Accelerator, Kernel

Booter = Callable[..., Awaitable[QemuGuest]]


@pytest.fixture(scope="session")
def vmlinux(request: pytest.FixtureRequest) -> Path:
    given = os.environ.get("PERCPU_HARNESS_TEST_KERNEL")
    return Path(given) if given else Path(request.getfixturevalue("guest_kernel").image)


@pytest.fixture(scope="session")
def initrd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_initrd(tmp_path_factory.mktemp("initrd") / "initrd.img")


@pytest.fixture(scope="session")
def stuck_module(prepared: Prepared, guest_kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the module that stops every CPU, built for the guest's kernel in the same folder."""
    folder = tmp_path_factory.mktemp("stuck")
    source = prepared.source_of(AS_IS)
    fragments = prepared.builder.fragments
    builder = Builder(prepared.tree, cache_folder(), fragments, Path(__file__).parent / "stuck")
    kernel = builder.build(source.commit, source.source_id, folder / "build.log")
    assert kernel.build_id == guest_kernel.build_id
    return kernel.module


@pytest.fixture
def spec(vmlinux: Path, initrd: Path, tmp_path: Path) -> BootSpec:
    return BootSpec(vmlinux, initrd, tmp_path / "guest", Accelerator.TCG, boot_deadline=200)


@pytest_asyncio.fixture
async def booted(spec: BootSpec) -> AsyncIterator[QemuGuest]:
    guest = await boot(spec)
    yield guest
    await guest.kill()
