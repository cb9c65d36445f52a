# SPDX-License-Identifier: GPL-2.0-or-later
"""The variants on Debian's real sources, in the user's own cache: imported there once."""

from __future__ import annotations

import pytest

from harness.cli import cache_folder
from harness.source import Tree, open_tree
from harness.variants import AS_IS, catalogue, materialise, tree_stage
from harness.words import UserError

pytestmark = pytest.mark.network


@pytest.fixture(params=["debian:6.1", "debian:6.12", "debian:7.2"])
def tree(request: pytest.FixtureRequest) -> Tree:
    return open_tree(request.param, cache_folder())


def test_every_variant_applies_to_every_version(tree: Tree) -> None:
    assert tree_stage(tree) == "sleepable"
    made = {name: materialise(tree, variant) for name, variant in catalogue().items()}
    assert made["sleepable"].contained
    assert made["series-v2"].source_id == made["series-v4"].source_id != made["series-v3"].source_id
    assert len({one.source_id for one in made.values()}) == len(catalogue()) - 2


def test_a_tree_with_the_series_in_it() -> None:
    tree = open_tree("debian:7.3", cache_folder())
    assert tree_stage(tree) == "series-v4"
    for name in ("series-v2", "series-v4"):
        assert materialise(tree, catalogue()[name]).contained
    assert not materialise(tree, catalogue()[AS_IS]).changed
    for name in ("scope-blind", "scope-atomic", "sleepable", "mask-only"):
        with pytest.raises(UserError, match=r"debian:7\.3 already contains series-v4"):
            materialise(tree, catalogue()[name])
