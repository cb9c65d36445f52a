# SPDX-License-Identifier: GPL-2.0-or-later
"""How far a build is: files compiled of how many."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.build.kbuild import objects
from harness.build.kconfig import architecture
from harness.build.progress import BuildProgress, Listener
from harness.build.sandbox import Sandbox

#: Make leaves `.NAME.o.cmd` beside each object: its command and every file that it was made from.
_PREFIX, _SUFFIX = ".", ".o.cmd"


class Steps:
    """Counts what make compiles and tells the listener."""

    def __init__(self, out: Path, listener: Listener, sandbox: Sandbox | None = None) -> None:
        self._out = out
        self._listener = listener
        self._sandbox = sandbox
        self._seen: set[str] = set()
        self._total: int | None = None

    def expect(self, source: Path, changed: Sequence[str] | None) -> None:
        """Find out how many files a build will compile.

        `changed` are the files that changed since the last complete build in this folder, None when there was
        none: then it is what the config makes of the tree, without what an interrupted build left.
        """
        self._seen.clear()
        if changed is not None:
            self._total = len(affected(self._out, changed))
        else:
            config = self._out / ".config"
            every = objects(source, config, architecture(config.read_text()), self._sandbox)
            self._total = sum(not (self._out / name).exists() for name in every)

    def step(self, what: str, compiled: str | None) -> None:
        """Take note of one step of make; `compiled` is the object that it makes, None for other steps."""
        if compiled is not None:
            self._seen.add(compiled)
        done = len(self._seen)
        if self._total is not None:
            self._total = max(self._total, done)
        self._listener(BuildProgress(done, self._total, what))


def affected(out: Path, changed: Sequence[str]) -> list[str]:
    """Return the objects in `out` that were made from one of the files `changed` (paths below the source)."""
    if not changed:
        return []
    names = tuple(name.encode() for name in changed)
    ends = tuple(b"/" + name for name in names)
    found = []
    for path in _records(out):
        words = path.read_bytes().split()
        if any(word.endswith(ends) or word in names for word in words):
            found.append(str(path))
    return found


def _records(out: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(out):
        if folder == str(out):
            folders[:] = [name for name in folders if name not in ("scripts", "tools", "source")]
        for name in names:
            path = Path(folder, name)
            # A foreign build may leave a link or a pipe by such a name.
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX) and stat.S_ISREG(path.lstat().st_mode):
                yield path
