# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian source package's tarball, streamed into a bare repository without being unpacked."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from harness.lock import silent
from harness.source.repository import EPOCH, IDENTITY, Repository, git_environment
from harness.words import InfraError

#: Bytes that an import and its package need at most (a 7.x tree takes 0.45 GiB, the package 0.16 GiB).
ROOM_NEEDED = 1 << 30
_REF = "refs/heads/import"
_BUFFER = 16 << 10


def require_room(folder: Path, needed: int = ROOM_NEEDED) -> None:
    """`InfraError` when the disk of `folder` has less than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InfraError(
            f"the disk that holds {folder} has {free >> 20} MiB free and a kernel source needs "
            f"{needed >> 20}: free some space or move the cache (XDG_CACHE_HOME)"
        )


def import_package(package: Path, repository: Repository, say: Callable[[str], None] = silent) -> str:
    """Import the kernel tarball inside the .deb `package` as one commit and return it.

    Runs `dpkg-deb | tar | xz` as a pipe and speaks git's fast-import language, so that nothing but the pack
    is ever written: about 40 s for a 1.5 GB tree on two cores.
    """
    say(f"importing {package.name} into a git repository (once)")
    with tempfile.TemporaryFile() as told:
        pipe = _Pipe(told)
        try:
            pipe.add(["dpkg-deb", "--fsys-tarfile", str(package)])
            pipe.add(["tar", "-xO", "--wildcards", "*/linux-source-*.tar.xz"])
            pipe.add(["xz", "-dc", "--threads=0"])
            importer = pipe.start(
                ["git", "fast-import", "--quiet", "--done", "--depth=0", "--date-format=raw"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                cwd=repository.path,
                env=git_environment({"GIT_DIR": str(repository.path)}),
            )
            assert importer.stdin is not None
            _stream(pipe.stdout, importer.stdin)
            importer.stdin.close()
            broken = pipe.wait()
        except (OSError, tarfile.TarError) as error:
            broken = str(error)
        finally:
            pipe.kill()
        if broken:
            told.seek(0)
            raise _import_error(package, broken, told.read().decode(errors="replace"))
    return repository.ask("rev-parse", "--verify", _REF)


class _Pipe:
    """A chain of processes that share one file for what they complain about."""

    def __init__(self, told: IO[bytes]) -> None:
        self._told = told
        self._processes: list[subprocess.Popen[bytes]] = []
        self.stdout: IO[bytes] = told

    def start(self, command: list[str], **options: object) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(command, stderr=self._told, **options)  # type: ignore[call-overload]
        except FileNotFoundError as missing:
            raise InfraError(f"{command[0]} is not installed: run ci/quickstart, or install it") from missing
        self._processes.append(process)
        return process  # type: ignore[no-any-return]

    def add(self, command: list[str]) -> None:
        """Append a process that reads what the last one writes."""
        first = not self._processes
        process = self.start(
            command, stdin=subprocess.DEVNULL if first else self.stdout, stdout=subprocess.PIPE
        )
        if not first:
            self.stdout.close()  # ours; the process holds its own, and sees the end when the writer ends
        assert process.stdout is not None
        self.stdout = process.stdout

    def wait(self) -> str:
        """Wait for all and return the command line of the first that failed, or an empty string."""
        self.stdout.read()  # tar pads its archives; let xz write the padding
        self.stdout.close()
        failed = [process.args for process in self._processes if process.wait()]
        return str(failed[0][0]) + " failed" if failed else ""  # type: ignore[index]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def _import_error(package: Path, broken: str, told: str) -> InfraError:
    if "No space left on device" in told + broken:
        return InfraError(
            f"the disk filled up while {package.name} was imported: free some space and run again"
        )
    line = next((line for line in told.splitlines() if line.strip()), broken)
    return InfraError(
        f"{package.name} could not be imported ({broken}: {line.strip()}): run again to fetch it anew"
    )


def _stream(source: IO[bytes], sink: IO[bytes]) -> None:
    """Turn the tar stream `source` into one commit in fast-import's language on `sink`.

    The archive's first folder is left out of the names; modes become git's (plain, executable, symlink).
    """
    message = b"Import of a Debian kernel source package\n"
    head = f"commit {_REF}\ncommitter {IDENTITY} {EPOCH}\ndata {len(message)}\n"
    sink.write(head.encode() + message)
    # tarfile copies the rest of its buffer at every read: a small one is several times faster
    with tarfile.open(fileobj=source, mode="r|", bufsize=_BUFFER) as archive:
        for member in archive:
            name = _quoted(member.name.removeprefix("./").partition("/")[2])
            if member.issym():
                target = member.linkname.encode(errors="surrogateescape")
                sink.write(b"M 120000 inline %s\ndata %d\n%s\n" % (name, len(target), target))
            elif member.isreg():
                content = archive.extractfile(member)
                assert content is not None
                mode = b"100755" if member.mode & 0o100 else b"100644"
                sink.write(b"M %s inline %s\ndata %d\n" % (mode, name, member.size))
                sink.write(content.read() + b"\n")
            elif not member.isdir():
                raise tarfile.TarError(f"{member.name} is neither a file, a folder nor a symbolic link")
            archive.members.clear()  # type: ignore[attr-defined]  # a stream needs no table of contents
    sink.write(b"done\n")


def _quoted(name: str) -> bytes:
    raw = name.encode(errors="surrogateescape")
    if raw.startswith(b'"') or b"\n" in raw:
        return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
    return raw
