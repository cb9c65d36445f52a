# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail: its place in the thread from its header, its patch from `git mailinfo`, as `git am` reads it."""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import cached_property
from pathlib import Path

from harness.source.repository import EPOCH, IDENTITY, GitError
from harness.source.series.plumbing import git, patch_id
from harness.source.series.series import Patch, one_line
from harness.source.series.tag import Tag, is_reply, parse_tag

_ID = re.compile(r"<([^<>\s]+)>")
_FIELD = re.compile(r"^(Author|Email|Subject|Date): (.*)$", re.M)
#: Where a diff begins, behind the diffstat and whatever else stands below the three dashes.
DIFF = re.compile(rb"^(?:diff --git |diff -|Index: |--- [^\n]+\n\+\+\+ )", re.M)
#: Lines of a diff that are no file's: a CR there is the mailer's.
_CARRIED_CR = re.compile(rb"^(?:diff --git |@@ -)[^\n]*\r\n", re.M)
_BLANK = re.compile(rb"\n\r?\n")
_BASE = re.compile(rb"^base-commit: ([0-9a-f]{7,64})\s*$", re.M)
#: Seconds that git can keep as a date on every machine.
_LATEST = 1 << 32


@dataclass(frozen=True, slots=True)
class Body:
    """What a mail says. `diff` is empty where it brings no patch, `below` is all from the three dashes on."""

    subject: str
    author: str
    date: str
    message: str
    diff: bytes
    below: bytes

    @property
    def base(self) -> str:
        """Return the commit of a `base-commit:` line, empty where there is none."""
        found = _BASE.search(self.message.encode()) or _BASE.search(self.below)
        return found[1].decode() if found else ""


class Mail:
    """One mail of a mailbox. `folder` is empty room for git's tools."""

    def __init__(self, raw: bytes, folder: Path) -> None:
        # A mail that came with CR LF has them everywhere; one with LF has CR only where a file has them.
        blank = _BLANK.search(raw)
        self.raw = raw.replace(b"\r\n", b"\n") if blank and b"\r" in blank[0] else raw
        self._folder = folder
        header = BytesHeaderParser().parsebytes(self.raw)
        self.subject = one_line(_text(header.get("Subject", "")))
        self.sender = email.utils.parseaddr(_text(header.get("From", "")))[1].lower()
        ids = _ID.findall(str(header.get("Message-ID", "")))
        self.message_id: str = ids[0] if ids else ""
        told = f"{header.get('In-Reply-To', '')} {header.get('References', '')}"
        self.parents = frozenset(_ID.findall(told))
        self.reply = is_reply(self.subject)
        self.tag: Tag | None = None if self.reply else parse_tag(self.subject)

    @cached_property
    def body(self) -> Body:
        """Decode the mail: transfer encoding, character set, `From:` in the body, format=flowed."""
        options = ("mailinfo", "--encoding=UTF-8", "--quoted-cr=nowarn")
        try:
            told = git(self._folder, *options, "message", "patch", data=self.raw)
        except GitError:
            try:  # a character set that nobody knows
                told = git(
                    self._folder, "mailinfo", "-n", "--quoted-cr=nowarn", "message", "patch", data=self.raw
                )
            except GitError:
                return Body(self.subject, IDENTITY, EPOCH, "", b"", b"")
        fields = dict(_FIELD.findall(told.decode(errors="replace")))
        message = (self._folder / "message").read_bytes().replace(b"\0", b"").replace(b"\r\n", b"\n")
        below = (self._folder / "patch").read_bytes()
        if _CARRIED_CR.search(below):
            below = below.replace(b"\r\n", b"\n")
        start = DIFF.search(below)
        return Body(
            subject=one_line(fields.get("Subject", "")),
            author=_author(fields.get("Author", ""), fields.get("Email", "")),
            date=_date(fields.get("Date", "")),
            message=message.decode(errors="replace").strip(),
            diff=below[start.start() :] if start else b"",
            below=below,
        )

    def patch(self, subject: str = "", strip: int = 1) -> Patch:
        """Return the patch that the mail brings; `subject` is for one that has none."""
        body = self.body
        return Patch(
            subject=body.subject or subject or "a patch without a subject",
            author=body.author,
            date=body.date,
            message=body.message,
            diff=body.diff,
            patch_id=patch_id(self._folder, body.diff, strip),
            message_id=self.message_id,
            strip=strip,
        )


def _text(value: object) -> str:
    """Decode the encoded words of a header; one that is damaged stays as it is."""
    try:
        return str(make_header(decode_header(str(value))))
    except (ValueError, LookupError, MessageError):
        return str(value)


def _author(name: str, address: str) -> str:
    name, address = (re.sub(r"[<>]", "", one_line(part)) for part in (name, address))
    # git drops these at the ends of a name and refuses what is left empty
    if not name.strip(" .,:;\"'\\"):
        name = address.partition("@")[0]
    return f"{name} <{address}>" if name.strip(" .,:;\"'\\") else IDENTITY


def _date(text: str) -> str:
    """Return a date as git takes it, seconds and zone; the fixed one where a mail has none to believe."""
    try:
        when = email.utils.parsedate_tz(text)
        seconds = email.utils.mktime_tz(when) if when else -1
    except (ValueError, OverflowError, TypeError, IndexError):
        seconds, when = -1, None
    if when is None or not 0 <= seconds < _LATEST:
        return EPOCH
    offset = (when[9] or 0) // 60
    if abs(offset) > 14 * 60:
        offset = 0
    sign = "-" if offset < 0 else "+"
    return f"{seconds} {sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"
