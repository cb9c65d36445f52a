# SPDX-License-Identifier: GPL-2.0-or-later
"""What a review found, as lines of text for those forms that have nothing but lines."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.comparison import Comparison, Examined, Pair, Statement

#: A line: how deep it stands below its heading, and its text.
Line = tuple[int, str]


def in_short(comparison: Comparison) -> Iterator[str]:
    """Yield the sentences of the conclusion, each with the cells that it rests on."""
    return (_cited(one) for one in comparison.conclusion)


def at_length(comparison: Comparison) -> Iterator[Line]:
    """Yield what stands behind the conclusion."""
    for one in comparison.examined:
        yield from _examined(one)
    for pair in comparison.pairs:
        yield from _pair(pair)


def _examined(one: Examined) -> Iterator[Line]:
    identity = f" (identity {one.identity})" if one.identity else ""
    yield 0, f"{one.name}: {one.title}{identity}, on {one.base}"
    for step in one.steps:
        yield 1, f"patch {step.number}: {step.title}: {step.build}"
        for effect in step.effects:
            yield 2, effect.text
        if step.need is not None:
            yield 2, step.need.text


def _pair(pair: Pair) -> Iterator[Line]:
    yield 0, f"{pair.left} beside {pair.right}:"
    for contrast in pair.contrasts:
        yield 1, f"{contrast.workload}: {contrast.meaning.text}"
    for wait in pair.waiting:
        yield (
            1,
            f"{wait.workload}, {wait.share} of the {wait.caller} calls took less than {wait.left} and "
            f"{wait.right}: {wait.shift}",
        )
    for change in pair.changes:
        yield 1, change.title
        for caused in change.behaviour:
            yield 2, caused.text
    if pair.remark:
        yield 1, pair.remark


def _cited(one: Statement) -> str:
    told = "; ".join(f"{variant} x {', '.join(names)}" for variant, names in one.workloads().items())
    return f"{one.text} [{told}]" if told else one.text
