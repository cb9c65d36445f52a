# SPDX-License-Identifier: GPL-2.0-or-later
"""A real kernel: equal sources give equal bytes, whatever was built in the folder before."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.build import Builder, KernelCache
from harness.build.kconfig import parse_config
from harness.cli import cache_folder
from harness.engine import Prepared
from harness.variants import catalogue, materialise
from harness.words import Kernel

pytestmark = pytest.mark.guest


def test_there_and_back_again(prepared: Prepared, guest_kernel: Kernel, tmp_path: Path) -> None:
    """Builds in the default plan's folder, so that make has little to do; takes nothing from its cache."""
    known = prepared.builder

    def build(commit: str, source_id: str, name: str) -> Kernel:
        kernels = KernelCache(tmp_path / name)
        builder = Builder(prepared.tree, cache_folder(), known.fragments, known.module, kernels=kernels)
        kernel = builder.build(commit, source_id, tmp_path / f"{name}.log")
        assert not kernel.reused
        return kernel

    base = (prepared.tree.base, prepared.tree.source_id)
    made = materialise(prepared.tree, catalogue()["scope-atomic"])
    first = build(*base, "first")
    other = build(made.commit, made.source_id, "other")
    again = build(*base, "again")
    assert first.image.read_bytes() == again.image.read_bytes() == guest_kernel.image.read_bytes()
    assert first.module.read_bytes() == again.module.read_bytes()
    assert bytes(cache_folder()) not in first.module.read_bytes()  # it would be printed
    assert other.build_id != first.build_id == guest_kernel.build_id
    assert first.release == prepared.tree.version
    assert parse_config(first.config.read_text())["PROVE_LOCKING"] == "y"
    compiled = [line for line in again.log.read_text().splitlines() if line.startswith("  CC      mm/")]
    assert "  CC      mm/percpu.o" in compiled
    assert len(compiled) < 10
