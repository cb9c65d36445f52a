# SPDX-License-Identifier: GPL-2.0-or-later
"""Commits to kernels, one after the other in one worktree and one output folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from harness.build import fragment, pvh
from harness.build.artefact import artefact, text
from harness.build.cache import KernelCache
from harness.build.elf import build_id
from harness.build.kconfig import configure
from harness.build.make import Make, disk_full
from harness.build.order import changed_files
from harness.build.progress import BuildProgress, Listener, silent
from harness.build.sandbox import Sandbox
from harness.build.steps import Steps
from harness.build.toolchain import fingerprint
from harness.build.warnings import WarningsNote
from harness.lock import locked_patiently
from harness.words import InfraError, Kernel, UserError

#: Raise when what is passed to make changes, so that no kernel of another recipe is taken for ours.
_RECIPE = "3"
_CONFIG_INPUTS = ("Kconfig", "scripts/", "Makefile")


class Worktree(Protocol):
    """A checkout that commits are switched in, in place: unchanged files keep their times."""

    @property
    def path(self) -> Path:
        """Return the folder of the checkout."""

    def switch(self, commit: str) -> None:
        """Make the files those of `commit`."""


class Tree(Protocol):
    """A kernel tree, as far as building needs it."""

    @property
    def spec(self) -> str:
        """Return what the user calls the tree."""

    @property
    def repo(self) -> Path:
        """Return the git repository that holds the commits."""

    def worktree(self, path: Path) -> Worktree:
        """Return a checkout in `path`."""


class Builder:
    """Builds commits of one tree with one config and one out-of-tree module.

    `cache` is the harness's cache folder: kernels, the compiler cache, and `builds/NAME` with the worktree
    (`source`), the output (`out`) and a copy of the module (`module`). `kernels` keeps what is finished
    elsewhere. Nothing is checked out before something has to be built. While `lock` is held, nobody builds.

    With a `sandbox` the source is foreign. What its makefiles leave is trusted by nobody: folder and kernels
    are apart from those of other builds, and only files that are what they seem are taken from there.
    """

    def __init__(
        self,
        tree: Tree,
        cache: Path,
        fragments: Sequence[Path],
        module: Path,
        jobs: int | None = None,
        kernels: KernelCache | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self._tree = tree
        self.fragments = list(fragments)
        self.module = module
        self._jobs = jobs or len(os.sched_getaffinity(0))
        self._kernels = kernels or KernelCache(cache)
        self._fragments_digest = fragment.digest(self.fragments)
        self._module_digest = folder_digest(module)
        self._sandbox = sandbox
        digest = hashlib.sha256(f"{tree.repo}\0{self._fragments_digest}".encode()).hexdigest()[:12]
        name = f"{digest}{'-foreign' if sandbox else ''}"
        self._folder = cache / "builds" / name
        # Beside the folder: who prunes the folder must not remove a lock that somebody waits for.
        self.lock = self._folder.with_name(f"{name}.lock")
        self._source, self._out = self._folder / "source", self._folder / "out"
        self._ccache = cache / "ccache" if shutil.which("ccache") else None
        self._worktree: Worktree | None = None
        self._make: Make | None = None
        self._stopped = False

    def cached(self, source_id: str) -> Kernel | None:
        """Return the kernel of a source when it is in the cache; runs no make and checks nothing out.

        A kernel that was built outside of the sandbox is as good as one from there, but not the other way.
        """
        own = self._kernels.recall(self._shortcut(source_id, self._recipe))
        return own or (self._kernels.recall(self._shortcut(source_id, _RECIPE)) if self._sandbox else None)

    def build(self, commit: str, source_id: str, log: Path, progress: Listener = silent) -> Kernel:
        """Return the kernel of a commit, built or from the cache; blocks.

        `source_id` is the commit's git tree hash. `log` gets the whole output of the build. Raises
        `BuildError` with the first error line, `UserError` for a config option that does not stick,
        `InfraError` when the machine fails or `stop` was called.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            kernel = self.cached(source_id)
            if kernel is None:
                with locked_patiently(self.lock, lambda: self._wait(progress)):
                    os.utime(self.lock)
                    kernel = self.cached(source_id) or self._build(commit, source_id, log, progress)
            if kernel.reused:
                shutil.copyfile(kernel.log, log)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full([self._folder, log.parent]) from error
            raise InfraError(f"{error.filename or self._folder}: {error.strerror}") from error
        return kernel

    def stop(self) -> None:
        """End a build that runs in another thread: it raises `InfraError`, and no process of it stays.

        No build can be started afterwards.
        """
        self._stopped = True
        if self._make is not None:
            self._make.stop()

    def _wait(self, progress: Listener) -> None:
        progress(BuildProgress(0, None, f"waiting for another harness that builds in {self._folder}"))
        if self._stopped:
            raise InfraError("the build was stopped")

    @property
    def _recipe(self) -> str:
        return f"{_RECIPE} foreign" if self._sandbox else _RECIPE

    def _shortcut(self, source_id: str, recipe: str) -> str:
        parts = (recipe, source_id, self._fragments_digest, fingerprint(), self._module_digest)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _build(self, commit: str, source_id: str, log: Path, progress: Listener) -> Kernel:
        started = time.monotonic()
        log.write_text(f"commit {commit}, source {source_id}\n")
        self._out.mkdir(parents=True, exist_ok=True)
        sandbox = self._shut_in()
        steps = Steps(self._out, progress, sandbox)
        progress(BuildProgress(0, None, "checking out"))
        if self._worktree is None:
            self._worktree = self._tree.worktree(self._source)
        self._worktree.switch(commit)
        make = self._make = Make(self._source, self._out, log, self._jobs, self._ccache, steps.step, sandbox)
        if self._stopped:  # before there was a make to stop
            make.stop()
        if self._ccache is None:
            self._note(log, "ccache is missing (Debian package ccache): every file is compiled anew")
        self._configure(make, commit, log)
        key = self._key(source_id, log)
        kernel = self._kernels.lookup(key)
        if kernel is None:
            changed = self._changed(commit)
            steps.expect(self._source, changed)
            with self._warnings(log, commit):
                self._compile(make, commit)
            kernel = self._kernels.store(self._finished(key, source_id, log, time.monotonic() - started))
        self._kernels.remember(self._shortcut(source_id, self._recipe), key)
        return kernel

    def _shut_in(self, *module: Path) -> Sandbox | None:
        """Return the sandbox around this build's folders; the module's joins them when it is filled."""
        if self._sandbox is None:
            return None
        for folder in (self._out, *module):
            self._sandbox.hand_over(folder)
        seen = [self._source, *self.fragments]
        if self._ccache is not None:
            self._ccache.mkdir(parents=True, exist_ok=True)
            seen.append(self._ccache)
        return self._sandbox.around(
            readable=[path.absolute() for path in seen],
            writable=[path.absolute() for path in (self._out, *module)],
        )

    def _configure(self, make: Make, commit: str, log: Path) -> None:
        """Make the final config, unless it stands there and nothing that it comes from has changed."""
        recipe = f"{_RECIPE} {fingerprint()} {self._fragments_digest}"
        note = _Note(self._folder / "configured")
        since = note.commit(recipe)
        if since and (self._out / ".config").exists():
            changed = changed_files(self._tree.repo, since, commit)
            if not any(part in name for name in changed for part in _CONFIG_INPUTS):
                return
        note.clear()
        for unmet in configure(make, self._source, self._out, self.fragments):
            self._note(log, f"left out, which is allowed ({unmet.request.optional}): {unmet}")
        note.write(recipe, commit)

    def _changed(self, commit: str) -> list[str] | None:
        """Return the files that changed since the last build here that was complete, None when none was."""
        built = _Note(self._folder / "built").commit("")
        return changed_files(self._tree.repo, built, commit) if built else None

    @contextmanager
    def _warnings(self, log: Path, commit: str) -> Iterator[None]:
        """Have the log end with the warnings of the whole kernel, of which a build compiles only a part."""
        note = WarningsNote(self._folder / "warnings", (f"{self._source}/", f"{self._folder}/"))
        before = note.open(anew=not (self._out / "vmlinux").exists())
        changed = changed_files(self._tree.repo, before, commit) if before else []
        start = log.stat().st_size
        try:
            yield
        finally:
            with log.open("rb") as file:
                file.seek(start)
                told = file.read().decode(errors="replace")
            with log.open("a") as file:
                file.writelines(f"{line}\n" for line in note.close(told, commit, changed))

    def _compile(self, make: Make, commit: str) -> None:
        built = _Note(self._folder / "built")
        module = self._folder / "module"
        make.run(*pvh.variables(self._source), "vmlinux", "modules")
        if self._sandbox is not None:
            shutil.rmtree(module, ignore_errors=True)  # an earlier build may have left links to write through
        sync_folder(self.module, module)
        if folder_digest(self.module) != self._module_digest:
            raise UserError(f"{self.module} was changed while the kernel was built: run again")
        make.sandbox = self._shut_in(module, *(path for path in module.rglob("*") if path.is_dir()))
        make.run(f"M={module}", "modules")
        built.write("", commit)

    def _key(self, source_id: str, log: Path) -> str:
        config = text(self._out, ".config", log)
        parts = (self._recipe, source_id, config, fingerprint(), self._module_digest)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _finished(self, key: str, source_id: str, log: Path, seconds: float) -> Kernel:
        folder = self._folder / "module"
        modules = sorted(folder.glob("*.ko"))
        if len(modules) != 1:
            raise UserError(
                f"{self.module} must make exactly one module, and made {len(modules)}: mend its Kbuild"
            )
        image = artefact(self._out, "vmlinux", log)
        return Kernel(
            key=key,
            source_id=source_id,
            image=image,
            module=artefact(folder, modules[0].name, log),
            config=artefact(self._out, ".config", log),
            system_map=artefact(self._out, "System.map", log),
            log=log,
            release=text(self._out, "include/config/kernel.release", log).strip(),
            build_id=build_id(image),
            toolchain=fingerprint(),
            seconds=round(seconds, 2),
        )

    @staticmethod
    def _note(log: Path, text: str) -> None:
        with log.open("a") as file:
            file.write(f"# {text}\n")


