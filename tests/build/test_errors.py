# SPDX-License-Identifier: GPL-2.0-or-later
"""The line that says why a build failed, out of the noise of a parallel make."""

from __future__ import annotations

import pytest

from harness.build.errors import disk_was_full, first_error, memory_was_short

_NOISE = "  CC      mm/slub.o\nmm/slub.c:12:3: warning: unused variable 'x' [-Wunused-variable]\n"
_AFTER = (
    "make[3]: *** [/src/scripts/Makefile.build:229: mm/percpu.o] Error 1\n  CC      mm/vmscan.o\n"
    "make[3]: *** Waiting for unfinished jobs....\nmake: *** [Makefile:236: __sub-make] Error 2\n"
)


@pytest.mark.parametrize(
    "line",
    [
        "mm/percpu.c:1740:2: error: 'gfp' undeclared (first use in this function)",
        "mm/percpu.c:12:10: fatal error: linux/none.h: No such file or directory",
        "kernel/Kconfig.locks:7: syntax error",
        "ld: mm/percpu.o:(.text+0x14): undefined reference to `pcpu_gone'",
        "percpu.c:(.text+0x14): undefined reference to `pcpu_gone'",
        "ld: mm/b.o:(.data+0x0): multiple definition of `x'; mm/a.o:(.data+0x0): first defined here",
        'ERROR: modpost: "__pcpu_gone" [/cache/module/percpu_probe.ko] undefined!',
        "/bin/sh: 1: flex: not found",
        "arch/x86/entry/entry_64.S:90: Error: no such instruction: `movv %rax'",
        "make[2]: *** No rule to make target 'mm/gone.o', needed by 'mm/built-in.a'.  Stop.",
        "gcc: error: unrecognized command-line option '-fnone'",
        "make: gcc-14: No such file or directory",
    ],
)
def test_the_cause_is_found_between_warnings_and_what_follows(line: str) -> None:
    assert first_error((_NOISE + line + "\n" + _AFTER).splitlines()) == line


def test_a_headline_is_not_the_error() -> None:
    lines = [
        "a.S: Assembler messages:",
        "a.S:3: Error: bad",
        "ld: b.o: in function `f':",
        "b.c:1: undefined reference to `g'",
    ]
    assert first_error(lines) == "a.S:3: Error: bad"
    assert first_error(lines[2:]) == "b.c:1: undefined reference to `g'"


def test_without_a_cause_makes_own_first_word_counts() -> None:
    assert first_error((_NOISE + _AFTER).splitlines()).startswith(
        "make[3]: *** [/src/scripts/Makefile.build:229"
    )
    assert first_error(["something odd", ""]) == "something odd"
    assert first_error([]) == "the build said nothing"


def test_the_machines_faults_are_told_from_the_kernels() -> None:
    assert disk_was_full(["/tmp/cc1.s: fatal error: error writing to -: No space left on device"])
    assert memory_was_short(["gcc: fatal error: Killed signal terminated program cc1"])
    assert not disk_was_full([_NOISE])
    assert not memory_was_short([_NOISE])
