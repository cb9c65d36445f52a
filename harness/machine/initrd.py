# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs: the agent as /init, a static busybox, and what the caller adds. Same inputs, same bytes."""

from __future__ import annotations

import gzip
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.data import data_dir
from harness.machine.compiler import STATIC, compiled
from harness.words import InfraError, UserError

BUSYBOX = Path("/bin/busybox")
_FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp")
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def build_initrd(out: Path, extra: Mapping[str, Path] = {}) -> Path:
    """Write the initramfs to `out` and return it; `extra` maps a path in the guest to a file on the host.

    Raises `UserError` for an extra file that is missing, `InfraError` where gcc or busybox-static is.
    """
    entries = {name: _Entry(stat.S_IFDIR | 0o755) for name in _FOLDERS}
    entries["dev/console"] = _Entry(stat.S_IFCHR | 0o600, device=(5, 1))
    entries["etc/passwd"] = _Entry(stat.S_IFREG | 0o644, _PASSWD)
    entries.update(_busybox())
    entries["init"] = _Entry(stat.S_IFREG | 0o755, _agent())
    for name, path in extra.items():
        entries[name.strip("/")] = _extra_file(name, path)
    for name in list(entries):
        for parent in PurePosixPath(name).parents:
            if parent.name:
                entries.setdefault(str(parent), _Entry(stat.S_IFDIR | 0o755))
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    partial.write_bytes(gzip.compress(_newc(entries), compresslevel=1, mtime=0))
    partial.replace(out)
    return out


def _extra_file(name: str, path: Path) -> _Entry:
    try:
        return _Entry(stat.S_IFREG | (0o755 if path.stat().st_mode & 0o111 else 0o644), path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot put {path} into the guest as {name}: {error.strerror}") from error


def _agent() -> bytes:
    return compiled(sorted((data_dir("images") / "agent").glob("*.c")), STATIC)


def _busybox() -> dict[str, _Entry]:
    """Return busybox and a link for each of its applets."""

    if not BUSYBOX.exists():
        raise InfraError("/bin/busybox is missing: install the package busybox-static")
    content = BUSYBOX.read_bytes()
    if b"/lib64/ld-linux" in content[:4096]:
        raise InfraError(
            "/bin/busybox is dynamically linked: install the package busybox-static instead of busybox"
        )
    listed = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=False)
    entries = {name: _Entry(stat.S_IFLNK | 0o777, b"/bin/busybox") for name in listed.stdout.split()}
    entries["bin/busybox"] = _Entry(stat.S_IFREG | 0o755, content)
    entries.pop("init", None)
    return entries


def _newc(entries: Mapping[str, _Entry]) -> bytes:
    """Pack a "newc" cpio archive, sorted, owned by root, undated.

    The format: Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    return b"".join(_records(entries))


def _records(entries: Mapping[str, _Entry]) -> Iterator[bytes]:
    for inode, name in enumerate(sorted(entries), start=1):
        yield _record(inode, name, entries[name])
    yield _record(0, "TRAILER!!!", _Entry(0))


def _record(inode: int, name: str, entry: _Entry) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    major, minor = entry.device
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, major, minor, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields)
    return _padded(head + encoded) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
