# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails as people send them, made by git from real commits, and bent as mailers bend them."""

from __future__ import annotations

import base64
import os
import quopri
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.source.repos import fingerprint, write

AUTHOR = "Zoë Müller <zoe@example.org>"
_FROM = "From mboxrd@z Thu Jan  1 00:00:00 1970\n"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Zoë Müller", "-c", "user.email=zoe@example.org")
    alone = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), *who, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, env=alone)
    return done.stdout.decode(errors="replace").strip()


def contents(folder: Path) -> dict[str, str]:
    """Return digests alone: where git writes an object that it can borrow, it renews that one's time."""
    return {name: digest for name, (digest, _) in fingerprint(folder).items()}


def change(repo: Path, subject: str, files: Mapping[str, str]) -> str:
    """Commit files in a user's repository and return the commit."""
    write(repo, files)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", subject)
    return git(repo, "rev-parse", "HEAD")


def mails(repo: Path, revisions: str, version: int = 1, cover: str = "", *options: str) -> list[str]:
    """Return what `git format-patch` makes of a range, a mail each, threaded to the first."""
    told = ["--subject-prefix=PATCH"] if version == 1 else [f"-v{version}"]
    if cover:
        told.append("--cover-letter")
    done = git(repo, "format-patch", "--stdout", "--thread=shallow", "--numbered", *told, *options, revisions)
    # git's ids hold the time in seconds, which two versions may share
    done = re.sub(r"(?<=\d)\.git\.", f".v{version}.git.", done)
    letters = re.split(r"^From [0-9a-f]{40} Mon Sep 17 00:00:00 2001\n", done + "\n", flags=re.M)[1:]
    if cover:
        letters[0] = (
            letters[0]
            .replace("*** SUBJECT HERE ***", cover)
            .replace("*** BLURB HERE ***", f"Blurb of {cover}.")
        )
    return letters


def mbox(letters: Iterable[str | bytes]) -> bytes:
    """Join mails as public-inbox does."""
    parts = [letter.encode() if isinstance(letter, str) else letter for letter in letters]
    return b"".join(_FROM.encode() + part.rstrip(b"\n") + b"\n\n" for part in parts)


def answer(letter: str, text: str = "> quoted\nLooks good.\n", sender: str = "Bob <bob@example.org>") -> str:
    """Return a reply that quotes the whole mail, diff included."""
    subject = field(letter, "Subject")
    quoted = "".join(f"> {line}\n" for line in letter.partition("\n\n")[2].splitlines())
    own = letter.partition("\n\n")[2] if text == "inline" else text
    return (
        f"From: {sender}\nSubject: Re: {subject}\nMessage-ID: <re-{identity(letter)}>\n"
        f"In-Reply-To: <{identity(letter)}>\n\n{quoted}{own}"
    )


def field(letter: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*(?:\n[ \t].*)*)", letter, re.M | re.I)
    assert found is not None
    return found[1]


def identity(letter: str) -> str:
    return field(letter, "Message-ID").strip("<>")


def replying_to(letter: str, other: str) -> str:
    """Return the mail as a reply to another, without a `Re:`."""
    head, _, body = letter.partition("\n\n")
    head = re.sub(r"\n(?:In-Reply-To|References): .*(?:\n[ \t].*)*", "", head)
    return f"{head}\nIn-Reply-To: <{identity(other)}>\nReferences: <{identity(other)}>\n\n{body}"


def encoded(letter: str, name: str) -> bytes:
    """Return the mail with its body in a transfer encoding, with CR LF as mailers then have it."""
    how: Callable[[bytes], bytes] = base64.encodebytes if name == "base64" else quopri.encodestring
    head, _, body = letter.partition("\n\n")
    head = re.sub(r"\n(?:Content-|MIME-).*", "", head)
    fields = (
        f"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: {name}\n\n"
    )
    text = body.encode().replace(b"\n", b"\r\n") if name == "base64" else body.encode()
    return (head + fields).encode() + how(text)
