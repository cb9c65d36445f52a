# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands, nothing else: each reads its arguments, calls a room, and tells how it went by exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import io
import json
import os
import secrets
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from rich.console import Console
from rich.table import Table

from harness import doctor
from harness.build import KernelCache
from harness.callers import Concern, audit
from harness.dmesg import Reader, to_dict, to_text
from harness.dmesg.graph import dot
from harness.engine import (
    Engine,
    Look,
    Prepared,
    SourceLines,
    build,
    find_trial,
    open_folder,
    prepare,
    replay,
    replay_job,
    same,
)
from harness.machine import BootSpec, build_initrd, choose_accelerator, interactive
from harness.options import (
    add_cache_options,
    add_callers_options,
    add_parse_options,
    add_plan_options,
    add_replay_options,
    add_report_options,
    add_review_options,
    add_run_options,
    add_selection,
    listed,
    plan_of,
)
from harness.plan import Plan, choose, load
from harness.report.callers import print_audit
from harness.report.codec import write_json, write_text
from harness.report.comparison import Comparison
from harness.report.formats import Format, render
from harness.report.progress import progress
from harness.report.results import Results
from harness.report.stored import read_run
from harness.report.terminal import print_results
from harness.source import open_tree
from harness.variants import ALLOCATORS, AS_IS, Candidate, catalogue
from harness.words import Event, ExitCode, HarnessError, InfraError, Kernel, UserError
from harness.workload import MODULE, workloads

_T = TypeVar("_T")
_PIECE = 1 << 20
"""Bytes of a log that are read at once."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_EPILOG = """exit codes:
  0   every cell is as expected; `review`: every series passed; nothing was found; `report` told the run;
      `replay` saw the same again
  1   a cell is not as expected; `review`: a series failed, breaks a build or proved nothing; `parse` found
      events; `audit-callers` found __GFP_NOFAIL
  2   the command, the plan, the tree, a patch or a run's folder is wrong
  3   the machine or the harness failed
  4   a kernel or the module does not build (`build` and `boot`)
  130 interrupted
"""


def cache_folder() -> Path:
    """Return where sources, builds and kernels are kept: below XDG_CACHE_HOME."""
    return Path(platformdirs.user_cache_path("percpu-harness"))


def _until_interrupted(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work`; Ctrl-C and SIGTERM cancel it from within, so that it ends its guests before it is gone."""

    async def main() -> _T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def stop() -> None:
            # A second signal ends the process at once, also while a checkout is waited for.
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
        return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _run(args: argparse.Namespace, console: Console) -> ExitCode:
    out: Path = args.out or Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    out = out.expanduser().absolute()
    if args.resume and args.out is None:
        raise UserError("--resume needs --out: say which run is to be resumed")
    plan = plan_of(args)
    with open_folder(out, resume=args.resume), progress(console) as shown:
        if args.resume:
            plan = _resumed(plan, load(out / "plan.toml"), out)
        elif plan.seed is None:
            plan = dataclasses.replace(plan, seed=secrets.randbits(32))
        shown.say(f"the run's folder is {out}")
        engine = Engine(plan, out, cache_folder(), shown)
        prepared, accelerator = engine.prepare()
        results = _until_interrupted(engine.run(prepared, accelerator))
        good, compared = _compared(results, prepared.candidates)
        if compared is not None:
            write_json(out / "comparison.json", dataclasses.asdict(compared))
    print_results(results, console, compared)
    console.print(f"\neverything is in {out}", highlight=False, soft_wrap=True)
    return ExitCode.OK if good else ExitCode.UNEXPECTED


def _compared(results: Results, candidates: Sequence[Candidate]) -> tuple[bool, Comparison | None]:
    """Return whether a run found all as it should be, and what it says of the series under review."""
    if not candidates:
        return results.as_expected, None
    # scipy takes a second to import, for which other commands should not wait.
    from harness.review import compare, is_good

    return is_good(results, candidates), compare(results, candidates)


