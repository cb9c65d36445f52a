# SPDX-License-Identifier: GPL-2.0-or-later
"""What made a build fail, read from the text that make and its tools left."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Lines that say what is wrong themselves. The earliest counts: what follows is often its consequence.
_CAUSES = re.compile(
    r"""^(?:
        \S[^:]*:\d+(?::\d+)?:\s(?:fatal\s)?error:\s        # gcc, cpp, with file and line
      | \S[^:]*:\d+:\s(?:syntax|parse)\serror              # kconfig, bison
      | Kconfig\S*:\d+:.*(?:syntax\serror|recursive\sdependency)
      | \S+:\d+:\sError:\s                                 # as
      | (?:\S*/)?(?:cc1|gcc|as|collect2|lto1)\S*:\s(?:fatal\s)?error:\s
      | .*:\sundefined\sreference\sto\s                    # ld
      | .*:\smultiple\sdefinition\sof\s
      | (?:\S*/)?ld(?:\.\w+)?:\s(?!warning).*(?:error|cannot|failed|overlaps|undefined)
      | ERROR:\smodpost:\s
      | ERROR:\s
      | FATAL:\s
      | .*\bobjtool:\s.*error
      | .*:\s(?:\d+:\s)?\S+:\s(?:not\sfound|command\snot\sfound|Permission\sdenied)$  # sh, a tool is missing
      | make\S*:\s[^*\s]\S*:\s(?:No\ssuch\sfile|Permission\sdenied)  # the same of make itself
    )""",
    re.VERBOSE,
)
#: What make says of the rule that failed, and of one that it lacks.
_NO_RULE = re.compile(r"^\S*make(?:\[\d+\])?: \*\*\* (?:No rule|missing separator)|^\S+:\d+: \*\*\* ")
_RULE = re.compile(r"^\S*make(?:\[\d+\])?: \*\*\* ")
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_KILLED = re.compile(
    r"Killed signal terminated program|: Killed$|internal compiler error: Killed|Cannot allocate memory"
)
#: Headlines of what the next line says.
_HEADLINE = re.compile(r"^\S[^:]*: (?:Assembler messages:|in function `.*':)$|: in function `[^']*':$")


def first_error(lines: Iterable[str]) -> str:
    """Return the line that says best why a build failed: the earliest cause, else what make said first.

    Falls back to the last line that is not empty, and to a sentence where there is none.
    """
    rule = last = ""
    for line in (raw.strip() for raw in lines):
        if _HEADLINE.search(line):
            continue
        if _CAUSES.match(line) or _NO_RULE.match(line):
            return line
        rule = rule or (line if _RULE.match(line) else "")
        last = line or last
    return rule or last or "the build said nothing"


def disk_was_full(lines: Iterable[str]) -> bool:
    """Tell whether a tool complained that there was no room."""
    return any(_FULL.search(line) for line in lines)


def memory_was_short(lines: Iterable[str]) -> bool:
    """Tell whether a tool was killed for, or failed for, want of memory."""
    return any(_KILLED.search(line) for line in lines)
