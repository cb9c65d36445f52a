# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of builds: headers change seldom."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness.build import order
from harness.build.order import cost, shortest_path
from harness.words import InfraError
from tests.toytree import toy_tree


def _costs(names: str, groups: dict[str, int]) -> dict[frozenset[str], int]:
    """Return costs in which only a change of group is dear."""
    return {
        frozenset(pair): 1 + 100 * (groups[pair[0]] != groups[pair[1]])
        for pair in itertools.combinations(names, 2)
    }


def _changes(path: list[str], groups: dict[str, int]) -> int:
    return sum(groups[a] != groups[b] for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("names", ["abcdef", "abcdefghijkl"])
def test_the_header_changes_once(names: str) -> None:
    groups = {name: number % 2 for number, name in enumerate(names)}
    path = shortest_path(names, _costs(names, groups))
    assert sorted(path) == list(names)
    assert _changes(path, groups) == 1


def test_of_equal_orders_the_given_one_stays() -> None:
    assert shortest_path("abc", _costs("abc", dict.fromkeys("abc", 0))) == ["a", "b", "c"]
    assert shortest_path([], {}) == []


def test_headers_and_makefiles_weigh_more_than_source() -> None:
    assert cost(["include/linux/vmalloc.h"]) > cost(["mm/a.c", "mm/b.c", "mm/c.c"])
    assert cost(["mm/Kconfig"]) > cost(["include/linux/vmalloc.h"])
    assert cost([]) == 0


def test_commits_of_a_repository(tmp_path: Path) -> None:
    tree = toy_tree(tmp_path / "tree")
    base = tree.git("rev-parse", "HEAD")
    header = tree.replace("include/linux/vmalloc.h", "int size", "int bytes")
    both = tree.replace("mm/percpu.c", "PCPU_UNIT", "PCPU_UNIT + 1")
    tree.git("checkout", "--quiet", base)
    source = tree.replace("mm/percpu.c", "PCPU_UNIT", "PCPU_UNIT + 2")
    path = order(tree, [base, header, source, both])
    assert path in ([base, source, header, both], [source, base, header, both])
    with pytest.raises(InfraError, match="cannot compare"):
        order(tree, [base, "0" * 40])
