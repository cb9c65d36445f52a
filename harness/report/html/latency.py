# SPDX-License-Identifier: GPL-2.0-or-later
"""How long callers waited, as strips of a histogram under each other, one strip a variant.

A counter named `CALLER_latency_log2ns_N` counts the calls that took 2**N to 2**(N+1) - 1 ns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.report.results import Results, merge_counters

_COUNTER = re.compile(r"(?P<caller>\w+?)_latency_log2ns_(?P<bucket>\d{1,2})")
_QUANTILES = (0.5, 0.99, 1.0)
_TICK_COLUMNS = 4

Histogram = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket of a strip. `column` counts from the chart's first bucket, `weight` is 0 to 1."""

    column: int
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One variant's histogram: the bars, and the times below which half, 99 % and all calls stayed."""

    variant: str
    calls: int
    bars: tuple[Bar, ...]
    quantiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One caller over all variants. `ticks` are columns and the times at their left ends.

    Charts of one workload have the same columns, so that they can be compared by eye.
    """

    caller: str
    columns: int
    ticks: tuple[tuple[int, str], ...]
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """All callers of a workload."""

    workload: str
    charts: tuple[Chart, ...]


def latencies(results: Results) -> Iterator[Latency]:
    """Yield what each workload measured, variants of equal source once."""
    shared = {variant.name for variant in results.variants if variant.same_as}
    for workload in dict.fromkeys(cell.workload for cell in results.cells):
        found = {
            cell.variant: histograms(merge_counters(cell.trials))
            for cell in results.cells
            if cell.workload == workload and cell.variant not in shared
        }
        callers = dict.fromkeys(caller for measured in found.values() for caller in measured)
        if callers:
            buckets = [bucket for measured in found.values() for each in measured.values() for bucket in each]
            span = range(min(buckets), max(buckets) + 1)
            yield Latency(workload, tuple(_chart(caller, found, span) for caller in callers))


def histograms(counters: Mapping[str, int]) -> dict[str, dict[int, int]]:
    """Return calls by bucket for each caller that has any."""
    found: dict[str, dict[int, int]] = {}
    for name, count in counters.items():
        if (match := _COUNTER.fullmatch(name)) and count > 0:
            found.setdefault(match["caller"], {})[int(match["bucket"])] = count
    return found


def quantile(histogram: Histogram, share: float) -> int:
    """Return the ns that at least `share` of the calls stayed below: the end of the bucket that holds it."""
    wanted, seen = share * sum(histogram.values()), 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            return int(2 ** (bucket + 1))
    raise ValueError("an empty histogram has no quantiles")


def duration(nanoseconds: float) -> str:
    """Write a time with two digits that count."""
    size, unit = next(
        (size, unit)
        for size, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))
        if nanoseconds >= size or unit == "ns"
    )
    return f"{float(f'{nanoseconds / size:.2g}'):g} {unit}"


def _chart(caller: str, found: Mapping[str, Mapping[str, Histogram]], span: range) -> Chart:
    return Chart(
        caller=caller,
        columns=len(span),
        ticks=tuple(
            (place, duration(2 ** span[place])) for place in range(0, max(1, len(span) - 3), _TICK_COLUMNS)
        ),
        strips=tuple(
            _strip(variant, callers[caller], span[0])
            for variant, callers in found.items()
            if caller in callers
        ),
    )


def _strip(variant: str, histogram: Histogram, first: int) -> Strip:
    calls = sum(histogram.values())
    return Strip(
        variant=variant,
        calls=calls,
        bars=tuple(_bar(bucket, count, calls, first) for bucket, count in sorted(histogram.items())),
        quantiles=tuple(duration(quantile(histogram, share)) for share in _QUANTILES),
    )


def _bar(bucket: int, count: int, calls: int, first: int) -> Bar:
    """Weigh a bucket by the logarithm of its calls: the few slow ones are what one looks for."""
    text = f"{count} of {calls} calls took {duration(2**bucket)} to {duration(2 ** (bucket + 1))}"
    return Bar(bucket - first, math.log(count + 1) / math.log(calls + 1), text)
