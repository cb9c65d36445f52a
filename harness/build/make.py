# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a tree's tools: a fixed environment, a log, progress from the output, and no orphans."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from harness.build.errors import disk_was_full, first_error, memory_was_short
from harness.build.sandbox import Sandbox
from harness.words import BuildError, InfraError

#: Runs "$@" in a process group of its own that dies with us: our end of the pipe at its standard input closes
#: however we end, `kill -9` included, and then the whole group is killed, compilers too.
_GUARD = 'exec 3<&0 </dev/null; { cat <&3; kill -KILL 0; } >/dev/null 2>&1 & exec 3<&-; "$@"'
#: Guests go first: one whose CPUs wait for each other's interrupts may need minutes beside compilers for what
#: takes it seconds, and its deadlines would say nothing of its kernel. The scheduler may weigh whole sessions
#: (sched_autogroup_enabled), so the build's session is lowered along with its processes.
_YIELDING = "{ echo 10 >/proc/self/autogroup; renice -n 10 $$; } >/dev/null 2>&1; " + _GUARD
#: A step that compiles a file for the kernel or a module; host programs and links are not counted.
_COMPILED = re.compile(r"^\s+(?:CC|AS)\s+(?:\[M\]\s+)?((?!\S*tools/)\S+\.o)\s*$")
_STEP = re.compile(r"^\s+([A-Z][A-Z0-9_]*)\s+(?:\[M\]\s+)?(\S+)\s*$")
_KEEP = ("PATH", "HOME", "TMPDIR", "USER", "LOGNAME")
#: Equal sources must give equal bytes whoever builds them, when and where.
_REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "percpu",
    "KBUILD_BUILD_HOST": "harness",
    "KBUILD_BUILD_VERSION": "1",
    # Set, though empty: scripts/setlocalversion then appends no "+".
    "LOCALVERSION": "",
    "LC_ALL": "C",
    "TZ": "UTC",
}
_CCACHE_SIZE = "3G"
#: Bytes of a line that are looked at, and of output that a step may write: some times what the noisiest
#: kernel build does, and little enough to be read into memory.
_MOST_LINE, _MOST_OUTPUT = 1 << 16, 64 << 20


@dataclass(slots=True)
class Make:
    """Runs make for one source and output folder. `log` gets all output, `step` each step that make tells.

    `sandbox` is what everything runs in, None for a source that may do as it likes. In there the compiler
    cache is only read: what a foreign build left in it, a later build of a trusted source would take.
    `stop()` may be called from another thread: what runs is killed and raises `InfraError`.
    """

    source: Path
    out: Path
    log: Path
    jobs: int
    ccache: Path | None
    step: Callable[[str, str | None], None]
    sandbox: Sandbox | None = None
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Run `make ARGUMENTS`; `BuildError` with the first error line, `InfraError` for the machine."""
        compiler = "gcc" if self.ccache is None else "ccache gcc"
        # Kconfig notes what a Rust compiler can do if it finds one, whether or not it is used.
        tools = [f"CC={compiler}", "RUSTC=false"]
        make = ["make", "-C", str(self.source), f"O={self.out}", f"-j{self.jobs}", *tools]
        self.tool([*make, *arguments], environment or {})

    def tool(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run any command in the output folder, with the log, the environment and the errors of make."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(command)}\n".encode())
            log.flush()
            begin = log.tell()
            if self.sandbox is not None:
                command = self.sandbox.wrap(command, self.out)
            status = self._attend(command, self._environment() | dict(environment), log)
        if self._stopped:
            raise InfraError("the build was stopped")
        if status:
            with self.log.open("rb") as text:
                text.seek(begin)
                self._fail(text.read().decode(errors="replace").splitlines())

    def stop(self) -> None:
        """Kill what runs, and let nothing else start."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                _kill_group(self._child)

    def _attend(self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> int:
        """Run the command to its end, its output to the log and its steps told; return its status."""
        with self._lock:
            if self._stopped:
                return -signal.SIGKILL
            child = self._child = subprocess.Popen(
                ["/bin/sh", "-c", _YIELDING, "sh", *command],
                cwd=self.out,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            left = _MOST_OUTPUT
            while line := child.stdout.readline(_MOST_LINE):
                left -= len(line)
                if left < 0:
                    log.write(b"\nERROR: the build was ended, because it printed without end\n")
                    return -signal.SIGKILL
                log.write(line)
                self._tell(line.decode(errors="replace"))
            return child.wait()
        finally:
            with self._lock:
                self._child = None
            _kill_group(child)
            child.stdin.close()
            child.stdout.close()
            child.wait()

    def _tell(self, line: str) -> None:
        match = _STEP.match(line)
        if match:
            compiled = _COMPILED.match(line)
            self.step(f"{match[1]} {match[2]}", compiled[1] if compiled else None)

    def _environment(self) -> dict[str, str]:
        """Return an environment without whatever of the user's could change a kernel."""
        environment = {name: os.environ[name] for name in _KEEP if name in os.environ} | _REPRODUCIBLE
        prefix = f"-ffile-prefix-map={self.source}/="
        if self.ccache is not None:
            # ccache makes paths below its base folder relative before it compiles.
            relative = os.path.relpath(self.source, self.out)
            prefix += f" -ffile-prefix-map={relative}/="
            environment |= {
                "CCACHE_DIR": str(self.ccache),
                "CCACHE_CONFIGPATH": os.devnull,
                "CCACHE_BASEDIR": str(self.out.parent),
                "CCACHE_NOHASHDIR": "1",
                "CCACHE_DEPEND": "1",
                "CCACHE_MAXSIZE": _CCACHE_SIZE,
                # A checkout is younger than the build that follows at once; nobody writes to it meanwhile.
                "CCACHE_SLOPPINESS": "include_file_mtime,include_file_ctime,time_macros",
            }
            if self.sandbox is not None:
                environment |= {
                    "CCACHE_READONLY": "1",
                    "CCACHE_NOSTATS": "1",
                    "CCACHE_TEMPDIR": "/tmp/ccache",  # noqa: S108 - the sandbox's own
                }
        return environment | {"KCFLAGS": prefix, "KAFLAGS": prefix}

    def _fail(self, lines: Sequence[str]) -> None:
        if disk_was_full(lines):
            raise disk_full([self.out, self.log.parent, Path(tempfile.gettempdir()), self.ccache or self.out])
        if memory_was_short(lines):
            raise InfraError(
                f"the machine ran out of memory while it built {self.source}: build with fewer jobs"
            )
        line = first_error(lines).replace(f"{self.source}/", "").replace("../source/", "")
        raise BuildError(f"the build failed: {line} (see {self.log})", first_error=line, log=self.log)


def disk_full(folders: Sequence[Path]) -> InfraError:
    """Return the error that names, of the folders that were written to, the one with the least room."""
    fullest = min(
        (folder for folder in folders if folder.exists()), key=lambda path: shutil.disk_usage(path).free
    )
    free = shutil.disk_usage(fullest).free
    return InfraError(
        f"the disk that holds {fullest} is full ({free >> 20} MiB free): make room and run again"
    )


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a session that was started for a child; it is its own group's leader, so that number is ours."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
