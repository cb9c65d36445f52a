# SPDX-License-Identifier: GPL-2.0-or-later
"""A series on a tree, as one commit a patch, made in an index: no file is ever written.

So there is no worktree that a link could lead out of, no hook, and no attribute that could run a filter. What
git's index refuses (`..`, absolute names, `.git`, names beyond a symbolic link) stays refused.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.source.repository import GitError, Repository
from harness.source.series.series import Patch, Series
from harness.source.tree import Tree
from harness.words import InfraError, UserError

_FAILED = re.compile(r"^error: patch failed: (?P<file>.+):(?P<line>\d+)$", re.M)
_ERROR = re.compile(r"^(?:error|fatal): (?P<what>.+)$", re.M)
_HUNK = re.compile(rb"^@@ -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@[^\n]*", re.M)
_FILE = re.compile(rb"^(?:diff --git [^\n]*|\+\+\+ [^\n]*)$", re.M)
_LINK, _SUBMODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The tree with the first patches of a series: a commit in the tree's repository and its tree hash.

    `patch` is the last of them, None for none at all. `contained` says that the tree had it already, so the
    commit is that of the prefix before.
    """

    commit: str
    source_id: str
    patch: Patch | None
    contained: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A series on a tree. `tree` stands at the base that was taken, `because` says why that one.

    `prefixes[0]` is the base, `prefixes[n]` the base with n patches.
    """

    series: Series
    tree: Tree
    because: str
    prefixes: tuple[Prefix, ...]

    @property
    def tip(self) -> Prefix:
        """Return the tree with the whole series."""
        return self.prefixes[-1]

    @property
    def contained(self) -> bool:
        """Tell whether the tree has the whole series already."""
        return self.tip.source_id == self.prefixes[0].source_id


def apply_series(series: Series, tree: Tree, because: str = "it was asked for") -> Applied:
    """Return `series` on the base of `tree`; equal input gives equal commits, whoever applies it.

    The author and date of each patch are kept, the committer is ours. `UserError` names the patch, file
    and hunk that do not apply, and what is no change of files in the tree.
    """
    repository = Repository(tree.repo)
    done = [Prefix(tree.base, tree.source_id, None, contained=False)]
    with _index(repository, tree.base) as environment:
        for number, patch in enumerate(series.patches, 1):
            where = f"{series.spec}, patch {number}/{len(series.patches)} ({patch.subject!r})"
            done.append(_Step(repository, environment, patch, where, tree.name).onto(done[-1]))
    try:
        repository.keep(f"series/{series.name}-{done[-1].commit[:16]}", done[-1].commit)
    except GitError as error:
        raise InfraError(f"{series.spec} could not be kept in {tree.repo}: {error}") from error
    return Applied(series, tree, because, tuple(done))


@contextmanager
def _index(repository: Repository, commit: str) -> Iterator[dict[str, str]]:
    """Yield the environment of a private index that shows `commit`."""
    with tempfile.TemporaryDirectory(dir=repository.path, prefix="index-") as folder:
        environment = {"GIT_INDEX_FILE": f"{folder}/index"}
        try:
            repository.run("read-tree", commit, environment=environment)
        except GitError as error:
            raise InfraError(f"{commit[:12]} cannot be read from {repository.path}: {error}") from error
        yield environment


@dataclass(frozen=True, slots=True)
class _Step:
    """One patch on what the index shows."""

    repository: Repository
    environment: dict[str, str]
    patch: Patch
    where: str
    tree_name: str

    def onto(self, before: Prefix) -> Prefix:
        if self._change(before):
            after = self._run("write-tree").decode().strip()
            self._refuse_tricks(before.source_id, after)
        else:
            after = before.source_id
        if after == before.source_id:
            return Prefix(before.commit, after, self.patch, contained=True)
        return Prefix(self._commit(before.commit, after), after, self.patch, contained=False)

    def _change(self, before: Prefix) -> bool:
        """Apply the patch to the index; return False where the tree has it already.

        By the blobs that the patch names where the repository has them (what `git am -3` falls back to), so
        that a place which looks alike is not taken for the right one, and else by the context alone.
        """
        try:
            self._apply("--3way")
            return True
        except GitError:
            self._run("read-tree", before.source_id)  # conflicts were left there
        try:
            self._apply()
            return True
        except GitError as error:
            failed = error
        try:
            self._apply("--reverse", "--check")
            return False
        except GitError:
            raise UserError(self._explain(str(failed))) from None

    def _apply(self, *options: str) -> None:
        self._run(
            "apply",
            "--cached",
            "--whitespace=nowarn",
            f"-p{self.patch.strip}",
            *options,
            "-",
            data=self.patch.diff,
        )

    def _run(self, *arguments: str, data: bytes | None = None) -> bytes:
        return self.repository.run(*arguments, data=data, environment=self.environment)

    def _explain(self, told: str) -> str:
        """Say in one sentence what git said, with the hunk where it named a line."""
        failed, error = _FAILED.search(told), _ERROR.search(told)
        if failed is None:
            what = (error["what"] if error else told.splitlines()[0]).rstrip(".")
            return f"{self.where} does not apply to {self.tree_name}: {what}"
        file, line = failed["file"], int(failed["line"])
        hunk = _hunk(self.patch.diff, file, line)
        return f"{self.where} does not apply to {self.tree_name}: {file}, {hunk}"

    def _refuse_tricks(self, old: str, new: str) -> None:
        """`UserError` for what git takes and a kernel series has no need of.

        A submodule, and a symbolic link that leads out of the tree: what reads the checkout later must find
        nothing but the tree there.
        """
        entries = (
            self._run("diff-tree", "-r", "-z", "--no-renames", old, new).decode(errors="replace").split("\0")
        )
        for told, name in zip(entries[::2], entries[1::2], strict=False):
            _, mode, _, blob, _ = told.lstrip(":").split(" ")
            if mode == _SUBMODULE or PurePosixPath(name).name == ".gitmodules":
                raise UserError(
                    f"{self.where}: it makes a submodule of {name!r}, which is not taken from a series"
                )
            if mode == _LINK:
                target = self._run("cat-file", "blob", blob).decode(errors="replace")
                if _leaves(name, target):
                    raise UserError(f"{self.where}: the link {name!r} leads out of the tree, to {target!r}")

    def _commit(self, parent: str, tree: str) -> str:
        name, _, mail = self.patch.author.removesuffix(">").rpartition(" <")
        who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail, "GIT_AUTHOR_DATE": self.patch.date}
        message = f"{self.patch.subject}\n\n{self.patch.message}".strip() + "\n"
        try:
            done = self.repository.run(
                "commit-tree", "-p", parent, tree, data=message.encode(), environment=who
            )
        except GitError as error:
            raise InfraError(f"{self.where} could not be committed: {error}") from error
        return done.decode().strip()


def _hunk(diff: bytes, file: str, line: int) -> str:
    """Name the hunk of `file` whose old side begins at `line`, as it stands in the diff."""
    heads = [*_FILE.finditer(diff)]
    starts = [head.end() for head in heads if head[0].split(b"\t")[0].endswith(b"/" + file.encode())]
    ends = [head.start() for head in heads] + [len(diff)]
    for start in reversed(starts):
        end = min(end for end in ends if end >= start)
        for number, found in enumerate(_HUNK.finditer(diff, start, end), 1):
            if int(found["line"]) == line:
                return f"hunk {number}, {found[0].decode(errors='replace')}"
    return f"line {line}"


def _leaves(name: str, target: str) -> bool:
    """Tell whether a link called `name` leads out of the tree, by what its target says."""
    if target.startswith("/"):
        return True
    depth = len(PurePosixPath(name).parts) - 1
    for part in target.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False
