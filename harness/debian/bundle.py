# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes made real: a folder with the files that a guest gets, fetched once and kept."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.debian.apt import Offer, PrivateApt, system_mirror
from harness.debian.closure import closure
from harness.debian.package import read_packages
from harness.debian.recipe import Recipe
from harness.lock import locked
from harness.words import InfraError

_RECORD = "packages.json"
_ROOT = "root"


def bundle(recipe: Recipe, cache: Path, mirror: str | None, say: Callable[[str], None]) -> dict[str, Path]:
    """Return the recipe's files by their path in the guest; fetched when the cache does not have them.

    `InfraError` when they cannot be fetched or are not complete.
    """
    home = cache / "guest" / recipe.name
    with locked(home.with_name(f"{home.name}.lock"), say):
        if _record(home).get("recipe") != recipe.digest:
            _make(recipe, home, cache, mirror, say)
    root = home / _ROOT
    return {f"/{path.relative_to(root)}": path for path in sorted(root.rglob("*")) if path.is_file()}


def version(recipe: Recipe, cache: Path) -> str:
    """Return which version of the recipe's package the cache has; empty when it has none."""
    return str(_record(cache / "guest" / recipe.name).get("packages", {}).get(recipe.package, ""))


def _record(home: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((home / _RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record


def _make(recipe: Recipe, home: Path, cache: Path, mirror: str | None, say: Callable[[str], None]) -> None:
    """Fetch and unpack into a folder of its own, then rename: what is there is whole."""
    mirror = mirror.rstrip("/") if mirror else system_mirror()
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}.") as name:
        folder = Path(name)
        with locked(cache / "apt.lock", say):
            offers, packages = _fetch(recipe, PrivateApt(cache / "apt", mirror), folder / "debs", say)
        for path, content in closure(read_packages(packages), recipe.files).items():
            file = folder / "made" / _ROOT / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o644 if path.startswith("etc/") else 0o755)
        versions = {offer.package: offer.version for offer in offers}
        record = {"recipe": recipe.digest, "packages": versions}
        (folder / "made" / _RECORD).write_text(json.dumps(record, indent=1) + "\n")
        if home.exists():
            shutil.rmtree(home)
        (folder / "made").rename(home)


def _fetch(
    recipe: Recipe, apt: PrivateApt, folder: Path, say: Callable[[str], None]
) -> tuple[list[Offer], list[Path]]:
    say(f"asking {', '.join(recipe.suites)} for {recipe.package}")
    apt.update(recipe.suites)
    offers = [_offer(apt, name) for name in (recipe.package, *apt.libraries(recipe.package))]
    if not offers[0].version.startswith(recipe.version):
        raise InfraError(
            f"{', '.join(recipe.suites)} has {recipe.package} {offers[0].version} and not {recipe.version}: "
            "name another mirror with --debian-mirror"
        )
    say(f"fetching {recipe.package} {offers[0].version} and {len(offers) - 1} libraries")
    return offers, [apt.download(offer, folder) for offer in offers]


def _offer(apt: PrivateApt, package: str) -> Offer:
    offers = apt.offers(package)
    if not offers:
        raise InfraError(f"the mirror has no {package}: name a full Debian mirror with --debian-mirror")
    return offers[0]
