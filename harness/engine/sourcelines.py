# SPDX-License-Identifier: GPL-2.0-or-later
"""The source lines of stacks, for as long as the kernel and its tree are in the cache."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.build import KernelCache, decode, has_debug_info
from harness.report.stacks import Decoding
from harness.source import Repository
from harness.words import InfraError

_SCRIPT = "scripts/decode_stacktrace.sh"
_SECONDS = 120.0
#: What keys and tree hashes look like: a run's folder may come from others, and they become part of paths.
_DIGEST = re.compile(r"[0-9a-f]{40,64}")
FRAGMENT = "debuginfo"
"""The config fragment that a plan adds for it."""


class SourceLines:
    """Decodes frames of the kernels in `cache` with the script of the tree whose git tree hash is `tree_id`.

    The script is the tree's own, never one that a series has changed: it runs as whoever asks. All kernels
    together get `seconds`.
    """

    def __init__(self, cache: Path, tree_id: str, seconds: float = _SECONDS) -> None:
        self._cache = cache
        self._tree_id = tree_id
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds

    def __call__(self, key: str, frames: Sequence[str]) -> Decoding:
        """Return where frames of the kernel with this key are, or why that cannot be said."""
        kernel = KernelCache(self._cache).lookup(key) if _DIGEST.fullmatch(key) else None
        if kernel is None:
            return Decoding(why_not="the kernel is not in the cache any more")
        if not has_debug_info(kernel):
            return Decoding(
                why_not=f'the kernel has no debug info (kconfig = ["{FRAGMENT}"] in a plan adds it)'
            )
        script = self._script()
        if script is None:
            return Decoding(why_not=f"the tree with its {_SCRIPT} is not in the cache any more")
        left = self._deadline - time.monotonic()
        if left <= 0:
            return Decoding(why_not=self._late())
        with tempfile.TemporaryDirectory(prefix="percpu-harness-") as folder:
            path = Path(folder) / "decode_stacktrace.sh"
            path.write_bytes(script)
            try:
                places = decode(kernel, path, frames, left)
            except InfraError as error:
                return Decoding(why_not=str(error))
        late = self._deadline <= time.monotonic()
        return Decoding(
            {frame: self._short(place) for frame, place in places.items()}, self._late() if late else ""
        )

    def _late(self) -> str:
        return f"decoding all of them takes longer than {self._seconds:.0f} s"

    def _script(self) -> bytes | None:
        folders = sorted(self._cache.glob("trees/*/git")) if _DIGEST.fullmatch(self._tree_id) else []
        for folder in folders:
            script = Repository(folder).read(self._tree_id, _SCRIPT)
            if script is not None:
                return script
        return None

    def _short(self, place: str) -> str:
        """Take the path of the build's folder off; what is built outside of the tree keeps it."""
        return re.sub(rf"{re.escape(str(self._cache))}/builds/\w+/", "", place)
