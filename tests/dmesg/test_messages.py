# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/console-messages.md is true: each message in it is the event that its row says, or none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.dmesg import parse, to_dict
from harness.dmesg.line import read_line
from harness.words import Kind
from tests.dmesg import corpus

TABLES = (Path(__file__).parents[2] / "docs" / "console-messages.md").read_text()
TRACE = """
CPU: 1 PID: 77 Comm: tester Not tainted 6.12.1 #1
Call Trace:
 <TASK>
 guilty_one+0x10/0x20
 entry_SYSCALL_64_after_hwframe+0x76/0x7e
 </TASK>
---[ end trace 0000000000000000 ]---
"""
PLACEHOLDERS = (
    (r"%s:%[du]", "mm/word.c:1"),
    (r"%pSb?|%pBb?", "func+0x10/0x20"),
    (r"%ps", "func"),
    (r"%p[xK]?", "ffff888012345678"),
    (r"%[-0-9#.]*(?:ll|l|z|h)?x", "12345678"),
    (r"%[-0-9.]*(?:ll|l|z|h)?[diu]", "1"),
    (r"%s", "word"),
)


def _rows(columns: int) -> list[tuple[str, ...]]:
    found = []
    for line in TABLES.splitlines():
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        if len(cells) == columns and cells[0].startswith("`"):
            message = cells[0][1:-1].replace("``", "`").replace("\\|", "|")
            found.append((message, *cells[1:]))
    return found


def _printed(message: str) -> str:
    for pattern, value in PLACEHOLDERS:
        message = re.sub(pattern, value, message)
    return message


EVENTS = _rows(5)
TALK = _rows(3)


@pytest.mark.parametrize("stamp", ["[   12.345678] ", "[   12.345678][   T77] "])
@pytest.mark.parametrize("row", EVENTS, ids=lambda row: row[0][:60])
def test_messages_are_events(row: tuple[str, ...], stamp: str) -> None:
    message, kind, subtype, *_ = row
    lines = ["quiet before", *(_printed(message) + TRACE).splitlines()]
    events = parse("".join(f"{stamp}{line}\n" for line in lines))
    assert [(event.kind, event.subtype, event.line) for event in events] == [(kind, subtype, 2)]


@pytest.mark.parametrize("row", TALK, ids=lambda row: row[0][:60])
def test_talk_is_none(row: tuple[str, ...]) -> None:
    assert parse(f"[   12.345678] {row[0]}\n[   12.345679] the next line\n") == []


@pytest.fixture(scope="module")
def bodies() -> list[str]:
    """Return what stands below the headline of a report of each kind and subtype, without stamps."""
    found: dict[tuple[str, str], str] = {}
    for case in corpus.cases():
        for event in parse(case.log)[:1]:
            lines = case.log.split(b"\n")[event.line : event.end_line]
            texts = [read_line(line).text.decode("utf-8", "replace") for line in lines]
            found.setdefault((event.kind, event.subtype), "\n".join(texts))
    return [*found.values(), *[f"Asynchronous fault: no details\n{body}" for body in found.values()]]


@pytest.mark.parametrize("row", EVENTS, ids=lambda row: row[0][:60])
def test_what_stands_below_a_message_raises_nothing(row: tuple[str, ...], bodies: list[str]) -> None:
    """Consoles are cut and glued: any report may go on as any other."""
    assert len(bodies) > 200
    for body in bodies:
        events = parse(f"{_printed(row[0])}\n{body}\n")
        assert all(event.title for event in events)
        json.dumps(list(map(to_dict, events)))


def test_every_kind_has_a_message() -> None:
    assert {row[1] for row in EVENTS} == {str(kind) for kind in Kind}


@pytest.mark.parametrize("rubbish", ["[   12.34 ", "[   12.345678] \ufffd\ufffd", "executing program"])
@pytest.mark.parametrize(
    "message",
    [
        "BUG: KASAN: use-after-free in func+0x10/0x20",
        "WARNING: possible recursive locking detected",
        "WARNING: CPU: 0 PID: 77 at mm/word.c:1 func+0x10/0x20",
        "Unable to handle kernel paging request at virtual address 12345678",
    ],
)
def test_headlines_are_found_behind_rubbish(message: str, rubbish: str) -> None:
    assert [event.line for event in parse(f"quiet\n{rubbish}{message}{TRACE}")] == [2]
    assert parse(f"quiet\n{rubbish}{message}\nsomebody talks of it\n") == []
