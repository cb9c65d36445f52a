# SPDX-License-Identifier: GPL-2.0-or-later
"""The nouns: a patch, and a series of them."""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass

#: Patches that a series may have; the longest that mailing lists see have about 150.
MOST_PATCHES = 250


class Origin(enum.StrEnum):
    """What a series was read from."""

    MAIL = "mail"
    FOLDER = "folder"
    GIT = "git"
    LORE = "lore"


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, in UTF-8 but for its `diff`, whose bytes are those of the files.

    `author` is `NAME <MAIL>`, `date` what git takes as a date. `message` follows the subject. `strip` is the
    number of leading parts of its file names that do not count (`patch -pN`). `patch_id` is that of
    `git patch-id --stable`. `message_id` is empty where no mail brought it.
    """

    subject: str
    author: str
    date: str
    message: str
    diff: bytes
    patch_id: str
    message_id: str = ""
    strip: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """Ordered patches with a name and a version.

    `spec` is what the user wrote, `name` is fit for a folder, `title` is for people. `base` is the commit
    that the series says it stands on, empty where it says nothing. `message_id` and `subject` are those of
    the mail that began it, empty where none did. `notes` are sentences about what was left out or put
    together while it was read.
    """

    spec: str
    name: str
    title: str
    version: int
    origin: Origin
    patches: tuple[Patch, ...]
    base: str = ""
    cover: str = ""
    message_id: str = ""
    subject: str = ""
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Digest the patch-ids: equal for two readings of one series, whatever carried it."""
        return hashlib.sha256("\n".join(patch.patch_id for patch in self.patches).encode()).hexdigest()[:16]

    @property
    def foreign(self) -> bool:
        """Tell whether it came from outside: what is in a repository of the user's, the user let in."""
        return self.origin is not Origin.GIT


def safe_name(text: str) -> str:
    """Return `text` as a folder may be called: letters, digits, dots and dashes, at most 40, never empty."""
    name = re.sub(r"\.{2,}|[^A-Za-z0-9.]+", "-", text)[:40].strip("-.")
    return name or "series"


def one_line(text: str) -> str:
    """Return `text` as one line without control characters, so that no terminal obeys it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
