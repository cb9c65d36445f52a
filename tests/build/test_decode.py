# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames to source lines, by the real script on an object that is small but has what a kernel has."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from harness.build import decode, has_debug_info
from harness.engine import Prepared, SourceLines
from harness.source import Repository
from harness.words import InfraError, Kernel

SOURCE = """
int guilty(int count)
{
	return count + 1;
}

int kernel_init(int count)
{
	return guilty(count);
}
"""
ANSWERS = """
while read -r line; do
    case $line in
    slow*) sleep 60 ;;
    lost*) echo "$line" ;;
    *) echo "${line%+*} (mm/percpu.c:12 (discriminator 2) mm/x.h:3) probe" ;;
    esac
done
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """Return what looks like a kernel in the cache: an object with lines, a module beside it."""
    folder = tmp_path / "kernels" / ("ab" * 32)
    for name, place in (("vmlinux", "init/main.c"), ("probe.ko", "mm/probe.c")):
        source = tmp_path / "source" / place
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(SOURCE)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-g", "-O0", "-c", str(source), "-o", str(folder / name)], check=True)
    for name in ("System.map", "build.log"):
        (folder / name).touch()
    (folder / "config").write_text("CONFIG_SMP=y\nCONFIG_DEBUG_INFO=y\n")
    names = [folder / name for name in ("vmlinux", "probe.ko", "config", "System.map", "build.log")]
    return Kernel("ab" * 32, "cd" * 20, *names, "6.12", "ab", "gcc", 1.0)


def script(folder: Path, text: str) -> Path:
    path = folder / "script.sh"
    path.write_text(text)
    return path


def test_debug_info_is_what_the_config_says(kernel: Kernel) -> None:
    assert has_debug_info(kernel)
    kernel.config.write_text("CONFIG_SMP=y\n# CONFIG_DEBUG_INFO is not set\n")
    assert not has_debug_info(kernel)


def test_answers_are_taken_line_by_line(kernel: Kernel, tmp_path: Path) -> None:
    frames = ["a+0x1/0x2", "lost+0x1/0x2", "b+0x1/0x2 [probe]"]
    places = decode(kernel, script(tmp_path, ANSWERS), frames, 20)
    both = "mm/percpu.c:12 (discriminator 2) mm/x.h:3"
    assert places == {"a+0x1/0x2": both, "b+0x1/0x2 [probe]": both}


@pytest.mark.slow
def test_a_script_that_takes_too_long_is_ended_with_all_its_children(kernel: Kernel, tmp_path: Path) -> None:
    started = time.monotonic()
    frames = ["a+0x1/0x2", "slow+0x1/0x2", "b+0x1/0x2"]
    assert list(decode(kernel, script(tmp_path, ANSWERS), frames, 3)) == ["a+0x1/0x2"]
    assert time.monotonic() - started < 30


def test_without_bash_it_is_said(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfraError, match="stacks cannot be decoded"):
        decode(kernel, script(tmp_path, ANSWERS), ["a+0x1/0x2"], 5)


def offsets(kernel: Kernel) -> str:
    """Return the size of `guilty` as the kernel prints it."""
    table = subprocess.run(["nm", "-S", str(kernel.image)], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^\w+ 0*([0-9a-f]+) T guilty$", table, re.M)
    assert found is not None
    return found[1]


@pytest.mark.network
def test_the_trees_own_script_finds_the_line(kernel: Kernel, prepared: Prepared, tmp_path: Path) -> None:
    text = Repository(prepared.tree.repo).read(prepared.tree.source_id, "scripts/decode_stacktrace.sh")
    assert text is not None
    size = offsets(kernel)
    frames = [f"guilty+0x4/0x{size}", f"guilty+0x4/0x{size} [probe]", "unknown+0x4/0x8"]
    places = decode(kernel, script(tmp_path, text.decode()), frames, 60)
    assert set(places) == set(frames[:2])
    assert places[frames[0]].startswith("init/main.c:")
    assert "mm/probe.c:" in places[frames[1]]


@pytest.mark.network
def test_what_lacks_is_said(kernel: Kernel, prepared: Prepared, tmp_path: Path) -> None:
    record = {name: str(value) for name, value in dataclasses.asdict(kernel).items()}
    record |= {"seconds": 1.0, "reused": False}
    files = ("image", "module", "config", "system_map", "log")
    record |= {name: Path(str(record[name])).name for name in files}
    (kernel.image.parent / "kernel.json").write_text(json.dumps(record))
    frames = [f"guilty+0x4/0x{offsets(kernel)}"]
    assert "kernel is not in the cache" in SourceLines(tmp_path, "ef" * 20)("12" * 32, frames).why_not
    assert "kernel is not in the cache" in SourceLines(tmp_path, "ef" * 20)("../x", frames).why_not
    assert "the tree with its" in SourceLines(tmp_path, "ef" * 20)(kernel.key, frames).why_not
    assert "the tree with its" in SourceLines(tmp_path, "--help")(kernel.key, frames).why_not
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees/mine").symlink_to(prepared.tree.repo.parent)
    found = SourceLines(tmp_path, prepared.tree.source_id)(kernel.key, frames)
    assert found.why_not == ""
    assert found.places[frames[0]].startswith("init/main.c:")
    assert "longer than 0 s" in SourceLines(tmp_path, prepared.tree.source_id, 0)(kernel.key, frames).why_not
    kernel.config.write_text("CONFIG_SMP=y\n")
    os.utime(kernel.config)
    assert "no debug info" in SourceLines(tmp_path, prepared.tree.source_id)(kernel.key, frames).why_not
