# SPDX-License-Identifier: GPL-2.0-or-later
"""Patch series of other people: read from mail, folders and git, and put on a tree as commits.

Belongs here: the nouns `Patch` and `Series`, one reader a source (mbox, folder, git range, lore), the choice
of a base, applying, and the comparison of two series. Does not belong here: what is built of a series, and
anything about percpu. Everything read here is hostile until shown otherwise: it is data for git's
own tools, which work on an index without any files.
"""

from harness.source.series.apply import Applied, Prefix, apply_series
from harness.source.series.base import place
from harness.source.series.opening import anchored, open_series
from harness.source.series.rangediff import Pair, Relation, range_diff
from harness.source.series.series import Origin, Patch, Series

__all__ = [
    "Applied",
    "Origin",
    "Pair",
    "Patch",
    "Prefix",
    "Relation",
    "Series",
    "anchored",
    "apply_series",
    "open_series",
    "place",
    "range_diff",
]
