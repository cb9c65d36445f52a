# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch that no mail brings: a bare diff, with or without a text in front of it, as quilt keeps them."""

from __future__ import annotations

import re
from pathlib import Path

from harness.source.repository import EPOCH, IDENTITY
from harness.source.series.mail import DIFF
from harness.source.series.plumbing import patch_id
from harness.source.series.series import Patch, one_line

#: Fields that Debian's patches begin with (DEP-3).
_TITLE = re.compile(r"^(?:Subject|Description):[ \t]*(.+)$", re.M | re.I)


def plain_patch(data: bytes, name: str, folder: Path, strip: int = 1) -> Patch | None:
    """Return the patch in `data`, None where it holds no diff; `name` is its subject where it tells none."""
    if data.count(b"\r\n") == data.count(b"\n"):
        data = data.replace(b"\r\n", b"\n")
    start = DIFF.search(data)
    if start is None:
        return None
    text = data[: start.start()].replace(b"\0", b"").decode(errors="replace").strip()
    title = _TITLE.search(text)
    diff = data[start.start() :]
    return Patch(
        subject=one_line(title[1] if title else name) or name,
        author=IDENTITY,
        date=EPOCH,
        message=text,
        diff=diff,
        patch_id=patch_id(folder, diff, strip),
        strip=strip,
    )
