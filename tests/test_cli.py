# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands say and which exit code they end with, without a kernel."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.variants import catalogue
from harness.words import ExitCode
from harness.workload import workloads
from tests.toytree import toy_tree

SPLAT = """[    1.000000] BUG: sleeping function called from invalid context at mm/percpu.c:1700
[    1.000000] in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 1, name: init
[    1.000000] CPU: 0 PID: 1 Comm: init Not tainted 6.12.0 #1
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  dump_stack_lvl+0x5d/0x80
[    1.000000]  __might_resched.cold+0xac/0xbe
[    1.000000]  guilty_function+0x1b/0x40
[    1.000000]  </TASK>
[    2.000000] all is well again
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err
    assert said.startswith("percpu-harness: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "none.toml"], "the plan none.toml cannot be read"),
        (["run", "--variants", "series-v5"], "unknown variant 'series-v5'"),
        (["run", "--workloads", "exhause"], "did you mean exhaust?"),
        (["run", "--trials", "-1"], "trials = -1"),
        (["run", "--set", "storm.second=3"], "has no parameter 'second'"),
        (["run", "--set", f"storm.seconds={'9' * 5000}"], "storm.seconds must be a number, not '99"),
        (["run", "--set", "storm.seconds=-3"], "storm.seconds must be from 0 to 2147483647, not -3"),
        (["run", "--tree", "/no/such/tree"], "/no/such/tree"),
        (["run", "--kconfig", "no-such-fragment"], "'no-such-fragment' is neither"),
        (["run", "--resume"], "--resume needs --out"),
        (["run", "--resume", "--out", "nowhere"], "holds no run to resume"),
        pytest.param(["build", "--tree", "debian:2.4"], "2.4", marks=pytest.mark.network),
        (["boot", "series-v9"], "terminal"),
        (["parse", "/no/such/log"], "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    args: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(args) == ExitCode.USAGE
    assert said in one_sentence(capsys)


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").write_text("x")
    assert cli.main(["run", "--out", str(tmp_path)]) == ExitCode.USAGE
    assert "is not empty" in one_sentence(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("args", [[], ["frobnicate"], ["run", "--no-such-option"]])
def test_usage(args: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    assert ended.value.code == ExitCode.USAGE


def test_parse_finds_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "console.log"
    log.write_text(SPLAT)
    assert cli.main(["parse", "--json", str(log)]) == ExitCode.UNEXPECTED
    (event,) = json.loads(capsys.readouterr().out)
    assert event["kind"] == "atomic_sleep"
    assert event["function"] == "guilty_function"
    assert cli.main(["parse", str(log)]) == ExitCode.UNEXPECTED
    assert "guilty_function" in capsys.readouterr().out
    assert cli.main(["parse", "--json", "--kind", "oops", str(log)]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == []


def test_parse_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Linux version 6.12\nquiet\n")))
    assert cli.main(["parse", "-"]) == ExitCode.OK
    assert capsys.readouterr().out == ""


def _parse(*args: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "harness.cli", "parse", *args]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, **more)


def test_parse_says_in_one_sentence_why_it_could_not_read(tmp_path: Path) -> None:
    for log, why in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        ended = _parse(str(log))
        assert ended.returncode == ExitCode.USAGE
        assert ended.stdout == b""
        assert re.fullmatch(
            rf"percpu-harness: {re.escape(str(log))} cannot be read: {why}.*\n", ended.stderr.decode()
        )
    assert _parse("-", preexec_fn=lambda: os.close(0)).returncode == ExitCode.USAGE


def test_parse_draws_cycles(capsys: pytest.CaptureFixture[str]) -> None:
    log = Path(__file__).parent / "corpus" / "lockdep-circular-3-6.12.log"
    assert cli.main(["parse", "--graph", str(log)]) == ExitCode.UNEXPECTED
    shown = capsys.readouterr().out
    assert shown.startswith("digraph")
    assert "lock_a" in shown


def test_parse_reads_on_when_nobody_listens(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(SPLAT * 3000)
    for form in ("--json", "--text"):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "harness.cli", "parse", form, str(tmp_path / "log")]
        ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
        os.close(writing)
        assert (ended.returncode, ended.stderr) == (ExitCode.UNEXPECTED, b"")


def test_parse_is_interrupted() -> None:
    command = [sys.executable, "-m", "harness.cli", "parse", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(SPLAT.encode() * 2)
        reader.stdin.flush()
        reader.stdout.read1(1)  # the first event has been said, so it is reading
        reader.send_signal(signal.SIGINT)
        assert reader.wait(20) == ExitCode.INTERRUPTED


def test_the_lists_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["variants"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert all(name in shown for name in catalogue())
    assert cli.main(["workloads"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for workload in workloads().values():
        assert workload.name in shown
        assert workload.witnesses[0] in shown
    assert "luns=193" in shown


def test_history_speaks_of_every_workload() -> None:
    for name, variant in catalogue().items():
        if name != "as-is":
            spoken_of = set(variant.expects)
            assert spoken_of <= set(workloads())
            assert {each.name for each in workloads().values() if not each.costly} <= spoken_of, name


def test_an_empty_cache_can_be_looked_at_and_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache"]) == ExitCode.OK
    assert cli.main(["cache", "--prune"]) == ExitCode.OK
    assert "freed 0 MB" in capsys.readouterr().out


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    for command in ("run", "build", "boot", "parse", "report", "variants", "workloads", "cache", "doctor"):
        assert re.search(rf"^ +{command}\b", shown, re.MULTILINE)
    for code in ExitCode:
        assert re.search(rf"^  {code.value} ", shown, re.MULTILINE)


def test_a_variant_that_does_not_apply_names_file_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = toy_tree(tmp_path / "toy")
    assert cli.main(["build", "--tree", str(tree.repo), "--variants", "series-v4"]) == ExitCode.USAGE
    said = one_sentence(capsys)
    assert "series-v4" in said
    assert "mm/percpu.c" in said
    assert "pcpu_alloc" in said


def test_an_option_that_does_not_stick_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = toy_tree(tmp_path / "toy")
    mine = tmp_path / "mine.config"
    mine.write_text("CONFIG_NO_SUCH_OPTION=y\n")
    asked = ["build", "--tree", str(tree.repo), "--variants", "as-is", "--kconfig", str(mine)]
    assert cli.main(asked) == ExitCode.USAGE
    assert "CONFIG_NO_SUCH_OPTION" in one_sentence(capsys)
