# SPDX-License-Identifier: GPL-2.0-or-later
"""`images/packages/NAME.toml`: which files of which package a guest gets, and from where."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from harness.data import data_dir
from harness.words import InfraError

_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Some files of one Debian package, with every library that they need.

    `suites` are asked together and the newest version counts. `version`, where it is not empty, is the
    upstream version that it must have. `files` are paths without a leading slash and without `usr/`, which
    is where some suites keep them. `digest` changes with the recipe.
    """

    name: str
    package: str
    suites: tuple[str, ...]
    files: tuple[str, ...]
    digest: str
    version: str = ""


def load_recipe(name: str) -> Recipe:
    """Read a recipe that ships with the project; `InfraError` when the installation lacks it."""
    path = data_dir("images") / "packages" / f"{name}{_SUFFIX}"
    return read_recipe(path)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; `InfraError` for a file that is none."""
    try:
        content = path.read_bytes()
        values = tomllib.loads(content.decode())
        values |= {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return Recipe(name=path.stem, digest=hashlib.sha256(content).hexdigest(), **values)
    except (OSError, ValueError, TypeError) as error:
        keys = ", ".join(field.name for field in dataclasses.fields(Recipe))
        raise InfraError(f"{path} is no recipe of a guest's files (it may have {keys}): {error}") from None
