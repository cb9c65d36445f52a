# SPDX-License-Identifier: GPL-2.0-or-later
"""What a build left, taken for what it is: a foreign one may leave links, pipes and endless files."""

from __future__ import annotations

import stat
from pathlib import Path

from harness.words import BuildError

#: Bytes of a text that a build leaves; a .config has a part of one of these megabytes.
_MOST_TEXT = 16 << 20


def artefact(out: Path, name: str, log: Path) -> Path:
    """Return the file `name` in `out`; `BuildError` when it is missing, no file, or behind a link."""
    path = out / name
    try:
        found = path.lstat()
        true = path.resolve() == out.resolve() / name
    except OSError:
        raise _error(f"it left no {name}", log) from None
    if not (true and stat.S_ISREG(found.st_mode)):
        raise _error(f"it left something else than a file as {name}", log)
    return path


def text(out: Path, name: str, log: Path) -> str:
    """Return the text of an artefact; `BuildError` also when that is far too long."""
    path = artefact(out, name, log)
    if path.stat().st_size > _MOST_TEXT:
        raise _error(f"it left a {name} of more than {_MOST_TEXT >> 20} MiB", log)
    return path.read_text(errors="replace")


def _error(what: str, log: Path) -> BuildError:
    return BuildError(f"the build is no use: {what} (see {log})", first_error=what, log=log)