def _review(args: argparse.Namespace, console: Console) -> ExitCode:
    if not (args.candidates or args.resume):
        raise UserError(
            "review needs a series: an mbox, a folder, a range, a message-id or a built-in variant"
        )
    return _run(args, console)


def _resumed(plan: Plan, kept: Plan, out: Path) -> Plan:
    """Return the plan that `out` was made by; asking for another one is a mistake."""
    if dataclasses.replace(plan, seed=kept.seed) != kept and plan != Plan():
        raise UserError(f"{out} was made by another plan: resume it without a plan and options of one")
    return kept


def _kernels(args: argparse.Namespace, console: Console, folder: Path) -> tuple[Prepared, dict[str, Kernel]]:
    """Build what the arguments name; the variants that do not build are missing in the answer."""

    async def build_all(prepared: Prepared) -> None:
        for source in prepared.sources:
            await build(prepared, source, folder / source.name, shown)

    with progress(console) as shown:
        prepared = prepare(plan_of(args), cache_folder(), shown)
        shown.planned(len(prepared.sources), 0, 1)
        _until_interrupted(build_all(prepared))
    kernels = {
        name: source.kernel
        for source in prepared.sources
        for name in source.names
        if source.kernel is not None
    }
    return prepared, kernels


def _build(args: argparse.Namespace, console: Console) -> ExitCode:
    folder = cache_folder() / "logs" / time.strftime("%Y%m%d-%H%M%S")
    prepared, kernels = _kernels(args, console, folder)
    for name in prepared.variants:
        if name in kernels:
            print(f"{name}\t{kernels[name].image}")
        else:
            source = prepared.source_of(name)
            print(f"{name}\tdoes not build: {source.first_error} (see {folder / source.name / 'build.log'})")
    return ExitCode.OK if len(kernels) == len(prepared.variants) else ExitCode.BUILD


def _boot(args: argparse.Namespace, console: Console) -> ExitCode:
    if not sys.stdin.isatty():
        raise UserError("boot is for people: it needs a terminal on its standard input")
    args.variants = args.variant
    with tempfile.TemporaryDirectory(prefix="percpu-harness-") as name:
        folder = Path(name)
        prepared, kernels = _kernels(args, console, folder)
        if args.variant not in kernels:
            source = prepared.source_of(args.variant)
            console.print(f"{args.variant} does not build: {source.first_error}", markup=False)
            return ExitCode.BUILD
        choice = _until_interrupted(choose_accelerator(plan_of(args).accelerator))
        console.print(f"accelerator {choice.accelerator}: {choice.reason}", markup=False)
        initrd = build_initrd(folder / "initrd", {MODULE: kernels[args.variant].module})
        spec = BootSpec(
            image=kernels[args.variant].image,
            initrd=initrd,
            folder=folder,
            accelerator=choice.accelerator,
            cpus=args.cpus,
            memory_mib=args.memory,
            deadline=float("inf"),
        )
        console.print(f"the probe module is {MODULE}; `exit` or Ctrl-] ends the guest", markup=False)
        asyncio.run(interactive(spec))
    return ExitCode.OK


def _replay(args: argparse.Namespace, console: Console) -> ExitCode:
    run: Path = args.run.expanduser().absolute()
    if args.times < 1:
        raise UserError(f"--times {args.times}: give a positive number")
    if args.shell and not sys.stdin.isatty():
        raise UserError("--shell is for people: it needs a terminal on its standard input")
    out = run / "replays" / time.strftime("%Y%m%d-%H%M%S")
    original = find_trial(run, args.trial)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    job = replay_job(run, original, out, cache_folder(), say)
    choice = _until_interrupted(choose_accelerator(load(run / "plan.toml").accelerator))
    say(f"{job.name}: it was {original.outcome}, seed {original.seed}, accelerator {choice.accelerator}")
    vmcore = args.vmcore.expanduser().absolute() if args.vmcore else None
    look = Look(gdb=args.gdb, shell=args.shell, vmcore=vmcore)
    done = _until_interrupted(replay(job, original, choice.accelerator, args.times, look, say))
    again = sum(same(trial, original) for trial in done)
    say(f"{original.outcome} came again in {again} of {len(done)} trials; everything is in {out}")
    return ExitCode.OK if again else ExitCode.UNEXPECTED


