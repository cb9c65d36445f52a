# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes to mails: an mbox (plain or gzipped), or a single mail."""

from __future__ import annotations

import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.source.repository import GitError
from harness.source.series.mail import Mail
from harness.source.series.plumbing import git
from harness.words import UserError

#: Bytes of a mailbox, unpacked, and mails in it: some times the longest thread.
_MOST_BYTES = 64 << 20
_MOST_MAILS = 5000
_GZIP = b"\x1f\x8b"
_SEPARATOR = re.compile(rb"^From ", re.M)
#: What the header of a mail with a patch has; a file that starts otherwise is a bare diff or something else.
_HEADER = re.compile(rb"\A\s*(?:>?From [^\n]*\n)?(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_FIELD = re.compile(rb"^(?:From|Subject|Date|Message-ID):", re.M | re.I)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield an empty folder for git's tools."""
    with tempfile.TemporaryDirectory(prefix="percpu-harness-mail-") as name:
        yield Path(name)


def read_bytes(path: Path) -> bytes:
    """Return what a file holds, unpacked; `UserError` when it is too big, damaged or no file."""
    if not path.is_file():
        raise UserError(f"{path} is no file to read a series from")
    try:
        with path.open("rb") as handle:
            data = handle.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if data.startswith(_GZIP):
        data = _unpacked(data, path)
    if len(data) > _MOST_BYTES:
        raise UserError(
            f"{path} holds more than {_MOST_BYTES >> 20} MiB of mail: cut out the thread that you mean"
        )
    return data


def _unpacked(data: bytes, path: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged, it cannot be unpacked: {error}") from None


def is_mail(data: bytes) -> bool:
    """Tell whether this is a mail or a mailbox, and not a bare diff or something else."""
    header = _HEADER.match(data.replace(b"\r\n", b"\n"))
    return bool(header and _FIELD.search(header[0]))


def split(data: bytes, folder: Path, where: str) -> list[Mail]:
    """Return the mails of a mailbox, in order; each keeps to a folder of its own below `folder`."""
    if len(_SEPARATOR.findall(data)) > _MOST_MAILS:
        raise UserError(f"{where} holds more than {_MOST_MAILS} mails: cut out the thread that you mean")
    room = Path(tempfile.mkdtemp(dir=folder))
    try:
        git(room, "mailsplit", "-b", "--mboxrd", "--keep-cr", f"-o{room}", data=data)
    except GitError as error:
        raise UserError(f"{where} cannot be taken apart into mails: {error}") from None
    mails = []
    for number, path in enumerate(sorted(room.iterdir(), key=lambda path: int(path.name)), 1):
        place = room / f"room-{number}"
        place.mkdir()
        mails.append(Mail(path.read_bytes(), place))
    return mails
