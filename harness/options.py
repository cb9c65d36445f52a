# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that commands have in common or that fill a screen, and the plan that they come to.

Belongs here: how arguments are read. Does not belong here: what a command does with them (`harness.cli`).
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from harness.plan import DEFAULT_TREE, Plan, accelerator, duration, load, setting
from harness.report.formats import Format
from harness.source.series import anchored
from harness.variants import catalogue
from harness.words import Kind, UserError


def plan_of(args: argparse.Namespace) -> Plan:
    """Return the plan of the file, or the default one, with what the options change."""
    plan = load(args.plan) if getattr(args, "plan", None) else Plan()
    changes = {
        "tree": args.tree,
        "debian_mirror": args.debian_mirror,
        "variants": listed(getattr(args, "variants", None)),
        "candidates": tuple(map(_candidate, getattr(args, "candidates", ()))) or None,
        "each_patch": getattr(args, "each_patch", False) or None,
        "trust_source": getattr(args, "trust_source", False) or None,
        "workloads": listed(getattr(args, "workloads", None)),
        "trials": getattr(args, "trials", None),
        "until": getattr(args, "until", None),
        "seconds": getattr(args, "seconds", None),
        "jobs": getattr(args, "jobs", None),
        "memory": getattr(args, "memory", None),
        "seed": getattr(args, "seed", None),
        "cold_every": getattr(args, "cold_every", None),
        "kconfig": tuple(args.kconfig) or None,
    }
    plan = dataclasses.replace(plan, **{key: value for key, value in changes.items() if value is not None})
    for text in getattr(args, "set", []):
        workload, name, value = setting(text)
        table = {**plan.parameters.get(workload, {}), name: value}
        plan = dataclasses.replace(plan, parameters={**plan.parameters, workload: table})
    if args.accelerator is not None:
        plan = dataclasses.replace(plan, accelerator=accelerator(args.accelerator))
    return plan


def _duration(text: str) -> int:
    try:
        return duration(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _candidate(spec: str) -> str:
    return spec if spec in catalogue() else anchored(spec)


def listed(text: str | None) -> tuple[str, ...] | None:
    """Return the names of a list with commas, None where there is none."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which tree is built, how, and what executes guests."""
    parser.add_argument(
        "--tree",
        help="debian:6.1, debian:6.12, debian:7.2, debian:7.3, PATH@REF of a git repository, or an unpacked"
        " source folder (default: debian:6.12)",
    )
    parser.add_argument(
        "--debian-mirror", metavar="URL", help="default: the mirror of this machine's own apt"
    )
    parser.add_argument(
        "--kconfig",
        metavar="FRAGMENT",
        action="append",
        default=[],
        help="a further config fragment (name or file)",
    )
    parser.add_argument(
        "--accelerator", choices=("auto", "kvm", "tcg"), help="default: auto, found out by a probe"
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add what chooses variants and workloads."""
    parser.add_argument(
        "--variants", metavar="A,B", help="default: every built-in variant that the tree allows"
    )
    _add_workloads(parser)


def _add_workloads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workloads", metavar="A,B", help="default: all but those that run only when they are named"
    )


def add_review_options(review: argparse.ArgumentParser) -> None:
    """Add what a review takes."""
    review.add_argument(
        "candidates",
        nargs="*",
        metavar="SERIES",
        help="an mbox, a folder of patches or a quilt series (@vN behind it chooses a version), REPO@A..B, a "
        "ref, a message-id or URL of an archive, or a built-in variant",
    )
    review.add_argument(
        "--each-patch",
        action="store_true",
        help="also judge every prefix of each series, and each series without one patch after the other",
    )
    review.add_argument(
        "--trust-source",
        action="store_true",
        help="let the makefiles of other people's series run where there is no sandbox (bubblewrap) for them",
    )
    add_plan_options(review)
    _add_workloads(review)
    add_run_options(review)


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Add how much is run, how, and where it is kept."""
    run.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="trials per cell (default: as many as each workload needs); the most, with --until or --for",
    )
    run.add_argument(
        "--until",
        type=float,
        metavar="RATE",
        help="go on with a cell until its failure rate is known (95 %%) to be below or above RATE, as 0.01",
    )
    run.add_argument(
        "--for",
        dest="seconds",
        type=_duration,
        metavar="TIME",
        help="go on with trials in all cells for so long: 90s, 30m, 2h",
    )
    run.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="what the trials' random choices follow from (default: a new one)",
    )
    run.add_argument(
        "--cold-every",
        type=int,
        metavar="N",
        help="boot a guest for every Nth trial of a kernel, and for two at least; for the others one goes "
        "back to the state that its workload starts from (default: 20; 1: boot for every trial)",
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="WORKLOAD.NAME=VALUE",
        help="another value for a parameter of a workload (`workloads` lists them)",
    )
    run.add_argument("--jobs", type=int, metavar="N", help="guests at a time (default: one per CPU)")
    run.add_argument(
        "--memory",
        type=int,
        metavar="MIB",
        help="what all guests may have together (default: by what is available)",
    )
    run.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/TIME)")
    run.add_argument(
        "--resume", action="store_true", help="go on with the run in --out: finished trials are kept"
    )


def add_replay_options(parser: argparse.ArgumentParser) -> None:
    """Add which trial is run again, and how closely it is looked at."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "trial",
        metavar="TRIAL",
        help="the trial's folder in there, as reports name it, or VARIANT/WORKLOAD/NUMBER",
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="so many times (default: 1)")
    look = parser.add_argument_group(
        "looking closely", "at the first that comes to the same; no further one is run then"
    )
    look.add_argument("--gdb", action="store_true", help="open QEMU's gdb stub, and say what to type")
    look.add_argument("--shell", action="store_true", help="a shell in the guest when the workload has run")
    look.add_argument(
        "--vmcore",
        type=Path,
        metavar="FILE",
        help="the guest's memory as an ELF core, of a panic too; a kernel with the config fragment vmcore"
        " has the types that drgn and crash need",
    )


def add_parse_options(parser: argparse.ArgumentParser) -> None:
    """Add what is read, and how events are written."""
    parser.add_argument("log", metavar="LOG", help="a file, or - for standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a JSON list")
    form.add_argument("--graph", action="store_true", help="lock cycles, as Graphviz DOT")
    form.add_argument("--text", action="store_true", help="as text (default)")
    parser.add_argument("--kind", choices=[str(kind) for kind in Kind], help="only events of this kind")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add what `report` knows."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "--format", choices=[str(form) for form in Format], default=Format.TERMINAL, help="default: terminal"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--variants", metavar="A,B", help="tell only of these (default: all of the run)")


def add_callers_options(parser: argparse.ArgumentParser) -> None:
    """Add what `audit-callers` knows."""
    parser.add_argument("--tree", default=DEFAULT_TREE, help=f"as for `run` (default: {DEFAULT_TREE})")
    parser.add_argument("--debian-mirror", metavar="URL", help="as for `run`")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Add what `cache` knows."""
    parser.add_argument("--prune", action="store_true", help="drop kernels that were not used for longest")
    parser.add_argument(
        "--keep", type=int, default=0, metavar="N", help="with --prune: keep the N newest (default: 0)"
    )
