# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs: the same bytes from the same inputs, and nothing missing in silence."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from harness.machine import build_initrd, compiler, initrd
from harness.words import InfraError, UserError


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    extra = tmp_path / "module.ko"
    extra.write_bytes(b"\x7fELF")
    first = build_initrd(tmp_path / "a" / "initrd", {"/module.ko": extra}).read_bytes()
    os.utime(extra, (1, 1))
    second = build_initrd(tmp_path / "b" / "initrd", {"/module.ko": extra}).read_bytes()
    assert first == second
    extra.write_bytes(b"\x7fELG")
    assert build_initrd(tmp_path / "c" / "initrd", {"/module.ko": extra}).read_bytes() != first


def test_cpio_reads_it(tmp_path: Path) -> None:
    extra = tmp_path / "tool"
    extra.write_text("#!/bin/sh\n")
    extra.chmod(0o755)
    image = build_initrd(tmp_path / "initrd", {"/opt/deep/tool": extra})
    listed = subprocess.run(
        ["busybox", "cpio", "-tv"], input=gzip.decompress(image.read_bytes()), capture_output=True, check=True
    ).stdout.decode()
    lines = {line.split()[-1]: line for line in listed.splitlines()}
    assert lines["opt/deep/tool"].startswith("-rwxr-xr-x")
    assert lines["opt/deep"].startswith("drwxr-xr-x")
    assert lines["dev/console"].startswith("crw")
    assert lines["init"].startswith("-rwxr-xr-x")
    assert "bin/sh -> /bin/busybox" in listed


def test_missing_extra_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.ko .*as /probe\.ko: No such file"):
        build_initrd(tmp_path / "initrd", {"/probe.ko": tmp_path / "nowhere.ko"})


def test_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.shutil, "which", lambda _name: None)
    with pytest.raises(InfraError, match="install the package gcc"):
        build_initrd(tmp_path / "initrd")


def test_missing_busybox_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initrd, "BUSYBOX", tmp_path / "busybox")
    with pytest.raises(InfraError, match="busybox-static"):
        build_initrd(tmp_path / "initrd")
