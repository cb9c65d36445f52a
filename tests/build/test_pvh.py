# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel with sanitizers has none in the code at which QEMU enters it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.build import pvh
from harness.build.kconfig import configure
from harness.build.make import Make
from harness.cli import cache_folder
from harness.data import data_dir
from harness.engine import Prepared


@pytest.mark.parametrize(
    ("makefile", "objects"),
    [
        ("obj-$(CONFIG_PVH) += enlighten.o\n", {"enlighten.o", "string.o"}),
        ("KASAN_SANITIZE := n\nobj-$(CONFIG_PVH) += enlighten.o\n", {"enlighten.o"}),
        (None, {"enlighten.o"}),
    ],
)
def test_strings_are_checked_where_the_tree_can(
    tmp_path: Path, makefile: str | None, objects: set[str]
) -> None:
    if makefile is not None:
        file = tmp_path / "arch/x86/platform/pvh/Makefile"
        file.parent.mkdir(parents=True)
        file.write_text(makefile)
    given = pvh.variables(tmp_path)
    for tool in ("KASAN", "KCSAN", "KMSAN"):
        assert {f"{tool}_SANITIZE_{name}=n" for name in objects} == {
            each for each in given if each.startswith(tool)
        }
    assert "KCOV_INSTRUMENT_enlighten.o=n" in given


def test_a_link_in_a_foreign_tree_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "arch/x86/platform/pvh"
    folder.mkdir(parents=True)
    (folder / "Makefile").symlink_to("/dev/zero")
    assert not any("string.o" in each for each in pvh.variables(tmp_path))


@pytest.mark.guest
def test_the_entry_of_a_real_kernel_is_not_instrumented(prepared: Prepared, tmp_path: Path) -> None:
    source, out, log = tmp_path / "source", tmp_path / "out", tmp_path / "build.log"
    prepared.tree.worktree(source).switch(prepared.tree.base)
    out.mkdir()
    fragment = tmp_path / "kcsan.config"
    fragment.write_text("CONFIG_DEBUG_KERNEL=y\nCONFIG_KCSAN=y\n")
    make = Make(source, out, log, 2, cache_folder() / "ccache", lambda *_: None)
    configure(make, source, out, [data_dir("kconfigs") / "base.config", fragment])
    objects = {"arch/x86/platform/pvh/enlighten.o": False, "lib/string.o": True}
    make.run("prepare")
    make.jobs = 1  # asked for one object, kbuild comes to it by two ways
    for name, instrumented in objects.items():
        make.run(*pvh.variables(source), name)
        symbols = subprocess.run(["nm", out / name], capture_output=True, text=True, check=True)
        assert ("__tsan_" in symbols.stdout) is instrumented
