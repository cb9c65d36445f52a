# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a tree's Kconfig files declare an option and on what it depends: to explain it, not to evaluate."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ENTRY = re.compile(r"^\s*(?:menu)?config\s+(\w+)\s*$")
_DEPENDS = re.compile(r"^\s+(?:depends\s+on|visible\s+if)\s+(.+?)\s*$")
_PROMPT = re.compile(r"^\s+(?:bool|tristate|string|int|hex|prompt)\s+[\"'].*?[\"'](?:\s+if\s+(.+?))?\s*$")
_IF = re.compile(r"^\s*if\s+(.+?)\s*$")
_OPEN = re.compile(r"^\s*(menu\s+[\"']|choice\b)")
_CLOSE = re.compile(r"^\s*end(if|menu|choice)\b")
_OTHER = re.compile(r"^\s*(?:source|comment|mainmenu)\b")
_HELP = re.compile(r"^(\s+)(?:---)?help(?:---)?\s*$")


@dataclass(slots=True)
class Declaration:
    """One `config NAME` entry. `where` is FILE:LINE below the tree's top.

    `conditions` are the expressions that it stands under, `prompts` how many prompts it has.
    """

    where: str
    conditions: list[str] = field(default_factory=list)
    prompts: int = 0


def declarations(source: Path, arch: str, names: Collection[str]) -> dict[str, list[Declaration]]:
    """Return where the tree declares each of `names`; other architectures than `arch` are left out.

    Conditions come from the entry itself and from the `if`, `menu` and `choice` blocks around it in its own
    file; those around a `source` line are not seen.
    """
    found: dict[str, list[Declaration]] = {}
    wanted = re.compile(rf"^\s*(?:menu)?config\s+(?:{'|'.join(map(re.escape, names))})\s*$", re.M)
    for path in sorted(_files(source, arch)):
        if path.is_symlink() or not path.is_file():  # a link may lead anywhere
            continue
        text = path.read_text(errors="replace")
        if not wanted.search(text):
            continue
        for name, declaration in _parse(text, str(path.relative_to(source))):
            if name in names:
                found.setdefault(name, []).append(declaration)
    return found


def _files(source: Path, arch: str) -> Iterator[Path]:
    for top in sorted(source.iterdir()):
        if top.name.startswith("Kconfig"):
            yield top
        elif top.name == "arch":
            yield from top.glob("Kconfig*")
            yield from (top / arch).rglob("Kconfig*")
        elif top.is_dir() and top.name not in ("Documentation", "tools"):
            yield from top.rglob("Kconfig*")


def _parse(text: str, file: str) -> Iterator[tuple[str, Declaration]]:
    """Yield every entry of one file with its conditions."""
    blocks: list[Declaration] = []
    current: Declaration | None = None
    entries: list[tuple[str, Declaration]] = []
    for number, line in _without_help(text):
        if match := _ENTRY.match(line):
            current = Declaration(f"{file}:{number}", [text for block in blocks for text in block.conditions])
            entries.append((match[1], current))
        elif _CLOSE.match(line):
            current = None
            if blocks:
                blocks.pop()
        elif (match := _IF.match(line)) or _OPEN.match(line):
            current = Declaration(f"{file}:{number}", [match[1]] if match else [])
            blocks.append(current)
        elif _OTHER.match(line):
            current = None
        elif current is not None:
            _attribute(line, current)
    yield from entries


def _attribute(line: str, current: Declaration) -> None:
    if match := _DEPENDS.match(line):
        current.conditions.append(match[1])
    elif match := _PROMPT.match(line):
        current.prompts += 1
        if match[1]:
            current.conditions.append(match[1])


def _without_help(text: str) -> Iterator[tuple[int, str]]:
    """Yield numbered lines, joined where a backslash continues them, without help texts.

    A help text ends at the first line that is indented less than its own first line (Kconfig language).
    """
    indent: int | None = None
    in_help = False
    pending, start = "", 0
    for number, raw in enumerate(text.expandtabs().splitlines(), 1):
        if in_help:
            depth = len(raw) - len(raw.lstrip())
            if not raw.strip():
                continue
            indent = depth if indent is None else indent
            if depth >= indent and depth > 0:
                continue
            in_help = False
        if _HELP.match(raw):
            in_help, indent = True, None
            continue
        pending, start = (pending + raw, start) if pending else (raw, number)
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        yield start, pending
        pending = ""
