# SPDX-License-Identifier: GPL-2.0-or-later
"""What one series changed in another, patch by patch: `git range-diff`, read."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.source.repository import GitError, Repository
from harness.words import InfraError

#: `1:  HASH ! 2:  HASH SUBJECT`; what follows is indented by four, more than such a line ever is.
_SIDE = r"(?:\d+|-): +(?P<{}>[0-9a-f]+|-+)"
_PAIR = re.compile(rf"^ {{0,3}}{_SIDE.format('a')} (?P<sign>[=!<>]) +{_SIDE.format('b')} (?P<subject>.*)$")


class Relation(enum.StrEnum):
    """How a patch of one series stands to one of the other."""

    EQUAL = "equal"
    CHANGED = "changed"
    ONLY_A = "only in A"
    ONLY_B = "only in B"


_RELATIONS = {"=": Relation.EQUAL, "!": Relation.CHANGED, "<": Relation.ONLY_A, ">": Relation.ONLY_B}


@dataclass(frozen=True, slots=True)
class Pair:
    """A patch of A and its counterpart in B, by their numbers from 1; None where there is none.

    `text` is the difference of the two diffs, empty for equal ones.
    """

    relation: Relation
    a: int | None
    b: int | None
    subject: str
    text: str


def range_diff(repository: Repository, a: Sequence[str], b: Sequence[str]) -> list[Pair]:
    """Compare two series, each a base and the commits on top of it, in the order of `git range-diff`.

    Patches that their tree contains already are in neither. `InfraError` when git fails.
    """
    ranges = [f"{chain[0]}..{chain[-1]}" for chain in (a, b)]
    try:
        told = repository.run("range-diff", "--no-color", *ranges)
    except GitError as error:
        raise InfraError(f"{ranges[0]} cannot be compared with {ranges[1]}: {error}") from error
    return _parse(told.decode(errors="replace"), a, b)


def _number(chain: Sequence[str], abbreviated: str) -> int | None:
    for number, commit in enumerate(chain):
        if commit.startswith(abbreviated):
            return number
    return None


def _parse(text: str, a: Sequence[str], b: Sequence[str]) -> list[Pair]:
    pairs: list[tuple[re.Match[str], list[str]]] = []
    for line in text.split("\n"):
        if found := _PAIR.match(line):
            pairs.append((found, []))
        elif pairs and line:
            pairs[-1][1].append(line.removeprefix("    "))
    return [
        Pair(
            relation=_RELATIONS[found["sign"]],
            a=_number(a, found["a"]),
            b=_number(b, found["b"]),
            subject=found["subject"],
            text="\n".join(lines),
        )
        for found, lines in pairs
    ]
