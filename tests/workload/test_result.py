# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from harness.words import CallPath
from harness.workload.result import MalformedError, parse_result

GOOD = b"""workload storm
witness lockdep_alive_before 1
counter areas_checked 23654
note two words
path violation:kmalloc:GFP_KERNEL|__GFP_ZERO 4 __kmalloc;pcpu_create_chunk
path reserves:mm_page_alloc:GFP_NOIO 9 __pte_alloc_kernel
path violation:kmalloc:GFP_KERNEL|__GFP_ZERO 3 __kmalloc;pcpu_create_chunk
witness lockdep_alive_after 0
token storm complete
"""


def test_every_kind_of_line_is_read():
    result = parse_result(GOOD, "storm")
    assert result.complete
    assert result.counters == {"areas_checked": 23654}
    assert result.witnesses == {"lockdep_alive_before": True, "lockdep_alive_after": False}
    assert result.notes == ["two words"]
    assert result.paths == (
        CallPath("reserves:mm_page_alloc:GFP_NOIO", 9, ("__pte_alloc_kernel",)),
        CallPath("violation:kmalloc:GFP_KERNEL|__GFP_ZERO", 7, ("__kmalloc", "pcpu_create_chunk")),
    )


def test_without_its_token_a_result_is_not_complete():
    assert not parse_result(GOOD.replace(b"token storm complete\n", b""), "storm").complete


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "cut"),
        (GOOD[:-1], "cut"),
        (GOOD[:-10], "cut"),
        (b"workload exhaust\ntoken storm complete\n", "does not begin"),
        (b"workload storm\ntoken exhaust complete\n", "no such line"),
        (b"workload storm\ntoken storm complete\ncounter a 1\n", "no such line"),
        (b"workload storm\ncounter a\n", "2 fields"),
        (b"workload storm\ncounter a  1\n", "2 fields"),
        (b"workload storm\ncounter a -1\n", "not a number"),
        (b"workload storm\ncounter a 1\ncounter a 2\n", "twice"),
        (b"workload storm\nwitness a 2\n", "0 or 1"),
        (b"workload storm\nwitness a 1\nwitness a 1\n", "twice"),
        (b"workload storm\npath violation 4\n", "3 fields"),
        (b"workload storm\npath violation four a;b\n", "not a number"),
        (b"workload storm\nnote \n", "no such line"),
        (b"workload storm\n\n", "no such line"),
        (b"workload storm\nnote \xff\n", "not ASCII"),
    ],
)
def test_what_the_module_does_not_write_is_refused(text, complaint):
    with pytest.raises(MalformedError, match=complaint):
        parse_result(text, "storm")
