# SPDX-License-Identifier: GPL-2.0-or-later
"""A bare git repository of ours: plumbing with a private index, a private environment and fixed dates."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.words import InfraError

#: Who commits, and when: fixed, so that equal content gives equal commit ids on every machine.
IDENTITY = "percpu-harness <percpu-harness@localhost>"
EPOCH = "1000000000 +0000"

_SETTINGS = {
    "core.compression": "1",  # a cache is written once and read often
    "core.looseCompression": "1",
    "gc.auto": "0",  # nothing may be collected while a worktree uses it
    "core.logAllRefUpdates": "false",
    "core.autocrlf": "false",
    "core.fileMode": "true",
}


class GitError(Exception):
    """A git command failed; the text is what it wrote to stderr, `code` how it ended."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the process environment without any git setting of the user, plus `extra`."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    name, _, mail = IDENTITY.partition(" <")
    for role in ("AUTHOR", "COMMITTER"):
        env[f"GIT_{role}_NAME"] = name
        env[f"GIT_{role}_EMAIL"] = mail.rstrip(">")
        env[f"GIT_{role}_DATE"] = EPOCH
    env |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    return env | dict(extra or {})


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository in the harness's cache. `path` is its git folder."""

    path: Path

    @classmethod
    def create(
        cls, path: Path, *, alternates: Sequence[Path] = (), object_format: str = "sha1"
    ) -> Repository:
        """Create (or bring up to date) the repository at `path`, borrowing the objects of `alternates`."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        repository.run("init", "--quiet", "--bare", f"--object-format={object_format}", "--template=", ".")
        for key, value in _SETTINGS.items():
            repository.run("config", key, value)
        if alternates:
            borrowed = path / "objects/info/alternates"
            borrowed.parent.mkdir(parents=True, exist_ok=True)
            borrowed.write_text("".join(f"{folder}\n" for folder in alternates))
        return repository

    def run(
        self, *arguments: str, data: bytes | None = None, environment: Mapping[str, str] | None = None
    ) -> bytes:
        """Run `git ARGUMENTS` on this repository and return its stdout; `GitError` when it fails.

        A full disk is an `InfraError`: it says nothing about what was asked.
        """
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.path,
                input=b"" if data is None else data,
                capture_output=True,
                env=git_environment({"GIT_DIR": str(self.path), **(environment or {})}),
            )
        except FileNotFoundError as missing:
            raise InfraError("git is not installed: install the package 'git'") from missing
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()
            if "No space left on device" in told:
                raise InfraError(f"the disk that holds {self.path} is full: free some space and run again")
            raise GitError(told or f"git {arguments[0]} ended with {done.returncode}", done.returncode)
        return done.stdout

    def ask(self, *arguments: str) -> str:
        """Return the stdout of a git command as stripped text."""
        return self.run(*arguments).decode(errors="replace").strip()

    def tree_of(self, commit: str) -> str:
        """Return the tree hash of a commit: the source id."""
        return self.ask("rev-parse", "--verify", f"{commit}^{{tree}}")

    def read(self, commit: str, name: str) -> bytes | None:
        """Return the content of a file in a commit, None where it has no such file."""
        try:
            return self.run("cat-file", "blob", f"{commit}:{name}")
        except GitError:
            return None

    def commit_files(self, base: str, files: Mapping[str, bytes], message: str) -> str:
        """Commit `files` (names to new contents) on top of `base` and return the commit.

        The files must exist in `base`; their modes are kept. Fixed author and dates: reproducible ids.
        """
        with tempfile.TemporaryDirectory(dir=self.path, prefix="index-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.run("read-tree", base, environment=index)
            lines = []
            for name, content in sorted(files.items()):
                mode = self.ask("ls-tree", base, "--", name).split()[0]
                blob = self.run("hash-object", "-w", "--stdin", data=content).decode().strip()
                lines.append(f"{mode} {blob}\t{name}\n")
            self.run("update-index", "--index-info", data="".join(lines).encode(), environment=index)
            tree = self.run("write-tree", environment=index).decode().strip()
        return self.run("commit-tree", "-p", base, tree, data=message.encode()).decode().strip()

    def changed(self, old: str, new: str) -> tuple[str, ...]:
        """Return the names of the files that differ between two commits."""
        told = self.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)
        return tuple(name for name in told.decode(errors="replace").split("\0") if name)

    def keep(self, name: str, commit: str) -> None:
        """Point `refs/percpu-harness/NAME` at `commit`, so that it stays reachable."""
        self.run("update-ref", f"refs/percpu-harness/{name}", commit)
