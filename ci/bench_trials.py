# SPDX-License-Identifier: GPL-2.0-or-later
"""Times trials in booted and in restored guests side by side, and what the harness itself costs.

Every ratio is of figures measured in this one call, trial by trial in turns, so it holds on a machine that
others use too.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console

from harness.cli import cache_folder
from harness.engine import build, prepare
from harness.engine.quotas import Quotas
from harness.engine.seat import Seat
from harness.engine.trial import TrialJob, run_trial
from harness.plan import Plan
from harness.report.codec import write_trial
from harness.report.progress import PlainProgress
from harness.words import Accelerator, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """One trial: wall seconds end to end, and seconds of processor time of its guest and of the harness."""

    wall: float
    guest: float
    harness: float


def spent(process: psutil.Process) -> float:
    """Return the seconds of processor time that a process has had, 0 for one that is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def guests() -> float:
    """Return the seconds of processor time of all guests that we ever started, the ended ones among them."""
    own = psutil.Process()
    return own.cpu_times().children_user + own.cpu_times().children_system + sum(map(spent, own.children()))


async def timed(job: TrialJob, seat: Seat, *, restored: bool) -> Cost:
    """Run, judge and store one trial, which must come about as said."""
    guest, own, started = guests(), spent(psutil.Process()), time.monotonic()
    trial = await run_trial(job, seat)
    write_trial(job.folder / "trial.json", trial)
    wall, own = time.monotonic() - started, spent(psutil.Process()) - own
    if trial.outcome not in (Outcome.PASS, Outcome.FAIL) or trial.restored is not restored:
        raise SystemExit(f"{job.name}: {trial.outcome}, {'; '.join(trial.reasons)}: no figure")
    return Cost(wall, guests() - guest, own)


def median(costs: list[Cost], what: str) -> float:
    """Return the median of one of the figures."""
    value: float = statistics.median(getattr(cost, what) for cost in costs)
    return value


async def compare(job: TrialJob, rounds: int, per_round: int) -> None:
    """Boot for one trial, restore for several, and so on in turns; print what they cost.

    A guest that is booted for one trial is powered off after it. That which is kept, to be restored, is
    booted between the two, and not counted: its boot is shared by all that follow.
    """
    seat = Seat(Accelerator.TCG)
    booted: list[Cost] = []
    restored: list[Cost] = []
    trials = itertools.count(1)

    async def one(*, keep: bool, restored: bool) -> Cost:
        index = next(trials)
        this = dataclasses.replace(job, index=index, seed=index, cold=not keep, keep=keep)
        return await timed(this, seat, restored=restored)

    try:
        for _ in range(rounds):
            booted.append(await one(keep=False, restored=False))
            await one(keep=True, restored=False)
            restored += [await one(keep=True, restored=True) for _ in range(per_round)]
            await seat.clear()
    finally:
        await seat.clear()
    print(
        f"{job.workload.name} on {job.kernel_name}, {len(booted)} booted, {len(restored)} restored (medians)"
    )
    for name, costs in (("booted", booted), ("restored", restored)):
        seconds = median(costs, "wall")
        print(
            f"  {name:<9} {seconds:7.3f} s end to end ({60 / seconds:6.1f} a minute), "
            f"processor: guest {median(costs, 'guest'):6.3f} s, harness {median(costs, 'harness'):6.3f} s"
        )
    wall, guest = (median(booted, what) / median(restored, what) for what in ("wall", "guest"))
    both = [*booted, *restored]
    share = sum(cost.harness for cost in both) / sum(cost.harness + cost.guest for cost in both)
    print(f"  restored ones are {wall:.1f} times as many a minute; {guest:.1f} times by processor time")
    print(f"  the harness has {share:.1%} of the processor time of all these trials")


def main() -> None:
    """Print the figures of each workload."""
    parser = argparse.ArgumentParser(prog="ci/bench trials", description=__doc__)
    parser.add_argument("--variant", default="as-is")
    parser.add_argument("--workloads", default="exhaust,reclaim-inversion")
    parser.add_argument("--rounds", type=int, default=4, help="boots of each workload")
    parser.add_argument("--per-round", type=int, default=20, help="restored trials after each boot")
    args = parser.parse_args()
    shown = PlainProgress(Console(stderr=True))
    plan = Plan(variants=(args.variant,), workloads=tuple(args.workloads.split(",")))
    prepared = prepare(plan, cache_folder(), shown)
    (source,) = prepared.sources
    with tempfile.TemporaryDirectory(prefix="bench-trials-") as name:
        asyncio.run(build(prepared, source, Path(name) / "build", shown))
        if source.kernel is None:
            raise SystemExit(f"{source.name} does not build: {source.first_error}")
        for quota in Quotas(plan, prepared, Path(name)).of(source, with_controls=False):
            asyncio.run(compare(quota.make(1), args.rounds, args.per_round))


if __name__ == "__main__":
    main()
