# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever bytes a mailbox holds, reading it ends in a series or in a `UserError`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.source.series.mailbox import read_mailbox
from harness.source.series.tag import parse_tag
from harness.words import UserError

_DIFF = b"---\ndiff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"
_WORDS = [
    b"From x Mon Sep 17 00:00:00 2001\n", b"From: ", b"Subject: ", b"[PATCH v2 1/2] ", b"Re: ", b"\n",
    b"=?utf-8?q?=C3?=", b"=?x?b?!?=", b"=?utf-8?b?4pi?=", b"Date: Fri, 99 Foo -1 25:61:61 +9999\n", b"<a@b>",
    b"Content-Transfer-Encoding: base64\n", b"Content-Type: text/plain; charset=x; format=flowed\n",
    b"Content-Type: multipart/mixed; boundary=\"b\"\n", b"--b\n", b"--b--\n", b"Message-ID: ",
    b"References: ", b"In-Reply-To: ", b"\r\n", b"\n\n", b"\0", b"\xff\xfe",
    "é\u202e".encode(), b"base-commit: ", b"0" * 40, b"-- \n", _DIFF,
]  # fmt: skip
_FRAGMENTS = st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=12)), max_size=30).map(b"".join)
_HEADERS = st.builds(
    lambda subject, sender, rest: (
        b"From: " + sender + b"\nSubject: " + subject + b"\n" + rest + b"\n" + _DIFF
    ),
    *(
        st.one_of(st.binary(max_size=20), st.sampled_from(_WORDS), st.text(max_size=20).map(str.encode))
        for _ in range(3)
    ),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "any.mbox"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.one_of(st.binary(max_size=300), _FRAGMENTS, _HEADERS))
def test_only_user_errors(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with contextlib.suppress(UserError):
        series = read_mailbox(str(path), path, None)
        assert series.patches
        for patch in series.patches:
            assert patch.subject.isprintable()
            assert patch.author.endswith(">")
            assert patch.patch_id


@given(subject=st.text(alphabet="[]PATCHRFCv0123456789/ ,:.x", max_size=40))
def test_tags_are_numbers_or_nothing(subject: str) -> None:
    tag = parse_tag(subject)
    assert tag is None or (tag.version >= 0 and (tag.number is None) == (tag.total is None))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("[PATCH] x", (1, None, None)),
        ("[PATCH v3 2/5] x", (3, 2, 5)),
        ("[PATCHv2 02/11] x", (2, 2, 11)),
        ("[PATCH 1/3 v4] x", (4, 1, 3)),
        ("[RFC PATCH net-next v2 0/3] x", (2, 0, 3)),
        ("[v2,1/3] x", (2, 1, 3)),
        ("[mm?] [PATCH RESEND v2] x", (2, None, None)),
        ("mm: [PATCH] x", None),
        ("[bug report] x", None),
    ],
)
def test_tags(subject: str, expected: tuple[int, int | None, int | None] | None) -> None:
    tag = parse_tag(subject)
    assert (tag and (tag.version, tag.number, tag.total)) == expected
