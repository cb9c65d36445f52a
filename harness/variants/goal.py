# SPDX-License-Identifier: GPL-2.0-or-later
"""What a semantic patch must reach, told in its own header, and whether a source has it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_GOAL = re.compile(r"^// goal: (?P<file>\S+) (?P<where>\S+) (?P<word>has|lacks) (?P<text>.+)$", re.M)
_NOISE = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


@dataclass(frozen=True, slots=True)
class Goal:
    """`// goal: FILE FUNCTION[|FUNCTION] has|lacks TEXT`; the function `*` is the whole file.

    The text is compared without white space and comments. A file that the tree does not have is a goal that
    is not reached, and so is a function that the file does not have.
    """

    file: str
    functions: tuple[str, ...]
    wanted: bool
    text: str

    def reached(self, files: Mapping[str, bytes]) -> bool:
        """Tell whether `files` (name to content) have what this goal wants."""
        body = self._place(files)
        return body is not None and (squeeze(self.text) in body) is self.wanted

    def explain(self, files: Mapping[str, bytes]) -> str:
        """Say for a person where the goal was missed: file, function, and what was expected there."""
        place = "" if self.functions == ("*",) else f", {' or '.join(f'{name}()' for name in self.functions)}"
        if self.file not in files:
            return f"{self.file}: there is no such file"
        if self._place(files) is None:
            return f"{self.file}{place}: there is no such function"
        return f"{self.file}{place}: {'no' if self.wanted else 'still a'} '{self.text}'"

    def _place(self, files: Mapping[str, bytes]) -> str | None:
        if self.file not in files:
            return None
        text = _NOISE.sub(" ", files[self.file].decode(errors="replace"))
        if self.functions == ("*",):
            return squeeze(text)
        for name in self.functions:
            body = function_text(text, name)
            if body is not None:
                return squeeze(body)
        return None


def goals(patch: str) -> tuple[Goal, ...]:
    """Return the goals that the text of a `.cocci` file declares."""
    return tuple(
        Goal(m["file"], tuple(m["where"].split("|")), m["word"] == "has", m["text"].strip())
        for m in _GOAL.finditer(patch)
    )


def squeeze(text: str) -> str:
    """Return `text` without white space."""
    return "".join(text.split())


def function_text(source: str, name: str) -> str | None:
    """Return the definition of the C function `name`, from its name to the closing brace in column 0.

    `source` must hold no comments; None where there is no definition.
    """
    found = re.search(rf"\b{re.escape(name)}\([^;{{}}]*\)\s*\{{.*?^\}}", source, re.S | re.M)
    return found[0] if found else None
