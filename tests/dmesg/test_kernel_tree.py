# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's own tree: its documentation shows reports, indented, without stamps; its sources print them."""

from __future__ import annotations

import subprocess
import tarfile

import pytest

from harness.dmesg import parse
from harness.engine import Prepared
from harness.words import Event

SHOWN = {
    "PCI/boot-interrupts.rst": ["other nNIKAL100_memoryRead16"],
    "RCU/lockdep-splat.rst": ["lockdep __cfq_exit_single_io_context"],
    "admin-guide/bug-hunting.rst": ["warning module_put", "oops iret_exc", "oops _oops"],
    "admin-guide/tainted-kernels.rst": ["oops my_oops_init"],
    "core-api/dma-api.rst": ["warning check_unmap"],
    "dev-tools/kasan.rst": ["kasan kmalloc_oob_right"],
    "dev-tools/kcsan.rst": ["kcsan test_kernel_read", "kcsan test_kernel_rmw_array"],
    "dev-tools/kfence.rst": [
        "kfence test_out_of_bounds_read",
        "kfence test_use_after_free_read",
        "kfence test_double_free",
        "kfence test_kmalloc_aligned_oob_write",
        "kfence test_invalid_access",
    ],
    "dev-tools/kmemleak.rst": ["memory_leak do_one_initcall"],
    "dev-tools/kmsan.rst": ["kmsan test_uninit_kmsan_check_memory"],
    "dev-tools/ubsan.rst": ["ubsan _mix_pool_bytes"],
    "mm/slub.rst": ["bug get_modalias"],
}
"""Kind and function of all reports in Documentation/ of 6.12, but for its translations."""


def _events(prepared: Prepared, *folders: str) -> dict[str, list[Event]]:
    """Read each file below these folders of the tree as if it were a console."""
    git = ["git", f"--git-dir={prepared.tree.repo}", "archive", "--format=tar", prepared.tree.base, *folders]
    read: dict[str, list[Event]] = {}
    with subprocess.Popen(git, stdout=subprocess.PIPE) as archive:
        assert archive.stdout is not None
        with tarfile.open(fileobj=archive.stdout, mode="r|") as files:
            for member in files:
                file = files.extractfile(member) if member.isreg() else None
                if file is not None:
                    read[member.name] = parse(file.read())
    assert archive.returncode == 0
    return read


@pytest.mark.network
def test_what_the_documentation_shows_is_found(prepared: Prepared) -> None:
    events = _events(prepared, "Documentation")
    found = {
        name.removeprefix("Documentation/"): [f"{event.kind} {event.function}" for event in told]
        for name, told in events.items()
        if told and "/translations/" not in name
    }
    assert found == SHOWN


@pytest.mark.network
def test_no_source_is_taken_for_a_report(prepared: Prepared) -> None:
    events = _events(prepared, "kernel", "lib", "mm", "drivers/scsi", "drivers/net", "fs", "arch/x86")
    assert len(events) > 5000
    assert {name: told for name, told in events.items() if told} == {}
