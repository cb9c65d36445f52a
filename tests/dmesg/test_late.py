# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequences that are read when they are asked for, and what of a report is."""

import gc
import json
import pickle

from harness.dmesg import parse, to_dict
from harness.dmesg.late import Late
from tests.dmesg import corpus

CIRCULAR = corpus.read(corpus.FOLDER / "lockdep-circular-3.10.log").log


def test_it_is_read_once_and_only_when_asked_for():
    calls = []

    def read():
        calls.append(1)
        return iter(["a", "b"])

    late = Late(read)
    assert calls == []
    assert list(late) == ["a", "b"]
    assert (len(late), late[0], late[-1], late[:1], bool(late)) == (2, "a", "b", ("a",), True)
    assert calls == [1]


def test_it_is_equal_to_the_same_read_by_anybody():
    late = Late(lambda: ["a"])
    assert late == ("a",)
    assert late == Late(lambda: ("a",))
    assert hash(late) == hash(("a",))
    assert late != ("b",)
    assert late != 1
    assert repr(late) == "('a',)"


def test_an_event_is_the_same_whether_its_rest_was_read_or_not():
    (read,), (unread,), (sent,) = parse(CIRCULAR), parse(CIRCULAR), parse(CIRCULAR)
    whole = json.dumps(to_dict(read))
    assert pickle.loads(pickle.dumps(sent)) == unread == read
    assert json.dumps(to_dict(unread)) == whole
    assert unread.holders
    assert unread.stack


def test_events_that_nobody_has_any_more_leave_nothing_to_collect():
    parse(CIRCULAR)
    gc.collect()
    gc.disable()
    try:
        parse(CIRCULAR)
        assert gc.collect() == 0
    finally:
        gc.enable()
