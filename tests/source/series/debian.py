# SPDX-License-Identifier: GPL-2.0-or-later
"""The built-in series on Debian's source as commits, and as the mails in which people would send it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cli import cache_folder
from harness.source import Repository, Tree, open_tree
from harness.variants import candidates

from .mails import git, mails

FILE = "mm/percpu.c"
MASK = "GFP_NOIO | __GFP_NORETRY"
WEAK = "GFP_NOFS | __GFP_NORETRY"


@dataclass(frozen=True)
class Sent:
    """A tree, and its whole series as v4. `weak` is v5, whose mask lets IO through."""

    tree: Tree
    chain: tuple[str, ...]
    weak: str

    def mails(self, version: int, tip: str | None = None) -> list[str]:
        """Return cover letter and patches up to a commit, the whole series if none is given."""
        revisions = f"{self.tree.base}..{tip or self.chain[-1]}"
        return mails(self.tree.repo, revisions, version, f"percpu: no IO under the mutex, v{version}")

    def commit(self, parent: str, subject: str, name: str, old: str, new: str) -> str:
        """Return a commit on top of `parent` in which a text of a file is another one."""
        repository = Repository(self.tree.repo)
        text = (repository.read(parent, name) or b"").decode()
        assert old in text
        return repository.commit_files(parent, {name: text.replace(old, new).encode()}, f"{subject}\n")

    def add(self, parent: str, subject: str, name: str, content: str) -> str:
        """Return a commit of Zoë's on top of `parent` that adds a file."""
        repository = Repository(self.tree.repo)
        blob = repository.run("hash-object", "-w", "--stdin", data=content.encode()).decode().strip()
        folder, _, file = name.rpartition("/")
        listing = repository.run("ls-tree", f"{parent}:{folder}").decode()
        inner = repository.run("mktree", data=f"{listing}100644 blob {blob}\t{file}\n".encode()).decode()
        whole = repository.run("ls-tree", parent).decode().splitlines()
        lines = [line for line in whole if line.split("\t")[1] != folder]
        lines.append(f"040000 tree {inner.strip()}\t{folder}")
        top = repository.run("mktree", data="".join(f"{line}\n" for line in lines).encode()).decode().strip()
        return git(self.tree.repo, "commit-tree", "-p", parent, "-m", subject, top)


def sent(version: str = "6.12") -> Sent:
    """Return the series on the tree in the user's own cache."""
    tree = open_tree(f"debian:{version}", cache_folder())
    (built,) = candidates(["series-v4"], tree, cache_folder())
    made = Sent(tree, built.chain, "")
    return Sent(tree, built.chain, made.commit(built.chain[-2], "mask-noio", FILE, *_masks(made)))


def _masks(made: Sent) -> tuple[str, str]:
    """Return what the last patch changes, and what a weaker one would change it to."""
    repository = Repository(made.tree.repo)
    before, after = ((repository.read(commit, FILE) or b"").decode() for commit in made.chain[-2:])
    (line,) = [line for line in after.splitlines() if MASK in line and line not in before]
    (old,) = [one for one in before.splitlines() if one.split("(")[0] == line.split("(")[0]]
    return old, line.replace(MASK, WEAK)
