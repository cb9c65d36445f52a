# SPDX-License-Identifier: GPL-2.0-or-later
"""Asynchronous work beside what blocks the caller's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


@contextmanager
def beside(work: Coroutine[Any, Any, _T]) -> Iterator[Future[_T]]:
    """Run `work` in a thread of its own while the body runs; an exception in the body cancels it."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as pool:
        loop = runner.get_loop()
        task = loop.create_task(work)

        async def main() -> _T:
            return await task

        future = pool.submit(runner.run, main())
        try:
            yield future
        except BaseException:
            loop.call_soon_threadsafe(task.cancel)
            raise
