# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder to a series: what `git format-patch` wrote, a quilt series, a maildir."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.source.series.mail import Mail
from harness.source.series.mailbox import from_mails, of_patches, stem
from harness.source.series.mbox import is_mail, read_bytes, scratch, split
from harness.source.series.plain import plain_patch
from harness.source.series.series import MOST_PATCHES, Origin, Patch, Series
from harness.words import UserError

_SUFFIXES = (".patch", ".diff", ".eml", ".mbox", ".mbx", ".gz")
_STRIP = re.compile(r"-p(?P<number>\d{1,2}|ab)")
#: Files of a folder: a cover letter and drafts may stand beside the patches.
_MOST_FILES = 4 * MOST_PATCHES


def read_folder(spec: str, path: Path, version: int | None) -> Series:
    """Return the series in a folder.

    A file `series` there, or in `patches` below it, makes it a quilt series: it alone says which patches
    count and in which order. Otherwise the subjects of mails put them in order, and bare diffs go by their
    file names.
    """
    for home in (path, path / "patches"):
        if (home / "series").is_file():
            return _quilt(spec, home, version, stem(path))
    files = _files(path)
    if not files:
        raise UserError(f"{path} is no series: it holds neither a file 'series' nor any *.patch")
    with scratch() as folder:
        contents = [(file, read_bytes(file)) for file in files]
        if all(is_mail(data) for _, data in contents):
            mails = [mail for file, data in contents for mail in split(data, folder, str(file))]
            return from_mails(spec, mails, version, Origin.FOLDER, stem(path))
        if mails_there := [file.name for file, data in contents if is_mail(data)]:
            raise UserError(
                f"{path} holds mails ({mails_there[0]}) beside bare diffs, whose order nobody knows: keep "
                "one kind, or add a file 'series' that says which patches count"
            )
        return of_patches(spec, [_patch(file, folder) for file, _ in contents], version, stem(path))


def _files(path: Path) -> list[Path]:
    places = [path / "cur", path / "new"] if (path / "cur").is_dir() else [path]
    files = [
        file
        for place in places
        if place.is_dir()
        for file in sorted(place.iterdir())
        if file.is_file() and (place != path or file.name.endswith(_SUFFIXES))
    ]
    if len(files) > _MOST_FILES:
        raise UserError(f"{path} holds {len(files)} patch files, and more than {_MOST_FILES} are no series")
    return files


def _quilt(spec: str, home: Path, version: int | None, name: str) -> Series:
    with scratch() as folder:
        entries = list(_entries(home))
        if not entries:
            raise UserError(f"{home / 'series'} names no patch")
        if len(entries) > MOST_PATCHES:
            raise UserError(
                f"{home / 'series'} names {len(entries)} patches: more than {MOST_PATCHES} are no series"
            )
        return of_patches(spec, [_patch(file, folder, strip) for file, strip in entries], version, name)


def _entries(home: Path) -> Iterator[tuple[Path, int]]:
    """Yield the patches that the file `series` names, each with what its -p says (quilt(1))."""
    for line in read_bytes(home / "series").decode(errors="replace").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        file = (home / words[0]).resolve()
        if not file.is_relative_to(home.resolve()):
            raise UserError(f"{home / 'series'} names {words[0]!r}, which is outside of the folder")
        if not file.is_file():
            raise UserError(f"{home / 'series'} names {words[0]!r}, and there is no such file")
        strip = 1
        for option in words[1:]:
            found = _STRIP.fullmatch(option)
            if found is None:
                raise UserError(
                    f"{home / 'series'}: {words[0]!r} has the option {option!r}; only -pN is understood"
                )
            # -pab is -p1 with names that quilt itself writes as a/ and b/
            strip = 1 if found["number"] == "ab" else int(found["number"])
        yield file, strip


def _patch(file: Path, folder: Path, strip: int = 1) -> Patch:
    """Return the one patch of a file, a mail or a bare diff."""
    data = read_bytes(file)
    patch = plain_patch(data, file.name, folder, strip)
    if is_mail(data):
        mails: list[Mail] = [mail for mail in split(data, folder, str(file)) if mail.body.diff]
        if len(mails) > 1:
            raise UserError(f"{file} holds {len(mails)} mails with patches: one file must be one patch here")
        patch = mails[0].patch(file.name, strip) if mails else None
    if patch is None:
        raise UserError(f"{file} holds no diff")
    return patch
