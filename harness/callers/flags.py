# SPDX-License-Identifier: GPL-2.0-or-later
"""What an expression says of GFP flags (include/linux/gfp_types.h)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_CLEARED = re.compile(r"~\s*(\((?:[^()]|\([^()]*\))*\)|\w+)")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b(?!\s*\()")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_FLAG = re.compile(r"(?:__)?GFP_\w+")
_MASKED = re.compile(r"\^|[\w)]\s*&\s*[\w(]")
"""Operators after which nobody knows from the names alone what is left."""
_WHOLE = re.compile(r"GFP_(?!NOWAIT\b|ATOMIC\b)\w+")
"""Names that stand for reclaim and all that goes with it."""
_MEMBER = re.compile(r"\w+(?:\s*(?:->|\.)\s*\w+)+")


_RECLAIM = {"__GFP_RECLAIM", "__GFP_DIRECT_RECLAIM"}
_BOTH = {"__GFP_IO", "__GFP_FS"}


class Concern(enum.StrEnum):
    """What is to be known of a call, the gravest first."""

    NOFAIL = "nofail"
    CONSTRAINED = "constrained"
    UNKNOWN = "unknown"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that may be set, those that are cleared, and what else decides (`variables`, `opaque`)."""

    given: frozenset[str]
    cleared: frozenset[str]
    variables: frozenset[str]
    opaque: frozenset[str]


def flags_of(expression: str) -> Flags:
    """Read one expression.

    A call or a structure's member in it is `opaque`, as its value is known elsewhere, and so is what is
    masked or flipped.
    """
    expression = _without_conditions(expression)
    cleared = {name for match in _CLEARED.finditer(expression) for name in _FLAG.findall(match[1])}
    terms = _terms(_CLEARED.sub(" ", expression))
    masked = {" ".join(term.split()) for term in terms if _MASKED.search(term)}
    rest = " | ".join(term for term in terms if not _MASKED.search(term))
    opaque = {f"{name}()" for name in _CALLED.findall(rest)}
    opaque |= {"".join(member.split()) for member in _MEMBER.findall(rest)}
    names = set(_NAME.findall(_MEMBER.sub(" ", rest)))
    given = {name for name in names if _FLAG.fullmatch(name)}
    return Flags(frozenset(given), frozenset(cleared), frozenset(names - given), frozenset(opaque | masked))


def _terms(expression: str) -> list[str]:
    """Take apart what `|` joins outside of parentheses."""
    terms, depth = [""], 0
    for sign in expression:
        depth += (sign in "([") - (sign in ")]")
        if sign == "|" and not depth:
            terms.append("")
        else:
            terms[-1] += sign
    return terms


def _without_conditions(expression: str) -> str:
    """Leave out what stands before each `?`: it chooses flags, but is none."""
    while (mark := expression.find("?")) >= 0:
        begin, depth = mark, 0
        while begin and (depth or expression[begin - 1] not in "(,?:"):
            begin -= 1
            depth += (expression[begin] in ")]") - (expression[begin] in "([")
        expression = f"{expression[:begin]} {expression[mark + 1 :]}"
    return expression


def concern(given: frozenset[str], cleared: frozenset[str], opaque: frozenset[str]) -> Concern:
    """Say what flags from all that may reach a call come to."""
    if "__GFP_NOFAIL" in given:
        return Concern.NOFAIL
    if given & {"GFP_NOFS", "GFP_NOIO"} or cleared & {"__GFP_FS", "__GFP_IO"}:
        return Concern.CONSTRAINED
    if given & _RECLAIM and not given >= _BOTH and not any(map(_WHOLE.fullmatch, given)):
        return Concern.CONSTRAINED
    return Concern.UNKNOWN if opaque else Concern.PLAIN
