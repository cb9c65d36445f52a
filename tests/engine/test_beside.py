# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import asyncio
import threading

import pytest

from harness.engine.beside import beside


async def slowly(began: threading.Event, ended: list[str]) -> None:
    began.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise
    ended.append("slept on")


def test_the_answer_comes_from_another_thread() -> None:
    async def name() -> str:
        return threading.current_thread().name

    with beside(name()) as answer:
        assert answer.result() != threading.current_thread().name


def test_its_error_is_the_callers() -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"), beside(fail()) as answer:
        answer.result()


@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
def test_whatever_ends_the_body_cancels_it(error: type[BaseException]) -> None:
    began, ended = threading.Event(), list[str]()

    def work() -> None:
        with beside(slowly(began, ended)):
            assert began.wait(10)
            raise error

    with pytest.raises(error):
        work()
    assert ended == ["cancelled"]
