# SPDX-License-Identifier: GPL-2.0-or-later
"""What no series may be, told before anything is done with it."""

from __future__ import annotations

import re

from harness.source.series.series import MOST_PATCHES, Series
from harness.words import UserError

_CHANGE = re.compile(rb"^(?:@@ -|(?:new|new file|deleted file) mode |(?:rename|copy) to )", re.M)
_BINARY = re.compile(rb"^(?:GIT binary patch|Binary files (?P<names>[^\n]*) differ)\s*$", re.M)


def checked(series: Series) -> Series:
    """Return the series; `UserError` for one that is too long or brings what is no text."""
    if len(series.patches) > MOST_PATCHES:
        raise UserError(
            f"{series.spec} has {len(series.patches)} patches, and more than {MOST_PATCHES} are no series"
        )
    for number, patch in enumerate(series.patches, 1):
        where = f"{series.spec}, patch {number}/{len(series.patches)} ({patch.subject!r})"
        if not (patch.patch_id and (_CHANGE.search(patch.diff) or _BINARY.search(patch.diff))):
            raise UserError(f"{where}: its diff is damaged, git finds no change in it")
        if _BINARY.search(patch.diff):
            raise UserError(
                f"{where}: it changes a binary file, which is not taken from a series: leave it out"
            )
    return series
