# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is shared and brought back: what is kept, what is copied, what is let go of."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator

import psutil
import pytest

from harness.machine.memory import GuestMemory
from harness.words import InfraError

SIZE = 64 << 20
PAGE = 4096


@pytest.fixture
def memory() -> Iterator[GuestMemory]:
    made = GuestMemory(SIZE)
    yield made
    made.close()


@pytest.fixture
def guest(memory: GuestMemory) -> mmap.mmap:
    """Return the memory as another process sees it."""
    return mmap.mmap(memory.fd, SIZE)


def test_every_byte_comes_back(memory: GuestMemory, guest: mmap.mmap) -> None:
    pages = {page: os.urandom(PAGE) for page in (0, 1, 7, 8, 9, 1000, SIZE // PAGE - 1)}
    for page, content in pages.items():
        guest[page * PAGE : (page + 1) * PAGE] = content
    memory.save("a")
    guest[7 * PAGE] ^= 1
    guest[SIZE - 1] ^= 1
    guest[5000 * PAGE] = 1
    memory.save("b")
    memory.load("a")
    for page, content in pages.items():
        assert guest[page * PAGE : (page + 1) * PAGE] == content
    assert guest[5000 * PAGE] == 0
    memory.load("b")
    assert guest[5000 * PAGE] == 1
    assert guest[7 * PAGE] == pages[7][0] ^ 1


def test_untouched_memory_costs_nothing(memory: GuestMemory, guest: mmap.mmap) -> None:
    guest[: 1 << 20] = bytes(1 << 20)
    before = psutil.Process().memory_info().rss
    for name in "abcd":
        memory.save(name)
        memory.load(name)
    assert psutil.Process().memory_info().rss - before < SIZE // 4
    assert os.fstat(memory.fd).st_blocks * 512 < SIZE // 4


def test_a_state_takes_no_more_memory_than_what_is_different(memory: GuestMemory, guest: mmap.mmap) -> None:
    guest[: SIZE // 2] = os.urandom(SIZE // 2)
    memory.save("a")
    before = psutil.Process().memory_info().rss
    for number, name in enumerate("bcdefgh"):
        guest[number * PAGE] ^= 1
        memory.save(name)
    assert psutil.Process().memory_info().rss - before < SIZE // 4


def test_states_outlive_those_that_they_were_saved_after(memory: GuestMemory, guest: mmap.mmap) -> None:
    content = os.urandom(1 << 20)
    guest[: 1 << 20] = content
    memory.save("a")
    guest[0] ^= 1
    memory.save("b")
    guest[1] ^= 1
    memory.save("c")
    memory.drop("a")
    memory.drop("b")
    guest[: 1 << 20] = bytes(1 << 20)
    memory.load("c")
    assert guest[: 1 << 20] == bytes([content[0] ^ 1, content[1] ^ 1]) + content[2:]
    memory.drop("c")
    memory.save("d")
    guest[0] ^= 1
    memory.load("d")
    assert guest[0] == content[0] ^ 1


def test_what_was_dropped_or_never_kept_is_an_infra_error(memory: GuestMemory) -> None:
    memory.save("a")
    memory.drop("a")
    for name in ("a", "b"):
        with pytest.raises(InfraError, match=f"no snapshot '{name}'"):
            memory.load(name)


def test_it_can_be_closed_twice_and_leaves_no_descriptor() -> None:
    before = psutil.Process().num_fds()
    made = GuestMemory(SIZE)
    made.save("a")
    made.close()
    made.close()
    assert psutil.Process().num_fds() == before
