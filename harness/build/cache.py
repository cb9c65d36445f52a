# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that were built, by key, and what else lies in the cache folder."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.build.make import disk_full
from harness.lock import try_lock
from harness.words import InfraError, Kernel

_RECORD = "kernel.json"
#: The files of a kernel, and what they are called in the cache; the module keeps its name.
_FILES = {
    "image": "vmlinux",
    "module": "",
    "config": "config",
    "system_map": "System.map",
    "log": "build.log",
}
_PARTIAL, _TRASH = ".partial-", ".trash-"


@dataclass(frozen=True, slots=True)
class Entry:
    """A kernel in the cache. `size` is in bytes, `age` in seconds since it was last used."""

    name: str
    path: Path
    size: int
    age: float


class KernelCache:
    """Finished kernels below `root/kernels`, each in a folder named by its key, and an index of shortcuts.

    A folder appears whole, by rename. A kernel that was looked up is locked against `prune` while this
    process lives. The index maps what is known before any make runs to a key.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kernels = root / "kernels"
        self._index = root / "kernels" / "index"
        self._held: dict[str, IO[str]] = {}

    def lookup(self, key: str) -> Kernel | None:
        """Return the kernel of a key, None when there is none (or only a damaged one)."""
        folder = self._kernels / key
        try:
            record = json.loads((folder / _RECORD).read_text())
            kernel = _kernel(folder, record)
            handle = (folder / _RECORD).open()
            os.utime(folder / _RECORD)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not try_lock(handle, shared=True) or not all(getattr(kernel, name).is_file() for name in _FILES):
            handle.close()
            return None
        self._held.setdefault(key, handle)
        return dataclasses.replace(kernel, reused=True)

    def find(self, beginning: str) -> Kernel | None:
        """Return the kernel whose key begins so, None when there is none (or more than one)."""
        keys = [entry.name for entry in self.list() if entry.name.startswith(beginning)]
        return self.lookup(keys[0]) if len(keys) == 1 else None

    def store(self, kernel: Kernel) -> Kernel:
        """Copy a kernel's files into the cache and return it as it lies there; `InfraError` on a full disk.

        When another process was quicker, its equal kernel stays.
        """
        home = self._kernels / kernel.key
        self._kernels.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=self._kernels))
        try:
            names = {name: called or getattr(kernel, name).name for name, called in _FILES.items()}
            for name, called in names.items():
                shutil.copy2(getattr(kernel, name), partial / called)
            record = dataclasses.asdict(kernel) | names
            (partial / _RECORD).write_text(json.dumps(record, indent=1, default=str) + "\n")
            if home.exists() and self.lookup(kernel.key) is None:
                _discard(home)  # damaged
            with contextlib.suppress(FileExistsError):
                _rename_folder(partial, home)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full([self._kernels]) from error
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        stored = self.lookup(kernel.key)
        if stored is None:
            raise InfraError(f"{home} vanished while it was stored: do not prune the cache during a build")
        return dataclasses.replace(stored, reused=False)

    def recall(self, shortcut: str) -> Kernel | None:
        """Return the kernel that `remember` tied to a shortcut, None when there is none."""
        try:
            key = (self._index / shortcut).read_text().strip()
        except OSError:
            return None
        return self.lookup(key)

    def remember(self, shortcut: str, key: str) -> None:
        """Tie a shortcut to the key of a kernel."""
        self._index.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._index, prefix=_PARTIAL, delete=False) as file:
            file.write(key + "\n")
        Path(file.name).replace(self._index / shortcut)

    def list(self) -> list[Entry]:
        """Return the kernels, the one used last first."""
        entries = []
        for record in self._kernels.glob(f"*/{_RECORD}"):
            folder = record.parent
            if not folder.name.startswith((_PARTIAL, _TRASH)):
                entries.append(Entry(folder.name, folder, folder_size(folder), _age(record)))
        return sorted(entries, key=lambda entry: entry.age)

    def sizes(self) -> Sequence[tuple[str, Path, int]]:
        """Return what is kept where: a name, a folder and its bytes for each, kernels together."""
        if not self.root.is_dir():
            return []
        parts = [
            ("kernels" if path == self._kernels else path.name, path)
            for path in sorted(self.root.iterdir())
            if path.is_dir()
        ]
        names = {
            "apt": "package lists",
            "builds": "worktrees and object files",
            "ccache": "compiler cache",
            "trees": "kernel sources",
        }
        result = []
        for name, path in parts:
            label = f"{len(self.list())} kernels" if name == "kernels" else names.get(name, name)
            result.append((label, path, folder_size(path)))
        return result

    def size(self) -> int:
        """Return the bytes of all kernels."""
        return folder_size(self._kernels)

    def prune(self, *, keep: int = 0, older_than: float = 0.0) -> int:
        """Drop all but the `keep` kernels and build folders used last; return the bytes that were freed.

        What was used within `older_than` seconds stays too, and so does what a process uses now.
        """
        freed = 0
        for entry in self.list()[keep:]:
            if entry.age >= older_than and self._drop(entry.path / _RECORD, entry.path):
                freed += entry.size
        builds = [
            path for path in (self.root / "builds").glob("*") if path.with_name(f"{path.name}.lock").exists()
        ]
        for folder in sorted(builds, key=lambda path: _age(path.with_name(f"{path.name}.lock")))[keep:]:
            lock, size = folder.with_name(f"{folder.name}.lock"), folder_size(folder)
            if _age(lock) >= older_than and self._drop(lock, folder):
                freed += size
        for left in [*self.root.glob(f"*/{_TRASH}*"), *self._stale_partials()]:
            freed += folder_size(left)
            shutil.rmtree(left, ignore_errors=True)
        return freed

    def _stale_partials(self) -> Iterator[Path]:
        """Yield what dead processes left; storing takes seconds."""
        return (path for path in self._kernels.glob(f"{_PARTIAL}*") if _age(path) > 3600)

    def _drop(self, lock: Path, folder: Path) -> bool:
        """Remove a folder unless somebody holds its lock."""
        if folder.name in self._held:
            return False
        with contextlib.suppress(OSError), lock.open() as handle:
            if try_lock(handle):
                _discard(folder)
                return True
        return False


def folder_size(path: Path) -> int:
    """Return the bytes on disk below a folder; files that vanish meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{folder}/{name}").st_blocks * 512
    return total


def _kernel(folder: Path, record: dict[str, object]) -> Kernel:
    fields = {name: folder / str(record[name]) if name in _FILES else record[name] for name in record}
    return Kernel(**fields)  # type: ignore[arg-type]


def _rename_folder(old: Path, new: Path) -> None:
    """Rename a folder; `FileExistsError` when `new` is there already."""
    try:
        old.rename(new)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(new) from error
        raise


def _discard(folder: Path) -> None:
    """Remove a folder so that nobody ever sees half of it."""
    trash = folder.with_name(f"{_TRASH}{folder.name}-{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return max(0.0, time.time() - path.stat().st_mtime)
    return 0.0
