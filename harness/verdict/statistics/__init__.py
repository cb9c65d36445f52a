# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be said of rates and of latencies, and how sure it is.

Belongs here: pure functions from counts and samples to intervals, p-values and the sentences that they allow.
Does not belong here: trials, verdicts, I/O, and any formula that scipy has.
"""

from harness.verdict.statistics.rate import Rate, corrected, difference
from harness.verdict.statistics.sequential import Side, decide
from harness.verdict.statistics.shift import Shift, quantile_of_log2, shift

__all__ = ["Rate", "Shift", "Side", "corrected", "decide", "difference", "quantile_of_log2", "shift"]
