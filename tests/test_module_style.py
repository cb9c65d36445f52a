# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own style checker on our module, from the tree that the module is built for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.data import data_dir
from harness.engine import Prepared

_CHECKER = ("scripts/checkpatch.pl", "scripts/const_structs.checkpatch", "scripts/spelling.txt")


def checkpatch(prepared: Prepared, folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    for name in _CHECKER:
        shown = subprocess.run(
            ["git", "--git-dir", prepared.tree.repo, "show", f"{prepared.tree.base}:{name}"],
            check=True,
            capture_output=True,
        )
        (folder / Path(name).name).write_bytes(shown.stdout)
    return subprocess.run(
        ["perl", folder / "checkpatch.pl", "--no-tree", "--strict", "--no-summary", "-f", *files],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.network
def test_the_module_pleases_checkpatch(prepared: Prepared, tmp_path: Path) -> None:
    sources = sorted((data_dir("images") / "module").glob("*.[ch]"))
    assert sources
    done = checkpatch(prepared, tmp_path, *sources)
    assert done.returncode == 0, done.stdout + done.stderr
    bad = tmp_path / "bad.c"
    bad.write_text("int f(void){return 0;}\n")
    assert checkpatch(prepared, tmp_path, bad).returncode != 0, "the checker finds what is wrong"
