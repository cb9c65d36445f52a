# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache of kernels: whole or not there, kept while in use, pruned by age."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from harness.build import KernelCache
from harness.words import InfraError, Kernel


def _kernel(folder: Path, key: str) -> Kernel:
    folder.mkdir(exist_ok=True)
    files = {name: folder / name for name in ("image", "module", "config", "system_map", "log")}
    for path in files.values():
        path.write_text(f"{path.name} of {key}")
    return Kernel(key, "source", **files, release="6.12.0", build_id="ab", toolchain="gcc", seconds=1.5)


@pytest.fixture
def cache(tmp_path: Path) -> KernelCache:
    return KernelCache(tmp_path / "cache")


def _aged(cache: KernelCache, key: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(cache.root / "kernels" / key / "kernel.json", (then, then))


def test_what_was_stored_is_found(cache: KernelCache, tmp_path: Path) -> None:
    stored = cache.store(_kernel(tmp_path / "out", "k1"))
    assert not stored.reused
    assert stored.image.read_text() == "image of k1"
    assert KernelCache(cache.root).lookup("k1") == dataclasses.replace(stored, reused=True)
    assert cache.lookup("k2") is None
    cache.remember("shortcut", "k1")
    assert cache.recall("shortcut") == dataclasses.replace(stored, reused=True)
    assert cache.recall("other") is None


def test_a_damaged_kernel_is_stored_anew(cache: KernelCache, tmp_path: Path) -> None:
    stored = cache.store(_kernel(tmp_path / "out", "k1"))
    stored.image.unlink()
    fresh = KernelCache(cache.root)
    assert fresh.lookup("k1") is None
    assert fresh.store(_kernel(tmp_path / "out", "k1")).image.exists()


def test_the_list_says_size_and_age_and_prune_keeps_the_newest(cache: KernelCache, tmp_path: Path) -> None:
    for number, key in enumerate(("old", "mid", "new")):
        KernelCache(cache.root).store(_kernel(tmp_path / "out", key))  # a cache holds what it stored
        _aged(cache, key, 300 - 100 * number)
    listed = cache.list()
    assert [entry.name for entry in listed] == ["new", "mid", "old"]
    assert listed[2].age == pytest.approx(300, abs=5)
    assert cache.size() == sum(entry.size for entry in listed) > 0
    assert [label for label, _, _ in cache.sizes()] == ["3 kernels"]
    assert cache.prune(keep=1, older_than=250) == listed[2].size
    assert [entry.name for entry in cache.list()] == ["new", "mid"]
    assert cache.prune(keep=1) == listed[1].size
    assert [entry.name for entry in cache.list()] == ["new"]


def test_a_kernel_in_use_is_not_pruned(cache: KernelCache, tmp_path: Path) -> None:
    cache.store(_kernel(tmp_path / "out", "k1"))
    user = KernelCache(cache.root)
    assert user.lookup("k1") is not None
    assert KernelCache(cache.root).prune() == 0
    assert len(cache.list()) == 1


def test_what_a_dead_process_left_is_no_kernel(cache: KernelCache, tmp_path: Path) -> None:
    left = cache.root / "kernels" / ".partial-dead"
    left.mkdir(parents=True)
    (left / "kernel.json").write_text("{}")
    assert cache.list() == []
    os.utime(left, (0, 0))
    cache.prune()
    assert not left.exists()


def test_a_full_disk_is_told_by_its_folder(cache: KernelCache, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    kernel = _kernel(tmp_path / "out", "k1")
    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(InfraError, match=r"the disk that holds .*/cache/kernels is full"):
        cache.store(kernel)
    assert list((cache.root / "kernels").iterdir()) == []
