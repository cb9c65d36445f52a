# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules, one family of kernel messages a file, in the order in which they are tried.

Belongs here: how a message looks and what is read from it, with the kernel function that prints it. Does not
belong here: how lines are cut, unstamped and gathered into reports.
"""

import re

from harness.dmesg.rules import (
    checks,
    faults,
    headless,
    locking,
    memory,
    percpu,
    sanitizers,
    stalls,
    traces,
)
from harness.dmesg.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *locking.RULES,
    *percpu.RULES,
    *memory.RULES,
    *sanitizers.RULES,
    *stalls.RULES,
    *faults.RULES,
    *checks.RULES,
    *headless.RULES,
    *traces.RULES,
)

WORDS = tuple(sorted({word for rule in RULES if not rule.is_part for word in rule.words}))
"""Every headline of a rule has one of these in it."""
PART_WORDS = tuple(sorted({word for rule in RULES if rule.is_part for word in rule.words} - set(WORDS)))
"""Every part of a report that may have lost its headline has one of these in it, or of the above."""

KTAP = re.compile(r"\s*(?:# |ok \d|not ok \d|KTAP version|TAP version|1\.\.\d)")
"""A test's own report: `kunit_log()` and lib/test_*.c print it, with `BUG:` in the text as they please."""
