# SPDX-License-Identifier: GPL-2.0-or-later
"""Make corpus cases of raw logs of sins.

    python -m tests.sins.keep LOGS TREE [NAME ...]

takes LOGS/TREE/NAME.log, keeps some lines of the boot and what came of the sin, and writes
tests/corpus/sin-NAME-TREE.log. The expectations of the reader are then written by the corpus's own
`--update`; what the catalogue expects stays apart from them: the case only names its sin and its tree.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.dmesg import corpus
from tests.sins.catalogue import SINS

_FIRST = 2  # lines of the boot's beginning
_BEFORE = 6  # lines right before the sin
_MOST = 260  # lines from the sin on


def excerpt(name: str, log: bytes) -> bytes:
    """Return the beginning of a console, and what happened around a sin."""
    lines = log.splitlines(keepends=True)
    begin = _find(lines, f"sins: now {name}\n", "sins: now ", ": loading out-of-tree module")
    start = max(0, begin - _BEFORE)
    return b"".join(lines[: min(_FIRST, start)] + lines[start : start + _BEFORE + _MOST])


def _find(lines: list[bytes], *texts: str) -> int:
    """Return the first line that has the first of the texts that any line has."""
    for text in texts:
        for number, line in enumerate(lines):
            if text.encode() in line.replace(b"\r\n", b"\n"):
                return number
    return 0


def keep(logs: Path, tree: str, name: str) -> Path:
    """Write the case of one log and return its path."""
    log = (logs / tree / f"{name}.log").read_bytes()
    if SINS[name].reports:
        log = excerpt(name, log)
    version, _, config = tree.partition("-")
    stamps = "with" if b"][ " in log else "without"
    about = [
        f"about: {version} guest{f' ({config})' if config else ''}, {stamps} callers in the stamps",
        f"sin: {name}",
        f"tree: {tree}",
    ]
    path = corpus.FOLDER / f"sin-{name}-{tree}.log"
    corpus.Case(path, about, [], log).write([])
    return path


def main(logs: str, tree: str, *names: str) -> None:
    """Keep the logs of the named sins, or of all."""
    for name in names or SINS:
        if (Path(logs) / tree / f"{name}.log").is_file():
            print(keep(Path(logs), tree, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
