# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's folder, held by the one harness that works in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.lock import try_lock
from harness.words import InfraError, UserError


@contextmanager
def open_folder(out: Path, *, resume: bool) -> Iterator[None]:
    """Make the run's folder and hold it, so that no second harness works in it; a dead holder holds nothing.

    `UserError` when another holds it, when it holds something else than a run, or nothing where a run is to
    be resumed.
    """
    if resume and not (out / "plan.toml").is_file():
        raise UserError(f"{out} holds no run to resume: plan.toml is missing there")
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: give another --out, or --resume to go on with the run in it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfraError(f"the run's folder {out} cannot be made: {error.strerror}") from None
    held = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not try_lock(held):
            raise UserError(f"another percpu-harness works in {out}: wait, or give another --out")
        yield
    finally:
        os.close(held)
