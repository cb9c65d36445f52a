# SPDX-License-Identifier: GPL-2.0-or-later
"""Text that comes from outside (kernels, patches, names), made fit to be shown."""

from __future__ import annotations

import re

#: What no report may pass on as it is. C0 and C1 drive terminals and are mostly no XML characters (XML 1.0,
#: production 2), bidirectional controls let text read other than it is, surrogates cannot be encoded.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """Return `text` with every control character but tab and newline replaced by a sign that shows it."""
    return _UNFIT.sub(_sign, text)


def one_line(text: str) -> str:
    """Return `text` as one line, fit to be shown."""
    return " ".join(visible(text).split())


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures of Unicode
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return f"<{code:04X}>"
