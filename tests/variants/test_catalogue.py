# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from harness.variants import AS_IS, catalogue
from harness.variants.goal import goals
from harness.words import Outcome

SCANS = {"scsi-scan", "iscsi-scan"}
ON_THE_PAGE = {"reclaim-inversion", "constrained-holder", "exhaust", "atomic-refill", "storm"}
WORKLOADS = {*ON_THE_PAGE, "reclaim-audit", "reclaim-recursion", "nofail"}

SCANNED = {
    "scope-atomic": {*SCANS, "iscsi-scan-no-flusher", "iscsi-scan-newest"},
    "sleepable": SCANS,
    "series-v4": SCANS,
}


def test_the_order_is_that_of_history() -> None:
    assert list(catalogue()) == [
        AS_IS, "scope-blind", "scope-atomic", "sleepable", "mask-only", "series-v2", "series-v3", "series-v4",
    ]  # fmt: skip
    assert [variant.stage for variant in catalogue().values()] == [None, *range(1, 8)]


@pytest.mark.parametrize("name", [name for name in catalogue() if name != AS_IS])
def test_every_variant_says_what_to_expect_and_why(name: str) -> None:
    variant = catalogue()[name]
    assert set(variant.expects) - WORKLOADS == SCANNED.get(name, set())
    assert set(variant.expects) >= WORKLOADS
    assert variant.stands_for
    for expectation in variant.expects.values():
        assert expectation.because
        assert bool(expectation.evidence) is (expectation.outcome is Outcome.FAIL)
        assert {one for item in expectation.evidence for one in item.removesuffix("?").split("|")} <= {
            "lockdep/circular:pcpu_alloc_mutex",
            "lockdep/recursive:pcpu_alloc_mutex",
            "measured/may_recurse",
            "measured/mutex_recursion",
            "measured/nofail_refused",
            "measured/nofail_stalled",
            "warning",
            "measured/refused_in_scope",
            "measured/devices_lost",
            "measured/scan_refused",
        }


def test_what_the_design_page_measured() -> None:
    fails = {
        (variant.name, workload): expectation.evidence
        for variant in catalogue().values()
        for workload, expectation in variant.expects.items()
        if expectation.outcome is Outcome.FAIL and workload in ON_THE_PAGE
    }
    circular, refused = ("lockdep/circular:pcpu_alloc_mutex",), ("measured/refused_in_scope",)
    assert fails == {
        ("scope-blind", "reclaim-inversion"): circular,
        ("scope-blind", "constrained-holder"): circular,
        ("scope-atomic", "constrained-holder"): refused,
        ("scope-atomic", "exhaust"): refused,
        ("sleepable", "reclaim-inversion"): circular,
        ("sleepable", "constrained-holder"): circular,
        ("mask-only", "reclaim-inversion"): circular,
        ("mask-only", "constrained-holder"): circular,
    }


def test_every_patch_is_there_licensed_and_declares_its_goals() -> None:
    patches = {patch for variant in catalogue().values() for patch in (*variant.patches, *variant.without)}
    folder = next(iter(patches)).parent
    assert patches == set(folder.glob("*.cocci"))
    for patch in patches:
        text = patch.read_text()
        assert text.startswith("// SPDX-License-Identifier: GPL-2.0-only\n")
        assert goals(text), patch
        assert len(goals(text)) == text.count("goal:"), patch
