# SPDX-License-Identifier: GPL-2.0-or-later
"""Files and lines for offsets, hidden addresses, names as clang makes them: a report is read as before."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from harness.dmesg import LockdepEvent, parse
from tests.dmesg import corpus

_NAMES = (
    rb"(?:\[[^\]\n]*\])*(?:[ \t]|\[<[0-9a-f]+>\] )+(?:\? )?"  # frames
    rb"|(?:\[[^\]\n]*\])* ?RIP: [0-9a-f]+:"
    rb"|[^\n]{1,200}, at: (?:\[<[0-9a-f]+>\] )?"
    rb"|[^\n]{0,80}(?:BUG: K\w{3,5}: [^\n]{1,40} in |WARNING: CPU: \d+ PID: \d+ at \S+ )"
)
_NAMED = re.compile(
    rb"^(?P<before>%s)(?P<name>[A-Za-z_][\w.]*)(?P<offset>\+0x[0-9a-f]+/0x[0-9a-f]+)(?P<module> \[\w+\])?"
    rb"(?P<after>[ \r]*)$" % _NAMES,
    re.MULTILINE,
)


def _beside(log: bytes) -> bytes:
    """Put the place behind the offset; a line stands above for what was inlined there."""
    number = itertools.count()

    def place(named: re.Match[bytes]) -> bytes:
        before, name, offset, module, after = named.groups(b"")
        at = next(number)
        inlined = b"%sa_helper include/linux/a.h:%d [inline]\n" % (before, at) if at % 3 == 0 else b""
        return b"%s%s%s%s kernel/dir/%s.c:%d%s%s" % (
            inlined,
            before,
            name,
            offset,
            name[:6],
            at,
            module,
            after,
        )

    return _NAMED.sub(place, log)


def _instead(log: bytes) -> bytes:
    """Put the place where the offset was, as scripts/decode_stacktrace.sh does."""
    number = itertools.count()

    def place(named: re.Match[bytes]) -> bytes:
        before, name, _, module, after = named.groups(b"")
        at = next(number)
        inner = b" include/linux/a.h:%d" % at if at % 3 == 0 else b""
        apart = b" (discriminator %d)" % (at % 9) if at % 4 == 0 else b""
        where = b" (kernel/dir/%s.c:%d%s%s)" % (name[:6], at, inner, apart)
        return before + name + where + (module.replace(b"[", b"").replace(b"]", b"") or b" ") + after

    return _NAMED.sub(place, log)


def _hidden(log: bytes) -> bytes:
    """Hide all addresses, and what `%p` makes of them later (32 bits), as it does early in a boot."""
    return re.sub(rb"\b(?:ffff[0-9a-f]{4}|00000000)[0-9a-f]{8}\b", b"(____ptrval____)", log)


def _renamed(log: bytes) -> bytes:
    """Do as clang does with CFI and with names that must be unique in the whole kernel."""
    return re.sub(rb"\b([a-z]\w+)(\+0x[0-9a-f]+/)", rb"\1.__uniq.88042.cfi\2", log)


def _first(log: bytes) -> tuple[str, str, str | None, str, bool]:
    event = parse(log)[0]
    return (event.kind, event.subtype, event.function, event.fingerprint, event.truncated)


# Where frames are decimal, an address is what makes them frames.
CASES = [
    case
    for case in corpus.cases()
    if case.events and " truncated;" not in case.events[0] and "decimal" not in case.path.stem
]


@pytest.mark.parametrize("rewrite", [_beside, _instead, _hidden, _renamed])
def test_a_rewritten_report_is_read_as_before(rewrite: Callable[[bytes], bytes]) -> None:
    changed = [case for case in CASES if rewrite(case.log) != case.log]
    assert len(changed) > 600
    assert [case.path.stem for case in changed if _first(rewrite(case.log)) != _first(case.log)] == []


def test_who_took_a_lock_is_no_inlined_function() -> None:
    case = corpus.read(corpus.FOLDER / "lockdep-circular-3-6.12.log")
    whole, event = parse(case.log)[0], parse(_beside(case.log))[0]
    assert isinstance(whole, LockdepEvent) and isinstance(event, LockdepEvent)
    assert (event.function, event.title) == (whole.function, whole.title)
    assert event.holders == whole.holders
    assert event.holders
