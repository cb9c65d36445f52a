# SPDX-License-Identifier: GPL-2.0-or-later
"""A toy kernel in git whose words decide what its guests do, under the real command with real git.

Only compilers and guests are not there: a workload fails on a kernel that lacks one of the words that it
`needs`, and what is written behind `//` makes no difference to an image.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.engine import run, sources
from harness.engine.trial import TrialJob
from harness.report.comparison import Comparison, read_comparison
from harness.words import (
    Accelerator,
    AcceleratorChoice,
    BuildError,
    CallPath,
    Kernel,
    Misbehaviour,
    Outcome,
    Trial,
)
from harness.workload import workloads
from tests.making import event, observation, trial
from tests.toytree import ToyTree, toy_tree

FILE = "mm/percpu.c"
EVIDENCE = {name: one.control_evidence for name, one in workloads().items()}


class Lab:
    """The tree, what workloads need of it, and what was built and tried."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.folder = folder
        self.capsys = capsys
        self.tree: ToyTree = toy_tree(folder / "tree")
        self.needs: Mapping[str, str] = {}
        self.harmless_controls = False
        self.tried: Counter[str] = Counter()
        self.sandboxed: Counter[bool] = Counter()
        filler = "".join(f"int filler_{number};\n" for number in range(8))
        with (self.tree.repo / FILE).open("a") as file:
            file.writelines(f"{filler}int place_{place};\n" for place in range(9))
        self.tree.commit("room")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setattr(sources, "Builder", self._builder)
        monkeypatch.setattr(run, "run_trial", self._run_trial)
        monkeypatch.setattr(run, "choose_accelerator", self._choose)

    def patch(self, subject: str, *words: str, place: int = 0, name: str = FILE) -> None:
        """Commit a patch that puts a line at a place of its own in a file."""
        path, new = self.tree.repo / name, f"int {'_'.join(words)};\n"
        at = f"int place_{place};\n"
        text = path.read_text()
        path.write_text(text.replace(at, at + new) if at in text else text + new)
        self.tree.commit(subject)

    def branch(self, name: str, start: str = "main") -> None:
        """Begin a series."""
        self.tree.git("checkout", "--quiet", "-b", name, start)

    def mailed(self, version: int, *revisions: str) -> str:
        """Save a range as a mailbox and return its name."""
        path = self.folder / f"v{version}.mbox"
        text = self.tree.git("format-patch", "--stdout", f"-v{version}", *revisions)
        path.write_text(text + "\n")
        return str(path)

    def review(self, *args: str) -> tuple[int, str, str]:
        """Run the command; return its exit code and what it printed to standard output and error."""
        self.tree.git("checkout", "--quiet", "main")
        words = ["review", *args, "--workloads", ",".join(self.needs), "--out", str(self.folder / "run")]
        code = cli.main([*words, "--tree", f"{self.tree.repo}@main"])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    @property
    def comparison(self) -> Comparison:
        found = read_comparison(self.folder / "run" / "comparison.json")
        assert found is not None
        return found

    @property
    def results(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "run" / "results.json").read_text())
        return document

    def verdicts(self, workload: str) -> dict[str, str]:
        return {
            cell["variant"]: cell["verdict"] for cell in self.results["cells"] if cell["workload"] == workload
        }

    def _builder(self, tree: Any, cache: Path, *_: object, sandbox: object = None) -> _Compiler:
        return _Compiler(self, tree.repo, cache, sandbox is not None)

    async def _choose(self, *_: object) -> AcceleratorChoice:
        return AcceleratorChoice(Accelerator.TCG, "told so")

    async def _run_trial(self, job: TrialJob, seat: object, tell: object) -> Trial:
        await asyncio.sleep(0)
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "console.log").write_bytes(b"Linux version 6.12.0\n")
        self.tried[job.name] += 1
        words = set(re.findall(r"\w+", job.kernel.image.read_text().replace("_", " ")))
        missing = sorted(set(self.needs[job.workload.name].split()) - words)
        bad = not self.harmless_controls if job.control else bool(missing)
        kind = EVIDENCE[job.workload.name]
        paths = tuple(CallPath("violation:x", 3, ("alloc", word, "outer", "pcpu_alloc")) for word in missing)
        speed = 16 if "slow" in words else 12
        counters = {f"kernel_latency_log2ns_{speed + job.index % 2}": 100, "kernel_latency_log2ns_20": 1}
        folder = str(job.folder.relative_to(job.out))
        return trial(
            Outcome.FAIL if bad else Outcome.PASS,
            kernel=job.kernel_name,
            workload=job.workload.name,
            index=job.index,
            control=job.control,
            evidence=tuple(item.partition(":")[0] for item in kind) if bad else (),
            reasons=(f"{3 * len(missing)} of 9 lack {' '.join(missing)}",) if bad else (),
            events=(self._event(kind),) if bad else (),
            observation=observation(
                paths=paths,
                counters=counters,
                notes=("it was noted",) if "noted" in words else (),
                failures=(Misbehaviour("x", "x"),) if bad else (),
            ),
            folder=folder,
            booted_in=folder,
            seed=job.seed,
        )

    @staticmethod
    def _event(kind: tuple[str, ...]) -> Any:
        locks = tuple(item.partition(":")[2] for item in kind if ":" in item)
        made = event(title="a splat of the locks")
        return made if not locks else type(made)(**{**_fields(made), "cycle": locks})


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}


class _Compiler:
    """Stands for the builder: reads commits with git, writes what they come to."""

    def __init__(self, lab: Lab, repo: Path, cache: Path, shut_in: bool) -> None:
        self._lab, self._repo, self._cache, self._shut_in = lab, repo, cache, shut_in

    def cached(self, source_id: str) -> None:
        return None

    def stop(self) -> None:
        return None

    def build(self, commit: str, source_id: str, log: Path, told: object) -> Kernel:
        self._lab.sandboxed[self._shut_in] += 1
        command = ["git", "-C", str(self._repo), "show", f"{commit}:{FILE}"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        text = re.sub(r"//.*\n", "", text)
        warned = [f"../source/{FILE}:{at}:1: warning: odd {at}" for at in range(text.count("odd"))]
        log.write_text("\n".join(["  CC      mm/percpu.o", *warned, ""]))
        if "broken" in text:
            raise BuildError("no", first_error=f"{FILE}:1: error: broken", log=log)
        digest = hashlib.sha256(text.encode()).hexdigest()
        folder = self._cache / "made" / source_id
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("vmlinux", "module", "config"):
            (folder / name).write_text(text)
        image, module, config = folder / "vmlinux", folder / "module", folder / "config"
        return Kernel(
            source_id + "0" * 24, source_id, image, module, config, config, log, "6.12.0", digest, "gcc", 1.0
        )


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Return a lab where `exhaust` needs a mask, and `reclaim-audit` also flags that reach all."""
    made = Lab(tmp_path, monkeypatch, capsys)
    made.needs = {"exhaust": "mask", "reclaim-audit": "mask reach", "storm": ""}
    return made
