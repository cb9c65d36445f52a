# SPDX-License-Identifier: GPL-2.0-or-later
"""A checkout of one of our repositories that commits are switched in, in place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.lock import locked
from harness.source.repository import GitError, Repository
from harness.words import InfraError, UserError


@dataclass(frozen=True, slots=True)
class Worktree:
    """Source files in `path`, nothing else: git's index and our notes are in the folder `state` beside it.

    So kbuild sees no git folder (`scripts/setlocalversion` would append to the release). A switch that was
    cut short is known by the absence of `state/commit`.
    """

    path: Path
    repository: Repository
    state: Path

    @classmethod
    def open(cls, repository: Repository, path: Path) -> Worktree:
        """Return the checkout at `path`; `UserError` when a folder of somebody else's stands there."""
        path = path.absolute()
        state = path.with_name(f".{path.name}.state")
        if path.exists() and not state.is_dir() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(f"{path} is in the way of a worktree: remove it or name another folder")
        state.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True)
        return cls(path, repository, state)

    @property
    def commit(self) -> str | None:
        """The commit that the files show, None in a new worktree and after a switch that was cut short."""
        noted = self.state / "commit"
        return noted.read_text().strip() if noted.exists() and self._is_ours() else None

    def switch(self, commit: str) -> None:
        """Make the files those of `commit`. Only what differs is written, so make rebuilds only that.

        A file that somebody changed or removed is restored, and one that does not belong is removed.
        """
        with locked(self.state / "lock"):
            (self.state / "index.lock").unlink(missing_ok=True)  # a dead git's: we hold the lock
            try:
                commit = self.repository.ask(
                    "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}"
                )
            except GitError as error:
                raise UserError(f"{self.repository.path} has no commit {commit}: {error}") from error
            (self.state / "commit").unlink(missing_ok=True)
            self._belong()
            try:
                self._check_out(commit)
            except GitError as error:
                raise InfraError(f"{self.path} could not be switched to {commit[:12]}: {error}") from error
            (self.state / "commit").write_text(f"{commit}\n")

    def _belong(self) -> None:
        """Forget the index of another repository: it names objects that ours need not have."""
        if not self._is_ours():
            (self.state / "index").unlink(missing_ok=True)
            (self.state / "repository").write_text(str(self.repository.path))

    def _is_ours(self) -> bool:
        owner = self.state / "repository"
        return owner.exists() and owner.read_text() == str(self.repository.path)

    def _check_out(self, commit: str) -> None:
        where = {"GIT_WORK_TREE": str(self.path), "GIT_INDEX_FILE": str(self.state / "index")}
        parallel = ("-c", "checkout.workers=0", "-c", "checkout.thresholdForParallelism=1000")
        try:
            self._reset(parallel, commit, where)
        except GitError as error:
            if "index" not in str(error):
                raise
            (self.state / "index").unlink(missing_ok=True)  # cut short by a crash of the machine
            self._reset(parallel, commit, where)
        self.repository.run("clean", "-ffdxq", environment=where)

    def _reset(self, options: tuple[str, ...], commit: str, where: dict[str, str]) -> None:
        self.repository.run(*options, "read-tree", "--reset", "-u", commit, environment=where)