def _parse(args: argparse.Namespace, console: Console) -> ExitCode:
    found = 0

    def wanted() -> Iterator[Event]:
        nonlocal found
        for event in _events(args.log):
            if args.kind in (None, event.kind):
                found += 1
                yield event

    events = wanted()
    write = _as_json if args.json else _as_graph if args.graph else _as_text
    try:
        for text in write(events):
            print(text, end="", flush=True)
    except BrokenPipeError:  # who listens has heard enough; the exit code is still that of the whole log
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        for _ in events:
            pass
    return ExitCode.UNEXPECTED if found else ExitCode.OK


def _as_text(events: Iterable[Event]) -> Iterator[str]:
    return (to_text([event]) for event in events)


def _as_json(events: Iterable[Event]) -> Iterator[str]:
    """Give a list piece by piece."""
    before = "["
    for event in events:
        yield before + "\n" + textwrap.indent(json.dumps(to_dict(event), indent=1), " ")
        before = ","
    yield "\n]\n" if before == "," else "[]\n"


def _as_graph(events: Iterable[Event]) -> Iterator[str]:
    yield dot(events)


def _events(log: str) -> Iterator[Event]:
    """Read a log piece by piece, so that its size does not matter."""
    reader = Reader()
    try:
        with _open_log(log) as file:
            while piece := file.read1(_PIECE):
                yield from reader.feed(piece)
    except OSError as error:
        raise UserError(f"{log} cannot be read: {error.strerror}") from None
    yield from reader.close()


def _open_log(log: str) -> contextlib.AbstractContextManager[io.BufferedIOBase]:
    if log != "-":
        return Path(log).open("rb")
    if sys.stdin is None or not isinstance(sys.stdin.buffer, io.BufferedIOBase):
        raise UserError("standard input cannot be read: it is closed")
    return contextlib.nullcontext(sys.stdin.buffer)


def _report(args: argparse.Namespace, console: Console) -> ExitCode:
    run = read_run(args.run.expanduser().absolute())
    names = listed(args.variants)
    if names:
        known = [variant.name for variant in run.results.variants]
        run = dataclasses.replace(run, results=run.results.only(choose("variant of this run", names, known)))
    if args.format == Format.TERMINAL and args.out is None:
        print_results(run.results, console, run.comparison)
        return ExitCode.OK
    text = render(run, Format(args.format), SourceLines(cache_folder(), run.results.tree["source_id"]))
    if args.out is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    else:
        write_text(args.out, text)
    return ExitCode.OK


def _variants(args: argparse.Namespace, console: Console) -> ExitCode:
    for variant in catalogue().values():
        console.print(f"[bold]{variant.name}[/]  {variant.summary}", highlight=False, soft_wrap=True)
        for name, expected in variant.expects.items():
            evidence = f" by {', '.join(expected.evidence)}" if expected.evidence else ""
            console.print(
                f"    {name}: {expected.outcome}{evidence}. {expected.because}",
                highlight=False,
                soft_wrap=True,
            )
    return ExitCode.OK


def _workloads(args: argparse.Namespace, console: Console) -> ExitCode:
    for workload in workloads().values():
        console.print(f"[bold]{workload.name}[/]  {workload.summary}", highlight=False, soft_wrap=True)
        console.print(f"    witnesses: {', '.join(workload.witnesses)}", highlight=False, soft_wrap=True)
        console.print(f"    control:   {workload.control}", highlight=False, soft_wrap=True)
        values = ", ".join(f"{name}={value}" for name, value in workload.tunable.items())
        console.print(f"    parameters: {values}", highlight=False, soft_wrap=True)
    return ExitCode.OK


