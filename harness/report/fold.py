# SPDX-License-Identifier: GPL-2.0-or-later
"""Saying once what many trials said with other numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from harness.words import CallPath

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
_RANGE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:\.\.\d+(?:\.\d+)?)?(?![\w.])")


def shape(sentence: str) -> str:
    """Return the sentence without its numbers: what equal sentences of several trials share.

    A folded sentence has the shape of those that it was folded from.
    """
    return _RANGE.sub("#", sentence)


def folded(sentences: Iterable[str]) -> list[str]:
    """Return each sentence once, in the order of first sight; a number that varies becomes its range."""
    alike: dict[str, list[str]] = {}
    for sentence in sentences:
        alike.setdefault(shape(sentence), []).append(sentence)
    return [_one(group) for group in alike.values()]


def _one(group: Sequence[str]) -> str:
    columns = iter(zip(*(_NUMBER.findall(sentence) for sentence in group), strict=True))
    return _NUMBER.sub(lambda _: _range(next(columns)), group[0])


def _range(numbers: Sequence[str]) -> str:
    ordered = sorted(set(numbers), key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]}..{ordered[-1]}"


def summed(paths: Iterable[CallPath]) -> list[CallPath]:
    """Add up equal call paths, the most frequent first."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for path in paths:
        counts[path.label, path.functions] += path.count
    return [CallPath(label, count, functions) for (label, functions), count in counts.most_common()]
