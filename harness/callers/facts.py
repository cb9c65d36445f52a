# SPDX-License-Identifier: GPL-2.0-or-later
"""What Coccinelle finds in source files: calls, definitions, and what is stored in flags."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.words import InfraError

_PATCH = Path(__file__).with_name("facts.cocci")
_DEADLINE = 600  # seconds for a portion of files; most take a fraction of a second each
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:\\\n|[^\n])*)", re.M)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or a macro with arguments. A `static` one is known in its own file only."""

    name: str
    file: str
    parameters: tuple[str, ...]
    static: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `inside` is the function or macro that it stands in, None where that is not known."""

    file: str
    line: int
    inside: Function | None
    function: str
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Facts:
    """What was found. `stores` maps file, function and variable to all that is stored there.

    `unread` are the places (file, line, name) where a call seems to stand that Coccinelle did not see.
    """

    calls: list[Call] = field(default_factory=list)
    stores: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    unread: list[tuple[str, int, str]] = field(default_factory=list)


def read_facts(root: Path, files: Sequence[str], names: Collection[str]) -> Facts:
    """Look for calls of `names` in `files` below `root`; blocks.

    `InfraError` when Coccinelle is missing or hangs.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".cocci") as patch:
        patch.write(_PATCH.read_text().replace("NAMES", ", ".join(sorted(names))))
        patch.flush()
        command = ["spatch", "--very-quiet", "--no-includes", "--sp-file", patch.name, *files]
        try:
            done = subprocess.run(
                command, cwd=root, capture_output=True, text=True, errors="replace", timeout=_DEADLINE
            )
        except FileNotFoundError as missing:
            raise InfraError("spatch is not installed: install the package 'coccinelle'") from missing
        except subprocess.TimeoutExpired as slow:
            raise InfraError(f"spatch did not read {files[0]} and others in {_DEADLINE} s") from slow
    if done.returncode:
        told = (done.stderr.strip() or "no reason given").splitlines()
        raise InfraError(f"spatch could not search {files[0]} and others: {told[-1]}")
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    texts = {file: _code((root / file).read_text(errors="replace")) for file in files}
    return _understood(texts, said, names)


def _understood(
    texts: Mapping[str, str], said: Iterable[Sequence[str | int]], names: Collection[str]
) -> Facts:
    facts = Facts()
    functions: dict[tuple[str, str], Function] = {}
    calls: dict[tuple[str, int, str], tuple[str, str]] = {}
    for what, file, line, inside, *fields in said:
        place, name = str(file), str(fields[0])
        match what:
            case "function":
                functions[place, name] = _function(place, name, str(fields[1]), texts[place])
            case "store":
                facts.stores[place, str(inside), name].add(str(fields[1]))
            case _:
                calls[place, int(line), name] = str(inside), str(fields[1])
    for place, text in texts.items():
        facts.calls += _in_macros(place, text, names)
    seen = {(call.file, call.line, call.function) for call in facts.calls}
    for (place, line, name), (inside, arguments) in calls.items():
        if (place, line, name) not in seen:
            function = functions.get((place, inside))
            facts.calls.append(Call(place, line, function, name, tuple(split(arguments))))
    seen |= set(calls)
    for place, text in texts.items():
        facts.unread += [found for found in _looks_called(place, text, names) if found not in seen]
    return facts


def _function(file: str, name: str, parameters: str, text: str) -> Function:
    static = re.search(rf"^static\b[^;{{}}()]*\b{name}\s*\(", text, re.M) is not None
    names = [re.findall(r"\w+", parameter)[-1:] for parameter in split(parameters)]
    # A header's static functions are everybody's who includes it.
    known = static and not file.endswith(".h")
    return Function(name, file, tuple(name[0] if name else "" for name in names), known)


def _in_macros(file: str, text: str, names: Collection[str]) -> Iterator[Call]:
    """Yield the calls in macros, whose bodies Coccinelle reads only in part."""
    for match in _MACRO.finditer(text):
        parameters = tuple(name.strip() for name in match[2].split(","))
        macro = Function(match[1], file, parameters, not file.endswith(".h"))
        for called in _named(names).finditer(match[3]):
            at = match.start(3) + called.start()
            arguments = match[3][called.end() : _closing(match[3], called.end())].replace("\\\n", " ")
            yield Call(file, _line(text, at), macro, called[1], tuple(split(arguments)))


def _looks_called(file: str, text: str, names: Collection[str]) -> Iterator[tuple[str, int, str]]:
    """Yield what by its text is a call, and neither a prototype nor a definition."""
    for match in _named(names).finditer(text):
        arguments = text[match.end() : _closing(text, match.end())]
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if "gfp_t" not in arguments and not re.match(r"\s*#\s*define\s+$", before):
            yield file, _line(text, match.start()), match[1]


def _named(names: Collection[str]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, sorted(names)))})\s*\(")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _closing(text: str, begin: int) -> int:
    """Return where the bracket that was opened before `begin` is closed."""
    depth = 1
    for at in range(begin, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if not depth:
            return at
    return len(text)


def _code(text: str) -> str:
    """Blank out comments and strings; lines keep their numbers."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return _STRING.sub('""', _COMMENT.sub(blank, text))


def split(text: str) -> list[str]:
    """Split arguments or parameters at the commas that stand in no bracket."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[begin:at].strip())
            begin = at + 1
    parts.append(text[begin:].strip())
    return parts if parts != [""] else []
