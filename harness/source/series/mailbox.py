# SPDX-License-Identifier: GPL-2.0-or-later
"""A mailbox to a series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.source.series.check import checked
from harness.source.series.mail import Mail
from harness.source.series.mbox import is_mail, read_bytes, scratch, split
from harness.source.series.plain import plain_patch
from harness.source.series.series import Origin, Patch, Series, one_line, safe_name
from harness.source.series.thread import choose
from harness.words import UserError


def read_mailbox(spec: str, path: Path, version: int | None, origin: Origin = Origin.MAIL) -> Series:
    """Return the series in a file: an mbox, a mail, or a bare diff as a series of one patch."""
    data = read_bytes(path)
    with scratch() as folder:
        if is_mail(data):
            return from_mails(spec, split(data, folder, spec), version, origin, stem(path))
        patch = plain_patch(data, path.name, folder)
        if patch is None:
            raise UserError(f"{path} is no series: there is neither a mail nor a diff in it")
        return of_patches(spec, [patch], version, stem(path))


def from_mails(spec: str, mails: Sequence[Mail], version: int | None, origin: Origin, name: str) -> Series:
    """Return the series that is in the mails, of the version that was asked for."""
    roll = choose(mails, version, spec)
    bodies = [mail.body for mail in roll.mails]
    cover = roll.cover.body if roll.cover else None
    return checked(
        Series(
            spec=spec,
            name=safe_name(name),
            title=bodies[0].subject,
            version=roll.version,
            origin=origin,
            patches=tuple(roll.patches[number].patch() for number in sorted(roll.patches)),
            base=next((body.base for body in bodies if body.base), ""),
            cover=cover.message if cover else "",
            message_id=roll.mails[0].message_id,
            subject=one_line(roll.mails[0].subject),
            notes=tuple(roll.notes),
        )
    )


def of_patches(spec: str, patches: Sequence[Patch], version: int | None, name: str) -> Series:
    """Return a series of patches that say nothing of a version."""
    if version is not None:
        raise UserError(
            f"{spec}: its patches say nothing of versions, so there is no v{version}: leave out '@v{version}'"
        )
    return checked(Series(spec, safe_name(name), patches[0].subject, 1, Origin.FOLDER, tuple(patches)))


def stem(path: Path) -> str:
    """Return the name of a file or folder without what mailboxes are called behind the dot."""
    name = path.name
    for suffix in (".gz", ".mbox", ".mbx", ".eml", ".patch", ".diff"):
        name = name.removesuffix(suffix)
    return name