def _audit_callers(args: argparse.Namespace, console: Console) -> ExitCode:
    with progress(console) as shown:
        tree = open_tree(args.tree, cache_folder(), mirror=args.debian_mirror, say=shown.say)
        found = audit(tree, ALLOCATORS, shown.say)
    if args.json:
        print(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        print_audit(found, tree.name, console)
    return ExitCode.UNEXPECTED if found.of(Concern.NOFAIL) else ExitCode.OK


def _cache(args: argparse.Namespace, console: Console) -> ExitCode:
    if args.prune:
        freed = KernelCache(cache_folder()).prune(keep=args.keep)
        console.print(f"freed {freed / 1e6:.0f} MB", highlight=False)
    table = Table(box=None)
    for column in ("what", "where", "MB"):
        table.add_column(column, justify="right" if column == "MB" else "left", no_wrap=True)
    for name, path, size in KernelCache(cache_folder()).sizes():
        table.add_row(name, str(path), f"{size / 1e6:.0f}")
    console.print(table, soft_wrap=True)
    return ExitCode.OK


def _doctor(args: argparse.Namespace, console: Console) -> ExitCode:
    findings = _until_interrupted(doctor.examine(cache_folder()))
    for finding in findings:
        mark = "[green]ok[/]     " if finding.fits else "[red]missing[/]"
        console.print(f"{mark} {finding.what}", highlight=False, end="")
        console.print(f": {finding.detail}", markup=False, highlight=False, soft_wrap=True)
    return ExitCode.OK if all(finding.fits for finding in findings) else ExitCode.INFRA


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="percpu-harness",
        description="Build kernels with each variant of a patch series, boot them, judge what they do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, do: Callable[[argparse.Namespace, Console], ExitCode], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(do=do)
        return added

    run = command(
        "run", _run, "build every variant, run every workload on it, and print the matrix of verdicts"
    )
    run.add_argument("plan", nargs="?", type=Path, metavar="PLAN", help="a plan.toml; options override it")
    add_plan_options(run)
    add_selection(run)
    add_run_options(run)
    review = command(
        "review",
        _review,
        "say what series of patches do: beside each other, patch by patch, beside the tree",
    )
    add_review_options(review)
    build_ = command("build", _build, "build the kernels of variants and print where they are")
    add_plan_options(build_)
    add_selection(build_)
    boot_ = command("boot", _boot, "boot a variant's kernel with a shell on this terminal")
    boot_.add_argument("variant", metavar="VARIANT", nargs="?", default=AS_IS)
    add_plan_options(boot_)
    boot_.add_argument("--cpus", type=int, default=2, metavar="N")
    boot_.add_argument("--memory", type=int, default=512, metavar="MIB")
    replay_ = command("replay", _replay, "run one trial of a run again, and look into its guest")
    add_replay_options(replay_)
    parse_ = command("parse", _parse, "list what a kernel console says that a person must know of")
    add_parse_options(parse_)
    report = command("report", _report, "tell a finished run again, from its folder alone")
    add_report_options(report)
    command("variants", _variants, "list the built-in variants and what history expects of each")
    command("workloads", _workloads, "list the workloads, their witnesses and their positive controls")
    callers = command(
        "audit-callers", _audit_callers, "search a tree for callers of the allocator that pass special flags"
    )
    add_callers_options(callers)
    cache = command("cache", _cache, "show what is kept where and how big it is")
    add_cache_options(cache)
    command("doctor", _doctor, "say what of this machine fits, what is missing, and which accelerator works")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = _parser().parse_args(argv)
    # SIGTERM ends guests and builds in the same way as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    try:
        return int(args.do(args, console))
    except KeyboardInterrupt:
        kept = args.command in ("run", "review")
        hint = "; finished trials are kept, go on with run --resume" if kept else ""
        print(f"percpu-harness: interrupted{hint}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except HarnessError as error:
        print(f"percpu-harness: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"percpu-harness: {InfraError(error)}", file=sys.stderr)
        return ExitCode.INFRA


if __name__ == "__main__":
    sys.exit(main())
