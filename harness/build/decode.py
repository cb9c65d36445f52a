# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the frames of a call trace are in the source, found by the kernel's own script."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.words import InfraError, Kernel


def has_debug_info(kernel: Kernel) -> bool:
    """Tell whether a kernel was built with the debug info that source lines come from."""
    return "\nCONFIG_DEBUG_INFO=y\n" in kernel.config.read_text()


def decode(kernel: Kernel, script: Path, frames: Sequence[str], seconds: float) -> dict[str, str]:
    """Return `FILE:LINE` by frame, for as many frames as could be decoded within `seconds`.

    `script` is scripts/decode_stacktrace.sh of the tree: it is run, so it must be of a tree that is trusted
    as much as the kernel's sources are. A frame is what `%pS` prints, with its module behind it.
    `InfraError` when the script cannot be run.
    """
    # Modules lie beside the image. `auto` takes the path of the tree off each file's name.
    argv = ["bash", str(script), str(kernel.image), "auto", str(kernel.image.parent)]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise InfraError(f"stacks cannot be decoded: {error.filename}: {error.strerror}") from None
    answer = _talk(process, "".join(f" {frame}\n" for frame in frames).encode(), seconds)
    places = map(_place, answer.decode(errors="replace").splitlines())
    # The script answers a line with a line; those that it did not come to are missing at the end.
    return {frame: place for frame, place in zip(frames, places, strict=False) if place}


def _talk(process: subprocess.Popen[bytes], question: bytes, seconds: float) -> bytes:
    """Return what the process answers until its deadline; then it and all that it started are ended."""
    with process:
        try:
            return process.communicate(question, timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0]
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def _place(line: str) -> str:
    """Take `mm/percpu.c:1837` out of ` pcpu_alloc (mm/percpu.c:1837) `, empty where it is not there."""
    _, found, rest = line.partition(" (")
    place, closed, _ = rest.rpartition(")")
    return place if found and closed and ":" in place else ""