class _Note:
    """A small file that says for which recipe and commit something was last done."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def commit(self, recipe: str) -> str | None:
        """Return the commit, None when it was another recipe or never."""
        try:
            record = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return str(record["commit"]) if record.get("recipe") == recipe else None

    def write(self, recipe: str, commit: str) -> None:
        """Note it; a crash leaves the old note or the new one."""
        partial = self._path.with_name(self._path.name + ".partial")
        partial.write_text(json.dumps({"recipe": recipe, "commit": commit}))
        partial.replace(self._path)

    def clear(self) -> None:
        """Forget it."""
        self._path.unlink(missing_ok=True)


def folder_digest(folder: Path) -> str:
    """Return a digest of the names and contents of a folder's files; `UserError` when it is missing."""
    if not folder.is_dir():
        raise UserError(f"the module's source folder {folder} is missing")
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return total.hexdigest()


def sync_folder(source: Path, target: Path) -> None:
    """Make `target`'s sources those of `source`; equal files keep their times, so make leaves them alone.

    What a build left in `target` stays, unless it is of sources by other names: of another module.
    """
    wanted = {path.relative_to(source): path for path in sorted(source.rglob("*")) if path.is_file()}
    known = {path.relative_to(target) for path in target.rglob("*.[chS]") if not path.name.endswith(".mod.c")}
    if known != {name for name in wanted if name.suffix in (".c", ".h", ".S")}:
        shutil.rmtree(target, ignore_errors=True)
    for name, path in wanted.items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.is_file() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)
