# SPDX-License-Identifier: GPL-2.0-or-later
"""What a subject says of a mail's place in a series: `[PATCH v2 1/3]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPLY = re.compile(r"^\s*(?:re|aw|sv|antw|fwd?)\s*(?:\[\d+\])?\s*:", re.I)
_BRACKETS = re.compile(r"\s*\[([^\]]*)\]")
_VERSION = re.compile(r"(?:^|[\s,]|PATCH|RFC)v(\d{1,4})(?=[\s,.]|$)", re.I)
_NUMBER = re.compile(r"(?:^|[\s,])(\d{1,4})/(\d{1,4})(?=[\s,]|$)")
_WORD = re.compile(r"\b(?:PATCH|RFC)", re.I)


@dataclass(frozen=True, slots=True)
class Tag:
    """The place of a mail: `number` of `total` in `version`; number 0 is the cover letter.

    Both numbers are None for a patch that stands alone.
    """

    version: int
    number: int | None = None
    total: int | None = None


def is_reply(subject: str) -> bool:
    """Tell whether a subject is that of an answer; such a mail quotes patches and is none."""
    return bool(_REPLY.match(subject))


def parse_tag(subject: str) -> Tag | None:
    """Return what the brackets in front of a subject say, None where they speak of no patch.

    Understood are the forms of git, of patchwork (`[v2,1/3]`) and the word order of older mailers
    (`[PATCH 1/3 v2]`, `[PATCHv2]`, `[mm] [PATCH]`).
    """
    words, end = [], 0
    while found := _BRACKETS.match(subject, end):
        words.append(found[1])
        end = found.end()
    text = " ".join(words)
    version, number = _VERSION.search(text), _NUMBER.search(text)
    if not (_WORD.search(text) or version or number):
        return None
    which = int(version[1]) if version else 1
    return Tag(which, int(number[1]), int(number[2])) if number else Tag(which)
