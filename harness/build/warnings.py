# SPDX-License-Identifier: GPL-2.0-or-later
"""What compilers and kbuild's tools warned of in a whole kernel, most of which an earlier build compiled."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

#: gcc's `FILE:LINE:COLUMN: warning: TEXT`, objtool's `FILE.o: warning: objtool: TEXT`, ld's and modpost's.
_WARNING = re.compile(r"^(?!make)(?P<where>[^\s:]+)?(?::\d+)*:?\s*warning:\s*(?P<text>.+)$", re.I)
_COMPILED = re.compile(r"^\s+(?:CC|AS)\s+(?:\[M\]\s+)?(?P<object>\S+\.o)\s*$")
_OFFSET = re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?")
_HEADING = "# warnings of the whole kernel"
_LINE = "#   "


class WarningsNote:
    """Keeps by file what the files in an output folder were warned of when they were compiled last.

    `open` before a build and `close` after it, however it ended; a build that was killed leaves no note, and
    then only what was compiled since is known.
    """

    def __init__(self, path: Path, prefixes: Iterable[str]) -> None:
        self._path = path
        self._prefixes = tuple(prefixes)
        self._known: dict[str, list[str]] | None = None

    def open(self, *, anew: bool) -> str | None:
        """Take the note up and return the commit that it is about, None when there is none.

        `anew` says that there is nothing in the folder that was compiled before.
        """
        commit, self._known = (None, {}) if anew and not self._path.exists() else _read(self._path)
        self._path.write_text("a build is under way, or was killed\n")
        return commit

    def close(self, log: str, commit: str, changed: Collection[str]) -> list[str]:
        """Return the lines for the end of the build log, and keep the note, given what the build printed.

        `changed` are the source files in which `commit` differs from the one that the note was about.
        """
        whole = self._known is not None
        known = dict(self._known or {})
        lines = log.splitlines()
        compiled = {_stem(self._short(match["object"])) for line in lines if (match := _COMPILED.match(line))}
        touched = compiled | {_stem(name) for name in changed}
        # What links says everything again, if it has to link.
        stale = [name for name in known if _stem(name) in touched or (compiled and not _is_compiled(name))]
        for name in stale:
            del known[name]
        for name, text in _warnings(lines, self._short):
            told = known.setdefault(name, [])
            if text not in told:
                told.append(text)
        if whole:
            self._path.write_text(json.dumps({"commit": commit, "warnings": known}))
        but = "" if whole else ", as far as this build compiled it"
        texts = [text for name in sorted(known) for text in known[name]]
        return [f"{_HEADING}{but}: {len(texts)}", *(_LINE + text for text in texts)]

    def _short(self, name: str) -> str:
        for prefix in self._prefixes:
            name = name.removeprefix(prefix)
        return name


def read_warnings(log: Path) -> tuple[str, ...]:
    """Return the warnings of the kernel that a build log is about, without line numbers.

    A log that does not say them whole, of an earlier version of ours, says what was compiled then.
    """
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    for number in reversed(range(len(lines))):
        if lines[number].startswith(_HEADING):
            told = lines[number + 1 :]
            return tuple(line.removeprefix(_LINE) for line in told if line.startswith(_LINE))
    return tuple(dict.fromkeys(text for _, text in _warnings(lines, str)))


def _warnings(lines: Iterable[str], short: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield file and text; line numbers and offsets move with every patch, and are no part of the text."""
    for line in lines:
        found = _WARNING.match(line.strip())
        if found is None or line.startswith("#"):
            continue
        where = short((found["where"] or "").removeprefix("../source/"))
        text = _OFFSET.sub("", found["text"]).strip()
        yield where, f"{where}: {text}" if where else text


def _read(path: Path) -> tuple[str | None, dict[str, list[str]] | None]:
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        return None, None
    return raw["commit"], raw["warnings"]


def _is_compiled(name: str) -> bool:
    """Tell files that a compiler or objtool warns of once from what is warned of at every link."""
    return PurePosixPath(name).suffix in (".c", ".h", ".S", ".o") and name != "vmlinux.o"


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix in (".c", ".S", ".o") else name
