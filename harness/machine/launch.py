# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting QEMU: unprivileged, sandboxed, dead when the harness is, and with all it needs handed over open.

The folder of a run may lie where an unprivileged user cannot go (below /root, say), so QEMU never opens a
path of ours: images are copied into memory files; console, monitor and control
channel are pipes and socket pairs.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import pwd
import shutil
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.words import Accelerator, InfraError, UserError

QEMU = "qemu-system-x86_64"
_USER = "nobody"
KVM = Path("/dev/kvm")
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# Arguments: major and minor number of the device, its owner, and the command to run.
_OWN_KVM = (
    "mount -t tmpfs -o mode=0711 tmpfs /tmp && mknod -m 600 /tmp/kvm c $1 $2 && chown $3 /tmp/kvm && "
    'mount --bind /tmp/kvm /dev/kvm && shift 3 && exec "$@"'
)
_NAMESPACE = ["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", _OWN_KVM, "own-kvm"]
# The parent may have died before the death signal was asked for; then another process has become the parent.
_IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'


@dataclass(slots=True)
class Handover:
    """File descriptors that QEMU inherits; ours are closed once it runs."""

    fds: list[int] = field(default_factory=list)

    def image(self, path: Path) -> str:
        """Return a path that QEMU can open for the content of `path`, whoever it runs as."""
        fd = os.memfd_create(path.name)
        self.fds.append(fd)
        try:
            with path.open("rb") as source:
                while os.sendfile(fd, source.fileno(), None, 1 << 30):
                    pass
        except OSError as error:
            raise UserError(f"cannot read the image {path}: {error.strerror}") from error
        return f"/proc/self/fd/{fd}"

    def socket(self) -> tuple[int, socket.socket]:
        """Return QEMU's and our end of a socket pair."""
        theirs, ours = socket.socketpair()
        self.fds.append(theirs.detach())
        return self.fds[-1], ours

    def close(self) -> None:
        """Close what was for QEMU alone."""
        while self.fds:
            os.close(self.fds.pop())


def find_qemu() -> str:
    """Return the path of QEMU; `InfraError` names the package."""
    found = shutil.which(QEMU)
    if found is None:
        raise InfraError(f"{QEMU} is missing: install the package qemu-system-x86")
    return found


def _kvm_access(user: pwd.struct_passwd) -> tuple[list[str], list[str]]:
    """Return a command prefix and the groups of setpriv with which `user` can open /dev/kvm.

    Where a group may open it, that group is enough. Where only root may (a container with a bare devtmpfs),
    QEMU gets a mount namespace in which the device belongs to it.
    """
    with contextlib.suppress(OSError):
        status = KVM.stat()
        if status.st_mode & stat.S_IRGRP and status.st_mode & stat.S_IWGRP:
            return [], ["--groups", str(status.st_gid)]
        numbers = [str(os.major(status.st_rdev)), str(os.minor(status.st_rdev))]
        owner = f"{user.pw_uid}:{user.pw_gid}"
        return [*_NAMESPACE, *numbers, owner], ["--clear-groups"]
    return [], ["--clear-groups"]


def confinement(accelerator: Accelerator) -> list[str]:
    """Return the command that runs the rest of its arguments unprivileged and tied to this process's life.

    The death signal belongs to the *thread* that starts the command (prctl(2), PR_SET_PDEATHSIG): it has to
    live as long as the guest. It is set after the change of user, which would clear it.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise InfraError("setpriv is missing: install the package util-linux")
    prefix: list[str] = []
    drop: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        groups = ["--clear-groups"]
        if accelerator is Accelerator.KVM:
            prefix, groups = _kvm_access(user)
        drop = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), *groups]
    tie = ["/bin/sh", "-c", _IF_PARENT_LIVES, str(os.getpid())]
    return [*prefix, setpriv, "--no-new-privs", "--pdeathsig", "KILL", *drop, "--", *tie]


@functools.cache
def sandbox() -> tuple[str, ...]:
    """Return the options of QEMU's seccomp sandbox, nothing where this QEMU was built without it."""
    options = ("-sandbox", _SANDBOX)
    quit_at_once = '{"execute":"qmp_capabilities"}{"execute":"quit"}'
    command = [find_qemu(), "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio", *options]
    try:
        done = subprocess.run(
            command, input=quit_at_once, capture_output=True, text=True, check=False, timeout=20
        )
    except subprocess.TimeoutExpired:
        return ()
    return () if done.returncode else options


async def spawn(
    arguments: Sequence[str],
    accelerator: Accelerator,
    handover: Handover,
    *,
    stdin: int,
    stdout: int,
    stderr: int,
) -> asyncio.subprocess.Process:
    """Start QEMU with `arguments`; closes what was handed over, also when that fails."""
    command = [*confinement(accelerator), find_qemu(), *sandbox(), *arguments]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=handover.fds,
            cwd="/",
            env={"PATH": f"{os.defpath}:/usr/sbin:/sbin"},
        )
    except OSError as error:
        raise InfraError(f"QEMU cannot be started: {error.strerror}") from error
    finally:
        handover.close()
