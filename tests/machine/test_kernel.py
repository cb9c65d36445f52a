# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that is put into a guest's memory; guests that are booted so are in test_snapshot."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from elftools.elf.elffile import ELFFile

from harness.machine.kernel import place
from harness.machine.memory import GuestMemory
from harness.words import InfraError

PROGRAM = Path("/usr/bin/git")


def test_qemu_is_left_the_notes_and_nothing_to_load() -> None:
    memory = GuestMemory(64 << 20)
    with PROGRAM.open("rb") as file, os.fdopen(place(PROGRAM, memory), "rb") as bare:
        whole, left = ELFFile(file), ELFFile(bare)
        lowest = min(segment["p_paddr"] for segment in whole.iter_segments("PT_LOAD"))
        assert left["e_entry"] == whole["e_entry"]
        assert left.num_sections() == 0
        assert {(part["p_filesz"], part["p_memsz"]) for part in left.iter_segments("PT_LOAD")} == {(0, 0)}
        assert min(segment["p_paddr"] for segment in left.iter_segments("PT_LOAD")) == lowest
        notes = [[segment.data() for segment in elf.iter_segments("PT_NOTE")] for elf in (whole, left)]
        assert notes[0] == notes[1] != []
        for segment in whole.iter_segments("PT_LOAD"):
            assert os.pread(memory.fd, segment["p_filesz"], segment["p_paddr"]) == segment.data()
    memory.close()


@pytest.mark.parametrize(
    ("content", "size", "why"),
    [
        (b"no kernel", 64 << 20, "Magic number does not match"),
        (PROGRAM.read_bytes(), 1 << 20, "it needs more than 1 MiB of memory"),
        (None, 64 << 20, "No such file"),
    ],
)
def test_what_cannot_be_booted_is_said(tmp_path: Path, content: bytes | None, size: int, why: str) -> None:
    image, memory = tmp_path / "vmlinux", GuestMemory(size)
    if content is not None:
        image.write_bytes(content)
    before = psutil.Process().num_fds()
    with pytest.raises(InfraError, match=f"vmlinux cannot be booted: .*{why}"):
        place(image, memory)
    assert psutil.Process().num_fds() == before
    memory.close()
