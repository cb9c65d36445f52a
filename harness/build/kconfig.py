# SPDX-License-Identifier: GPL-2.0-or-later
"""The final config: fragments merged by the tree's own tools, then held against what was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.build.artefact import text
from harness.build.fragment import NO, Request, read_fragments
from harness.build.kconfig_files import Declaration, declarations
from harness.build.make import Make
from harness.words import UserError

_OPTION = re.compile(r"^(?:CONFIG_(?P<name>\w+)=(?P<value>.*)|# CONFIG_(?P<unset>\w+) is not set)$", re.M)
_HEADER = re.compile(r"^# Linux/(?P<arch>\w+) ", re.M)
_SYMBOL = re.compile(r"\b[A-Z0-9_]*[A-Z][A-Z0-9_]*\b")
_MERGE = "scripts/kconfig/merge_config.sh"


@dataclass(frozen=True, slots=True)
class Unmet:
    """A request that the final config does not fulfil, and the clause that says why."""

    request: Request
    why: str

    def __str__(self) -> str:
        return f"{self.request} ({self.request.where}): {self.why}"


def configure(make: Make, source: Path, out: Path, fragments: Sequence[Path]) -> list[Unmet]:
    """Write `out/.config` from allnoconfig and the fragments; return the optional requests that are not met.

    `merge_config.sh -m` only joins the fragments (up to 6.12 at least it keeps its temporary files in the
    current folder, so it runs in `out`); allnoconfig takes the result through KCONFIG_ALLCONFIG. `UserError`
    names every other request that did not stick and what it lacks; `BuildError` where the tools fail.
    """
    requests = read_fragments(fragments)
    merged = out / "merged.config"
    merge = ["/bin/sh", str(source / _MERGE), "-m", *(str(path.absolute()) for path in fragments)]
    make.tool(merge, {"KCONFIG_CONFIG": str(merged)})
    make.run("allnoconfig", environment={"KCONFIG_ALLCONFIG": str(merged)})
    unmet = check(requests, text(out, ".config", make.log), source)
    wrong = [item for item in unmet if not item.request.optional]
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(requests)} config options did not stick: {'; '.join(map(str, wrong))};"
            " mend the fragment, or mark an option that only some versions have with '# optional: REASON'"
        )
    return unmet


def check(requests: Sequence[Request], config: str, source: Path) -> list[Unmet]:
    """Return the requests that a final config does not fulfil, each with the reason that the tree gives.

    An option that is not asked for and that the config does not mention is off; so it is fulfilled,
    provided that the tree knows it: one that nobody knows is a slip of the pen.
    """
    values = parse_config(config)
    absent = {request.name for request in requests if request.name not in values}
    suspects = absent | {
        request.name for request in requests if values.get(request.name, NO) != request.value
    }
    if not suspects:
        return []
    known = declarations(source, architecture(config), suspects)
    unmet = []
    for request in requests:
        declared = known.get(request.name, [])
        if values.get(request.name, NO) != request.value:
            unmet.append(Unmet(request, _why(request, declared, values)))
        elif request.name in absent and not declared:
            unmet.append(Unmet(request, "this tree has no such option"))
    return unmet


def parse_config(text: str) -> dict[str, str]:
    """Return the options of a .config by name without the prefix, `n` for those that are not set."""
    return {
        match["name"] or match["unset"]: match["value"] if match["name"] else NO
        for match in _OPTION.finditer(text)
    }


def architecture(config: str) -> str:
    """Return the folder below `arch/` that a .config is for, from its headline; empty where it has none."""
    header = _HEADER.search(config)
    return header["arch"] if header else ""


def _why(request: Request, declared: Sequence[Declaration], values: Mapping[str, str]) -> str:
    if not declared:
        return "this tree has no such option"
    found = values.get(request.name)
    standing = "it is not visible" if found is None else f"it is {found}"
    conditions = list(dict.fromkeys(text for one in declared for text in one.conditions))
    if not any(one.prompts for one in declared):
        reason = "it has no prompt, only other options set it"
    elif conditions:
        symbols = dict.fromkeys(symbol for text in conditions for symbol in _SYMBOL.findall(text))
        have = ", ".join(f"{symbol}={values.get(symbol, NO)}" for symbol in symbols)
        reason = f"it depends on {' && '.join(f'({text})' for text in conditions)} and here {have}"
    else:
        reason = "another option of its choice, a range or a 'select' overrides it"
    return f"{standing}; {reason} [{declared[0].where}]"
