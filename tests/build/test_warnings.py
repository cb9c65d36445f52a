# SPDX-License-Identifier: GPL-2.0-or-later
"""Warnings of a whole kernel, though each build compiles only what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.build import Builder, read_warnings
from harness.build.warnings import WarningsNote
from harness.words import BuildError
from tests.toytree import ToyTree, toy_module, toy_tree

WARNS = "int pcpu_warned(void) { int unused; return 0; }\n"


def build(tree: ToyTree, folder: Path, commit: str) -> tuple[str, ...]:
    module = toy_module(folder / "module")
    log = folder / f"{commit}.log"
    Builder(tree, folder / "cache", [], module).build(commit, tree.source_id(commit), log)
    return read_warnings(log)


def append(tree: ToyTree, name: str, text: str) -> str:
    with (tree.repo / name).open("a") as file:
        file.write(text)
    return tree.commit(f"change {name}")


def test_a_warning_stays_while_its_file_is_not_compiled(tmp_path: Path) -> None:
    tree = toy_tree(tmp_path / "tree")
    clean = tree.git("rev-parse", "HEAD")
    warned = append(tree, "mm/vmalloc.c", WARNS)
    other = append(tree, "mm/percpu-vm.c", "int other;\n")
    mended = tree.replace("mm/vmalloc.c", "int unused; ", "")
    told = ("mm/vmalloc.c: unused variable 'unused' [-Wunused-variable]",)
    assert build(tree, tmp_path, other) == told
    assert build(tree, tmp_path, clean) == ()
    assert build(tree, tmp_path, warned) == told
    assert build(tree, tmp_path, append(tree, "mm/percpu.c", "int more;\n")) == ()
    assert build(tree, tmp_path, mended) == ()


def test_what_a_build_that_fails_compiled_is_known_later(tmp_path: Path) -> None:
    tree = toy_tree(tmp_path / "tree")
    build(tree, tmp_path, tree.git("rev-parse", "HEAD"))
    append(tree, "mm/percpu.c", WARNS)
    broken = append(tree, "mm/vmalloc.c", "int broken\n")
    with pytest.raises(BuildError):
        build(tree, tmp_path, broken)
    mended = tree.replace("mm/vmalloc.c", "int broken\n", "int mended;\n")
    assert build(tree, tmp_path, mended) == ("mm/percpu.c: unused variable 'unused' [-Wunused-variable]",)


LOG = """\
  CC      mm/percpu.o
../source/mm/percpu.c:12:5: warning: unused variable 'x' [-Wunused-variable]
   12 | int x;
  CC      mm/vmalloc.o
In file included from ../source/mm/vmalloc.c:1:
../source/include/linux/y.h:3:1: warning: 'y' defined but not used
../source/mm/percpu.c:12:5: warning: unused variable 'x' [-Wunused-variable]
mm/vmalloc.o: warning: objtool: f+0x1c: unreachable instruction
  CC [M]  /b/module/probe.o
/b/module/probe.c:7: warning: odd
make[2]: warning: jobserver unavailable
  LD      vmlinux.o
vmlinux.o: warning: objtool: g() falls through to next function h()
ld: warning: orphan section
WARNING: modpost: vmlinux: section mismatch in reference: a+0x10 (section: .text) -> b
"""
TOLD = [
    "mm/percpu.c: unused variable 'x' [-Wunused-variable]",
    "include/linux/y.h: 'y' defined but not used",
    "mm/vmalloc.o: objtool: f: unreachable instruction",
    "module/probe.c: odd",
    "vmlinux.o: objtool: g() falls through to next function h()",
    "ld: orphan section",
    "modpost: vmlinux: section mismatch in reference: a (section: .text) -> b",
]


def closed(path: Path, log: str, changed: tuple[str, ...] = (), *, anew: bool = False) -> list[str]:
    note = WarningsNote(path, ("/b/",))
    note.open(anew=anew)
    return note.close(log, "c", changed)


def test_every_tools_form_is_read(tmp_path: Path) -> None:
    heading, *lines = closed(tmp_path / "note", LOG, anew=True)
    assert heading == "# warnings of the whole kernel: 7"
    assert sorted(line.removeprefix("#   ") for line in lines) == sorted(TOLD)
    log = tmp_path / "log"
    log.write_text(LOG + "\n".join([heading, *lines]) + "\n")
    assert sorted(read_warnings(log)) == sorted(TOLD)
    log.write_text(LOG.replace("/b/", ""))
    assert sorted(read_warnings(log)) == sorted(TOLD)
    assert read_warnings(tmp_path / "none") == ()


def test_what_links_and_what_is_compiled_replace_what_they_said_before(tmp_path: Path) -> None:
    note = tmp_path / "note"
    closed(note, LOG, anew=True)
    assert len(closed(note, "")) == 8, "nothing was compiled, nothing linked"
    kept = closed(note, "  CC      mm/percpu.o\n", ("include/linux/y.h",))
    assert kept[1:] == ["#   mm/vmalloc.o: objtool: f: unreachable instruction", "#   module/probe.c: odd"]


def test_after_a_build_that_was_killed_only_what_is_compiled_is_known(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert WarningsNote(note, ()).open(anew=True) is None
    assert closed(note, LOG)[0] == "# warnings of the whole kernel, as far as this build compiled it: 7"
    assert closed(note, LOG)[0].startswith("# warnings of the whole kernel, as far as")
