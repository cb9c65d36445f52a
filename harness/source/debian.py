# SPDX-License-Identifier: GPL-2.0-or-later
"""`debian:X.Y`: a `linux-source-X.Y` package, fetched once through apt and kept as a git repository."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.debian.apt import Offer, PrivateApt, system_mirror
from harness.lock import locked
from harness.source.archive import import_package, require_room
from harness.source.repository import Repository
from harness.source.tree import Tree, makefile_version
from harness.words import UserError

PREFIX = "debian:"
SUITES = (
    "bookworm",
    "bookworm-updates",
    "bookworm-backports",
    "trixie",
    "trixie-updates",
    "trixie-backports",
    "sid",
)
#: Where a version is looked for first; every other suite is only asked when these have nothing.
_LIKELY = {"6.1": ("bookworm",), "6.12": ("trixie",)}
_NEWEST = ("trixie-backports", "sid")
_RECORD = "import.json"


def open_debian(spec: str, cache: Path, mirror: str | None, say: Callable[[str], None]) -> Tree:
    """Return the tree `debian:X.Y`, from the cache (no network then) or freshly imported."""
    version = spec.removeprefix(PREFIX)
    if not re.fullmatch(r"\d+\.\d+", version):
        raise UserError(f"'{spec}' is no Debian tree: write debian:X.Y, for example debian:6.12")
    home = cache / "trees" / f"debian-{version}"
    with locked(home.with_suffix(home.suffix + ".lock"), say):
        if not (home / _RECORD).is_file():
            _import(version, home, cache, mirror, say)
    record = json.loads((home / _RECORD).read_text())
    repository = Repository(home / "git")
    say(f"{spec} is {record['package']} {record['version']} from {record['suite']} (cached in {home})")
    return Tree(
        spec=spec,
        name=f"{spec} ({record['version']})",
        version=makefile_version(repository, record["commit"], spec),
        repo=repository.path,
        base=record["commit"],
        source_id=repository.tree_of(record["commit"]),
    )


def _import(version: str, home: Path, cache: Path, mirror: str | None, say: Callable[[str], None]) -> None:
    """Fetch and import into a folder of its own, then rename: what is there is whole."""
    home.parent.mkdir(parents=True, exist_ok=True)
    require_room(home.parent)
    for leftover in home.parent.glob(f".{home.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    mirror = mirror.rstrip("/") if mirror else system_mirror()
    with (
        locked(cache / "apt.lock", say),
        tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}.") as name,
    ):
        folder = Path(name)
        apt = PrivateApt(cache / "apt", mirror)
        offer = find_offer(apt, version, say)
        say(f"fetching {offer.package} {offer.version} ({offer.suite}) from {mirror}")
        package = apt.download(offer, folder)
        repository = Repository.create(folder / "git")
        commit = import_package(package, repository, say)
        package.unlink()
        record = {
            "package": offer.package,
            "version": offer.version,
            "suite": offer.suite,
            "commit": commit,
        }
        (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")
        if home.exists():  # an import that lacks its record
            shutil.rmtree(home)
        folder.rename(home)
        folder.mkdir()  # what the context manager removes


def find_offer(apt: PrivateApt, version: str, say: Callable[[str], None]) -> Offer:
    """Ask the likely suites for `linux-source-VERSION`, then all; `UserError` lists what is there instead."""
    package = f"linux-source-{version}"
    likely = _LIKELY.get(version, _NEWEST)
    for suites in (likely, SUITES):
        say(f"asking {', '.join(suites)} for {package}")
        absent = apt.update(suites)
        if absent:
            say(f"the mirror has no {', '.join(absent)}: left out")
        offers = apt.offers(package)
        if offers:
            return offers[0]
    there = sorted(
        (name for name in apt.names("linux-source-") if re.fullmatch(r"linux-source-\d+\.\d+", name)),
        key=lambda name: [int(part) for part in name.rpartition("-")[2].split(".")],
    )
    listed = ", ".join(PREFIX + name.rpartition("-")[2] for name in there) or "nothing"
    raise UserError(f"{package} is not in the Debian archive (any more): there is {listed}")
