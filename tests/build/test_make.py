# SPDX-License-Identifier: GPL-2.0-or-later
"""Running make: no orphans, whatever ends the harness; several harnesses at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.build import Builder, BuildProgress, KernelCache
from harness.build.make import Make
from harness.lock import locked_patiently
from harness.words import InfraError
from tests.toytree import toy_module, toy_tree

_TOP = Path(__file__).parents[2]


def _make(folder: Path) -> Make:
    return Make(folder, folder, folder / "log", 2, None, lambda *_: None)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait(until, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def _sleeper(folder: Path) -> list[str]:
    """Return a command whose grandchild writes its pid and sleeps."""
    return [
        "/bin/sh",
        "-c",
        f"sh -c 'echo $$ > {folder}/pid.new; mv {folder}/pid.new {folder}/pid; exec sleep 100'; :",
    ]


def test_stop_ends_grandchildren(tmp_path: Path) -> None:
    make = _make(tmp_path)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            make.tool(_sleeper(tmp_path), {})
        except InfraError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    _wait((tmp_path / "pid").exists)
    make.stop()
    thread.join(10)
    assert str(caught[0]) == "the build was stopped"
    _wait(lambda: not _alive(int((tmp_path / "pid").read_text())))
    with pytest.raises(InfraError, match="stopped"):
        make.tool(["true"], {})


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_harness(tmp_path: Path, how: signal.Signals) -> None:
    program = (
        "import sys; from pathlib import Path; from harness.build.make import Make;"
        "f = Path(sys.argv[1]); Make(f, f, f / 'log', 1, None, lambda *_: None).tool(sys.argv[2:], {})"
    )
    command = [sys.executable, "-c", program, str(tmp_path), *_sleeper(tmp_path)]
    with subprocess.Popen(command, cwd=_TOP) as harness:
        _wait((tmp_path / "pid").exists)
        harness.send_signal(how)
    _wait(lambda: not _alive(int((tmp_path / "pid").read_text())))


def test_the_users_environment_does_not_reach_the_build(tmp_path: Path, monkeypatch) -> None:
    for name in ("KCFLAGS", "ARCH", "MAKEFLAGS", "LOCALVERSION", "SOURCE_DATE_EPOCH"):
        monkeypatch.setenv(name, "theirs")
    _make(tmp_path).tool(["env"], {})
    assert "theirs" not in (tmp_path / "log").read_text()


def test_a_full_disk_is_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match=r"the disk that holds .* is full"):
        _make(tmp_path).tool(["/bin/sh", "-c", "echo 'cc1: No space left on device'; exit 1"], {})


def test_two_harnesses_build_in_one_folder(tmp_path: Path) -> None:
    tree = toy_tree(tmp_path / "tree")
    module = toy_module(tmp_path / "module")
    commit = tree.git("rev-parse", "HEAD")
    fragment = tmp_path / "f.config"
    fragment.write_text("CONFIG_EXPERT=y\n")
    kernels = []

    def build(number: int) -> None:
        builder = Builder(tree, tmp_path / "cache", [fragment], module)
        kernels.append(builder.build(commit, tree.source_id(commit), tmp_path / f"log{number}"))

    threads = [threading.Thread(target=build, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(kernel.reused for kernel in kernels) == [False, True, True]
    assert len({kernel.image for kernel in kernels}) == 1
    assert len(KernelCache(tmp_path / "cache").list()) == 1


def test_without_ccache_it_says_so_and_builds(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("harness.build.builder.shutil.which", lambda _: None)
    tree = toy_tree(tmp_path / "tree")
    commit = tree.git("rev-parse", "HEAD")
    builder = Builder(tree, tmp_path / "cache", [], toy_module(tmp_path / "module"))
    kernel = builder.build(commit, tree.source_id(commit), tmp_path / "log")
    assert kernel.image.stat().st_size > 0
    assert "ccache is missing" in kernel.log.read_text()


def test_a_stopped_builder_waits_for_nobody(tmp_path: Path) -> None:
    tree = toy_tree(tmp_path / "tree")
    module = toy_module(tmp_path / "module")
    commit = tree.git("rev-parse", "HEAD")
    builder = Builder(tree, tmp_path / "cache", [], module)
    told: list[str] = []

    def tell(step: BuildProgress) -> None:
        told.append(step.what)
        builder.stop()

    (tmp_path / "cache/builds").mkdir(parents=True)
    with (
        locked_patiently(builder.lock, lambda: pytest.fail("nobody else holds it")),
        pytest.raises(InfraError, match="stopped"),
    ):
        builder.build(commit, tree.source_id(commit), tmp_path / "log", tell)
    assert told[0].startswith("waiting for another harness")
    with pytest.raises(InfraError, match="stopped"):
        builder.build(commit, tree.source_id(commit), tmp_path / "log")
