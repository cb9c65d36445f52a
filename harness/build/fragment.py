# SPDX-License-Identifier: GPL-2.0-or-later
"""Config fragments: what they ask for.

A fragment has lines `CONFIG_NAME=value` and `# CONFIG_NAME is not set`; other comments and empty lines mean
nothing, but for one: `# optional: REASON` lets the option on the next line be missing in the final config,
for an option that only some versions have. It is then reported and no error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.words import UserError

_SET = re.compile(r"CONFIG_(?P<name>\w+)=(?P<value>\S.*)")
_UNSET = re.compile(r"# CONFIG_(?P<name>\w+) is not set")
_OPTIONAL = re.compile(r"#\s*optional:\s*(?P<reason>.*)")
NO = "n"


@dataclass(frozen=True, slots=True)
class Request:
    """An option that a fragment asks for.

    `value` stands as kconfig writes it (`y`, `m`, `64`, `"text"`), `n` for *is not set*. `where` is
    `FILE:LINE`, `optional` the reason why it may be missing, empty where it may not.
    """

    name: str
    value: str
    where: str
    optional: str = ""

    def __str__(self) -> str:
        return f"CONFIG_{self.name}={self.value}"


def read_fragments(paths: Sequence[Path]) -> list[Request]:
    """Return what the fragments ask for together; of two requests for an option the later one counts.

    `UserError` for a file that cannot be read and for a line that is no request.
    """
    requests: dict[str, Request] = {}
    for path in paths:
        for request in _read(path):
            requests[request.name] = request
    return list(requests.values())


def digest(paths: Sequence[Path]) -> str:
    """Return a digest of the fragments' content in their order; `UserError` when one cannot be read."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(_text(path).encode()).digest())
    return total.hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the config fragment {path} cannot be read: {error}") from None


def _read(path: Path) -> list[Request]:
    requests = []
    optional = ""
    for number, raw in enumerate(_text(path).splitlines(), 1):
        line, where = raw.strip(), f"{path.name}:{number}"
        request = _request(line, where, optional)
        if request is not None:
            requests.append(request)
            optional = ""
        elif marked := _OPTIONAL.fullmatch(line):
            optional = marked["reason"].strip()
            if not optional:
                raise UserError(f"{path}:{number}: '# optional:' needs a reason behind the colon")
        elif line and not line.startswith("#"):
            raise UserError(
                f"{path}:{number}: '{line}' is no config line: write CONFIG_NAME=value"
                " or # CONFIG_NAME is not set"
            )
    return requests


def _request(line: str, where: str, optional: str) -> Request | None:
    if match := _SET.fullmatch(line):
        return Request(match["name"], match["value"].strip(), where, optional)
    if match := _UNSET.fullmatch(line):
        return Request(match["name"], NO, where, optional)
    return None
