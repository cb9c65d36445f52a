# SPDX-License-Identifier: GPL-2.0-or-later
"""Who calls an allocator with which flags, as text."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from harness.callers import Audit, Concern, Site

_HEADINGS = {
    Concern.NOFAIL: "pass __GFP_NOFAIL",
    Concern.CONSTRAINED: "are NOFS or NOIO by flag",
    Concern.UNKNOWN: "get flags that are decided where this search does not look",
}


def print_audit(audit: Audit, tree: str, console: Console) -> None:
    """Print what was found, what was not, and what could not be told."""
    for line in _lines(audit, tree):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(audit: Audit, tree: str) -> Iterator[str]:
    plain = len(audit.of(Concern.PLAIN))
    yield f"{tree}: {len(audit.sites)} callers in {audit.files} files, {plain} of them without special flags;"
    yield f"{len(audit.wrappers)} wrappers and macros that pass on their caller's flags were followed"
    for concern, heading in _HEADINGS.items():
        sites = audit.of(concern)
        yield f"\n{len(sites)} {heading}{':' if sites else ''}"
        yield from (f"  {_told(site)}" for site in sites)
    if audit.pointed:
        yield "\nWrappers that nobody calls by name; who calls them through a pointer was not searched for:"
        yield f"  {', '.join(audit.pointed)}"
    if audit.unread:
        yield "\nPlaces that Coccinelle could not read; look at them yourself:"
        yield from (f"  {file}:{line} {name}()" for file, line, name in audit.unread)
    yield "\nNot searched: assembly, generated files, tools/, and flags that are computed at run time."


def _told(site: Site) -> str:
    flags = " | ".join([*site.flags, *site.unknown])
    return f"{site.file}:{site.line} {site.inside or 'outside of functions'}: {site.function}({flags})"
