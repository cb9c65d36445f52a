# SPDX-License-Identifier: GPL-2.0-or-later
"""What a replayed trial leaves of its guest, opened by drgn."""

from __future__ import annotations

import re
from pathlib import Path

import drgn
import pytest
from drgn.helpers.linux import find_task, for_each_task

from harness.words import ExitCode
from tests.command import harness
from tests.described import DESCRIBED


@pytest.mark.guest
@pytest.mark.timeout(1700)  # a kernel of its own config
def test_drgn_reads_a_trials_memory(tmp_path: Path) -> None:
    out, core = tmp_path / "run", tmp_path / "core"
    done = harness("run", *DESCRIBED, "--workloads", "exhaust", "--out", out)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    again = harness("replay", out, "as-is/exhaust/1", "--vmcore", core)
    assert again.returncode == ExitCode.OK, again.stdout + again.stderr
    found = re.search(rf"^drgn -c {core} -s (\S+) -s (\S+)$", again.stdout, re.MULTILINE)
    assert found, again.stdout
    program = drgn.Program()
    program.set_core_dump(core)
    program.load_debug_info(list(found.groups()))
    names = {task.comm.string_() for task in for_each_task(program)}
    assert b"kthreadd" in names
    assert find_task(program, 1).comm.string_() == b"init"
    assert program["pcpu_alloc_mutex"].dep_map.name.string_() == b"pcpu_alloc_mutex"
    assert program["pcpu_nr_populated"] > 0
    assert program["pp_callers"].type_.kind is drgn.TypeKind.ARRAY  # the probe module's own
