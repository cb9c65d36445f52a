# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments, and why an option did not stick."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.build.fragment import Request, digest, read_fragments
from harness.build.kconfig import check, parse_config
from harness.data import data_dir
from harness.words import UserError
from tests.toytree import write_toy_tree


def _fragment(folder: Path, text: str, name: str = "f.config") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_fragment_is_read(tmp_path: Path) -> None:
    text = "# A comment.\nCONFIG_A=y\n\n# CONFIG_B is not set\n"
    text += '# optional: gone in 6.2\nCONFIG_C="x y"\nCONFIG_D=0x10\n'
    assert read_fragments([_fragment(tmp_path, text)]) == [
        Request("A", "y", "f.config:2"),
        Request("B", "n", "f.config:4"),
        Request("C", '"x y"', "f.config:6", "gone in 6.2"),
        Request("D", "0x10", "f.config:7"),
    ]


def test_the_later_fragment_counts(tmp_path: Path) -> None:
    first, second = (
        _fragment(tmp_path, "CONFIG_A=y\n"),
        _fragment(tmp_path, "# CONFIG_A is not set\n", "g.config"),
    )
    assert read_fragments([first, second]) == [Request("A", "n", "g.config:1")]
    assert digest([first, second]) != digest([second, first])


@pytest.mark.parametrize("line", ["A=y", "CONFIG_A y", "CONFIG_A=", "# optional:"])
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"f\.config:2: "):
        read_fragments([_fragment(tmp_path, f"\n{line}\n")])


def test_a_missing_fragment_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.config cannot be read"):
        read_fragments([tmp_path / "none.config"])


def test_a_config_is_parsed() -> None:
    text = '# Linux/x86 6.12.0 Kernel Configuration\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="a b"\n'
    assert parse_config(text) == {"A": "y", "B": "n", "C": '"a b"'}


@pytest.mark.parametrize(
    ("request_", "config", "why"),
    [
        (Request("GONE", "y", "f:1"), "", "this tree has no such option"),
        (Request("GONE", "n", "f:1"), "", "this tree has no such option"),
        (
            Request("PROVE_LOCKING", "y", "f:1"),
            "CONFIG_DEBUG_KERNEL=y\n# CONFIG_EXPERT is not set\n",
            r"it depends on \(DEBUG_KERNEL && EXPERT\) and here DEBUG_KERNEL=y, EXPERT=n \[Kconfig:8\]",
        ),
        (Request("NR_CPUS", "64", "f:1"), "", r"it depends on \(EXPERT\) and here EXPERT=n"),
        (Request("HIDDEN", "y", "f:1"), "", "it has no prompt, only other options set it"),
        (Request("EXPERT", "n", "f:1"), "CONFIG_EXPERT=y\n", "it is y; another option"),
        (Request("HELP_IS_NO_ENTRY", "y", "f:1"), "", "this tree has no such option"),
    ],
)
def test_why_an_option_did_not_stick(tmp_path: Path, request_: Request, config: str, why: str) -> None:
    source = write_toy_tree(tmp_path)
    (unmet,) = check([request_], f"# Linux/x86 6.12.0 Kernel Configuration\n{config}", source)
    assert unmet.request == request_
    assert re.search(why, unmet.why), unmet.why


def test_what_stuck_is_no_finding(tmp_path: Path) -> None:
    source = write_toy_tree(tmp_path)
    asked = [
        Request("EXPERT", "y", "f:1"),
        Request("HIDDEN", "n", "f:2"),
        Request("DEBUG_KERNEL", "n", "f:3"),
    ]
    assert check(asked, "CONFIG_EXPERT=y\n# CONFIG_DEBUG_KERNEL is not set\n", source) == []


def test_our_own_fragments_are_well_formed() -> None:
    fragments = sorted(data_dir("kconfigs").glob("*.config"))
    assert {path.stem for path in fragments} >= {"base", "lockdep", "percpu", "tracing"}
    assert len(read_fragments(fragments)) > 20
    for path in fragments:
        assert path.read_text().startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n")
