# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that lies in the guest's memory before QEMU starts, which then has nothing to load."""

from __future__ import annotations

import os
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from harness.machine.memory import GuestMemory
from harness.words import InfraError

# Offsets of fields and their sizes in the headers of 64-bit ELF files (elf(5)).
_SECTIONS = ((40, 8), (60, 4))  # e_shoff; e_shnum and e_shstrndx
_SEGMENT_SIZES = (32, 16)  # p_filesz and p_memsz


def place(image: Path, memory: GuestMemory) -> int:
    """Put a kernel where it wants to be, and return a memory file with what QEMU has to know of it.

    That is the image without segments and symbols, but with the note that says where it is entered. What
    QEMU itself loads it writes anew at each reset, and so whenever a state is loaded; it then drops what it
    translated of the kernel's code, block by block, and empties the CPUs' jump caches for each
    (accel/tcg/tb-maint.c, tb_jmp_cache_inval_tb()): some 50 ms. `InfraError` if it is no kernel, or the
    memory has no room for it.
    """
    fd = os.memfd_create(image.name)
    try:
        with image.open("rb") as file:
            elf = ELFFile(file)
            end = elf["e_phoff"] + elf["e_phnum"] * elf["e_phentsize"]
            file.seek(0)
            head = bytearray(file.read(end))
            for at, length in _SECTIONS:
                head[at : at + length] = bytes(length)
            for number, segment in enumerate(elf.iter_segments()):
                if segment["p_type"] == "PT_LOAD":
                    memory.put(segment["p_paddr"], segment.data())
                    at = elf["e_phoff"] + number * elf["e_phentsize"] + _SEGMENT_SIZES[0]
                    head[at : at + _SEGMENT_SIZES[1]] = bytes(_SEGMENT_SIZES[1])
                elif segment["p_type"] == "PT_NOTE":
                    os.pwrite(fd, segment.data(), segment["p_offset"])
            os.pwrite(fd, head, 0)
    except (OSError, ELFError, ValueError) as error:
        os.close(fd)
        raise InfraError(f"{image} cannot be booted: {error}") from error
    return fd
