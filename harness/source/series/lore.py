# SPDX-License-Identifier: GPL-2.0-or-later
"""A thread from a public archive, by message-id or URL, through b4.

b4 is a program and no library: its Python modules promise nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.source.series.mailbox import from_mails
from harness.source.series.mbox import read_bytes, scratch, split
from harness.source.series.series import Origin, Series
from harness.words import InfraError, UserError

#: Seconds that fetching a thread may take.
_DEADLINE = 120
_MESSAGE_ID = re.compile(r"[^\s<>@/\"'\\{}-][^\s<>@/\"'\\{}]*@[^\s<>@/\"'\\{}]+")
_FIXED = ("raw", "t.mbox.gz", "T", "t", "t.atom")


def message_id(spec: str) -> str | None:
    """Return the message-id that a spec is, or that a URL of an archive names; None where there is none.

    `https://lore.kernel.org/LIST/MESSAGE-ID/` is public-inbox's form; of what follows nothing counts.
    """
    if spec.startswith(("https://", "http://")):
        parts = [unquote(part) for part in urlsplit(spec).path.split("/") if part and part not in _FIXED]
        return next((part for part in reversed(parts) if _MESSAGE_ID.fullmatch(part)), None)
    bare = spec.removeprefix("<").removesuffix(">")
    return bare if _MESSAGE_ID.fullmatch(bare) else None


def read_lore(spec: str, identity: str, version: int | None) -> Series:
    """Return the series of the thread that a message is in, or of a later version if that is asked for.

    `InfraError` where b4 is missing or the archive cannot be reached, `UserError` where it has no such
    thread.
    """
    with scratch() as folder:
        thread = folder / "thread.mbox"
        newer = ["--check-newer-revisions"] if version is not None else []
        _b4(["mbox", *newer, "--outdir", str(folder), "--mbox-name", thread.name, identity], spec, folder)
        if not thread.is_file():
            raise UserError(f"{spec}: the archive has no thread with the message {identity}")
        mails = split(read_bytes(thread), folder, spec)
        return from_mails(spec, mails, version, Origin.LORE, identity.partition("@")[0])


def _b4(arguments: list[str], spec: str, folder: Path) -> None:
    """Run b4 with the user's own settings of the network, its cache in `folder` and git's left out."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {
        "XDG_CACHE_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "GIT_CEILING_DIRECTORIES": "/",
    }
    try:
        done = subprocess.run(
            ["b4", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError:
        raise InfraError(
            f"{spec} has to be fetched by b4, which is missing: install the package 'b4', or save the thread "
            "as an mbox"
        ) from None
    except subprocess.TimeoutExpired:
        raise InfraError(f"{spec} could not be fetched: b4 did not end within {_DEADLINE} s") from None
    told = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if any("not known" in line or "404" in line for line in told):
        raise UserError(f"{spec}: the archive has no such message")
    if done.returncode:
        reason = told[-1] if told else f"it ended with {done.returncode}"
        raise InfraError(
            f"{spec} could not be fetched by b4 ({reason}): check the network, or save the thread as an mbox"
        )
