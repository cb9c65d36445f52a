# SPDX-License-Identifier: GPL-2.0-or-later
"""From an allocator's own functions outward: who calls them, who wraps them, and with which flags."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.callers.facts import Call, Facts, Function, read_facts
from harness.callers.flags import Concern, concern, flags_of
from harness.source import Tree
from harness.source.repository import GitError, Repository
from harness.words import InfraError, UserError

_PORTION = 12  # files for one run of Coccinelle: enough to make its start cheap, few enough to show progress


@dataclass(frozen=True, slots=True)
class Site:
    """A call whose flags are decided there. `flags` are those that may reach it, `unknown` what else may."""

    file: str
    line: int
    inside: str | None
    function: str
    concern: Concern
    flags: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was found.

    `wrappers` pass on flags of their own callers; those that nobody calls by name are the `pointed` ones,
    perhaps called through pointers. `unread` are places (file, line, name) that Coccinelle did not read.
    """

    sites: tuple[Site, ...]
    wrappers: tuple[str, ...]
    pointed: tuple[str, ...]
    unread: tuple[tuple[str, int, str], ...]
    files: int

    def of(self, wanted: Concern) -> list[Site]:
        """Return the sites of one concern."""
        return [site for site in self.sites if site.concern is wanted]


def audit(tree: Tree, allocators: Mapping[str, int], say: Callable[[str], None]) -> Audit:
    """Search a tree for all that reaches the `allocators` (name to position of the flags); blocks.

    Wrappers and macros are followed until no new one is found. `UserError` for a tree that nowhere mentions
    an allocator, `InfraError` when git or Coccinelle fails.
    """
    with tempfile.TemporaryDirectory(prefix="percpu-harness-callers-") as name:
        found = _Search(tree, Path(name), say).run(allocators)
    if not found.files:
        raise UserError(f"{tree.spec} mentions none of {', '.join(allocators)}: there is nothing to search")
    return found


@dataclass(frozen=True, slots=True)
class _Callee:
    """A function that takes flags at `position`; a static one is known in its `file` only."""

    name: str
    file: str | None
    position: int

    def is_called_by(self, call: Call) -> bool:
        return call.function == self.name and self.file in (None, call.file)


_Portion = tuple[Sequence[str], frozenset[str]]


class _Search:
    def __init__(self, tree: Tree, folder: Path, say: Callable[[str], None]) -> None:
        self._repository = Repository(tree.repo)
        self._commit = tree.base
        self._folder = folder
        self._say = say
        self._sites: list[Site] = []
        self._unread: set[tuple[str, int, str]] = set()
        self._files: set[str] = set()

    def run(self, allocators: Mapping[str, int]) -> Audit:
        known = {_Callee(name, None, position) for name, position in allocators.items()}
        new = set(known)
        called: set[str] = set()
        while new:
            found: set[_Callee] = set()
            for call, facts in self._calls(new):
                called.add(call.function)
                for callee in new:
                    if callee.is_called_by(call) and callee.position < len(call.arguments):
                        found |= self._judge(call, call.arguments[callee.position], facts)
            new = found - known
            known |= new
        ordered = sorted(set(self._sites), key=lambda site: (site.file, site.line))
        wrappers = sorted({callee.name for callee in known} - set(allocators))
        pointed = [name for name in wrappers if name not in called]
        unread = tuple(sorted(self._unread))
        return Audit(tuple(ordered), tuple(wrappers), tuple(pointed), unread, len(self._files))

    def _calls(self, callees: Collection[_Callee]) -> Iterator[tuple[Call, Facts]]:
        """Yield the calls of functions that are known everywhere, and of static ones in their own files."""
        wanted: dict[str, set[str]] = defaultdict(set)
        everywhere = sorted({callee.name for callee in callees if callee.file is None})
        for file in self._mentioning(everywhere):
            wanted[file] |= set(everywhere)
        for callee in callees:
            if callee.file is not None:
                wanted[callee.file].add(callee.name)
        self._fetch(sorted(wanted))
        portions: dict[frozenset[str], list[str]] = defaultdict(list)
        for file, names in sorted(wanted.items()):
            portions[frozenset(names)].append(file)
        yield from self._search(
            [
                (files[at : at + _PORTION], names)
                for names, files in portions.items()
                for at in range(0, len(files), _PORTION)
            ]
        )

    def _search(self, portions: Sequence[_Portion]) -> Iterator[tuple[Call, Facts]]:
        """Run Coccinelle on all portions, as many at a time as there are processors."""
        done, total = 0, sum(len(files) for files, _ in portions)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            tasks = [pool.submit(read_facts, self._folder, files, names) for files, names in portions]
            try:
                for (files, _), task in zip(portions, tasks, strict=True):
                    facts = task.result()
                    done += len(files)
                    if len(files) == _PORTION or done == total:
                        self._say(f"{done} of {total} files read in this round")
                    self._unread.update(facts.unread)
                    yield from ((call, facts) for call in facts.calls)
            finally:
                pool.shutdown(cancel_futures=True)

    def _mentioning(self, names: Sequence[str]) -> list[str]:
        if not names:
            return []
        patterns = [part for name in names for part in ("-e", name)]
        try:
            listed = self._repository.run(
                "grep", "-lwFz", *patterns, self._commit, "--", "*.c", "*.h", ":!tools", ":!Documentation"
            )
        except GitError as error:
            if error.code == 1:  # nothing found
                return []
            raise InfraError(f"git cannot search {self._commit}: {error}") from error
        return [text.partition(":")[2] for text in listed.decode().split("\0") if text]

    def _fetch(self, files: Sequence[str]) -> None:
        for file in set(files) - self._files:
            path = self._folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._repository.read(self._commit, file) or b"")
        self._files |= set(files)

    def _judge(self, call: Call, argument: str, facts: Facts) -> set[_Callee]:
        """Note the call if its flags are decided there; return what passes on its own caller's flags."""
        found = _Origins(call.inside, call.file, facts)
        found.follow(argument)
        given, opaque = frozenset(found.given), frozenset(found.opaque)
        kind = concern(given, frozenset(found.cleared), opaque)
        if not found.positions or (kind is not Concern.PLAIN and (given or opaque)):
            inside = call.inside.name if call.inside else None
            told = tuple(sorted(given)), tuple(sorted(opaque))
            self._sites.append(Site(call.file, call.line, inside, call.function, kind, *told))
        if call.inside is None:
            return set()
        own = call.file if call.inside.static else None
        return {_Callee(call.inside.name, own, position) for position in found.positions}


class _Origins:
    """Follows an argument through the variables of one function to flags, parameters and what is opaque."""

    def __init__(self, inside: Function | None, file: str, facts: Facts) -> None:
        self._inside = inside
        self._file = file
        self._facts = facts
        self._seen: set[str] = set()
        self.given: set[str] = set()
        self.cleared: set[str] = set()
        self.opaque: set[str] = set()
        self.positions: set[int] = set()

    def follow(self, expression: str) -> None:
        """Take in an expression and all that its variables may hold."""
        flags = flags_of(expression)
        self.given |= flags.given
        self.cleared |= flags.cleared
        self.opaque |= flags.opaque
        for name in flags.variables - self._seen:
            self._seen.add(name)
            self._variable(name)

    def _variable(self, name: str) -> None:
        inside = self._inside
        stored = self._facts.stores.get((self._file, inside.name, name), set()) if inside else set()
        parameter = inside is not None and name in inside.parameters
        if inside is not None and parameter:
            self.positions.add(inside.parameters.index(name))
        for expression in stored:
            self.follow(expression)
        if not stored and not parameter and not name.isdigit():
            self.opaque.add(name)
