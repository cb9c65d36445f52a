# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the makefiles of a foreign source run: bubblewrap, with nothing of this machine but its tools.

A build executes whatever its makefiles say. Inside there is no network, no file but `/usr`, the source and
the output, no other process and no device that matters. Root does not stay root: its processes would be
exempt from the limit on processes (kernel/fork.c, copy_process()).
"""

from __future__ import annotations

import dataclasses
import functools
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.words import InfraError, UserError

PROGRAM = "bwrap"
#: Who root becomes; Debian leaves the number to nobody (policy 9.2.2), so its processes are counted alone.
_USER = 65533
#: What the tools need of /etc; names behind which nobody keeps a secret.
_SETTINGS = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d")
_TOPS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: Seconds that an empty sandbox may take to start; it takes a hundredth.
_DEADLINE = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a build may take.

    `processes` at a time, `memory` and `file` in bytes for each process and each file, `scratch` in bytes of
    /tmp. A build that wants more fails; of several that take much the kernel's OOM killer takes these first.
    """

    processes: int = 2048
    memory: int = 8 << 30
    file: int = 8 << 30
    scratch: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How commands are shut in: they see `readable` and may change `writable`, at the paths of outside.

    Equal paths make equal objects, and so hits in the compiler cache.
    """

    program: str
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    limits: Limits = Limits()

    def around(self, *, readable: Sequence[Path], writable: Sequence[Path]) -> Sandbox:
        """Return a sandbox that shows these files and folders."""
        return dataclasses.replace(self, readable=tuple(readable), writable=tuple(writable))

    def hand_over(self, folder: Path) -> None:
        """Give a folder, not what is in it, to the one who will work inside."""
        if os.geteuid() == 0:
            os.chown(folder, _USER, _USER)

    def wrap(self, command: Sequence[str], folder: Path) -> list[str]:
        """Return the command that runs `command` inside, in `folder`.

        Who runs it starts the session: bubblewrap's own would hide the processes from `renice`. All of them
        end with their first, and with the process that started it.
        """
        root = os.geteuid() == 0
        private = ["--unshare-ipc", "--unshare-net", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
        # Capabilities for the change of user; setpriv drops them along with all others.
        rights = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
        return [
            *("choom", "-n", "1000", "--"),
            *(self.program, "--die-with-parent", *private, "--cap-drop", "ALL", *rights),
            *_way_to([Path("/etc/any")]),
            *_tools(),
            *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
            *("--perms", "1777", "--size", str(self.limits.scratch), "--tmpfs", "/tmp"),  # noqa: S108 - its own
            *_way_to([*self.readable, *self.writable]),
            *(word for path in self.readable for word in ("--ro-bind", str(path), str(path))),
            *(word for path in self.writable for word in ("--bind", str(path), str(path))),
            *("--remount-ro", "/", "--setenv", "HOME", "/nonexistent", "--setenv", "TMPDIR", "/tmp", "--"),  # noqa: S108
            *("prlimit", *self._rlimits(), "--"),
            *(
                "setpriv",
                *(_drop() if root else []),
                "--no-new-privs",
                "--inh-caps=-all",
                "--bounding-set=-all",
            ),
            # Only now: root without its capabilities may not enter what belongs to who it has become.
            *("--", "env", f"--chdir={folder}", *command),
        ]

    def _rlimits(self) -> list[str]:
        wanted = {
            "nproc": (resource.RLIMIT_NPROC, self.limits.processes),
            "as": (resource.RLIMIT_AS, self.limits.memory),
            "fsize": (resource.RLIMIT_FSIZE, self.limits.file),
            "core": (resource.RLIMIT_CORE, 0),
        }
        return [f"--{name}={_at_most(which, value)}" for name, (which, value) in wanted.items()]


def find_sandbox(*, trusted: bool) -> Sandbox | None:
    """Return the sandbox for a foreign source, None where there cannot be one and the user trusts the source.

    `UserError` where there cannot be one otherwise, with the reason.
    """
    try:
        return _working()
    except InfraError as error:
        if trusted:
            return None
        raise UserError(
            f"{error}, and building a series runs its makefiles: read it, and say --trust-source if you "
            "trust it"
        ) from None


@functools.cache
def _working() -> Sandbox:
    """Return a sandbox that was seen to work; `InfraError` says why there is none (in containers often)."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise InfraError("builds cannot be shut in: install the package 'bubblewrap'")
    sandbox = Sandbox(program)
    try:
        done = subprocess.run(
            sandbox.wrap(["true"], Path("/")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError as missing:
        raise InfraError(f"builds cannot be shut in: {missing.filename} is missing (util-linux)") from None
    except subprocess.TimeoutExpired:
        raise InfraError(f"builds cannot be shut in: bubblewrap did not start within {_DEADLINE} s") from None
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise InfraError(f"builds cannot be shut in, bubblewrap does not work here ({told[-1]})")
    return sandbox


def _tools() -> list[str]:
    """Return the options that show the machine's programs and libraries."""
    shown = ["--ro-bind", "/usr", "/usr"]
    for name in _TOPS:
        path = Path("/", name)
        if path.is_symlink():
            shown += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            shown += ["--ro-bind", str(path), str(path)]
    for name in _SETTINGS:
        shown += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return shown


def _way_to(paths: Sequence[Path]) -> list[str]:
    """Return the options that make the folders above.

    Left to itself, bubblewrap shuts them to all but root.
    """
    parents = sorted({parent for path in paths for parent in path.parents if parent != Path("/")})
    return [word for parent in parents for word in ("--perms", "0755", "--dir", str(parent))]


def _drop() -> list[str]:
    return ["--reuid", str(_USER), "--regid", str(_USER), "--clear-groups"]


def _at_most(which: int, value: int) -> int:
    hard = resource.getrlimit(which)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
