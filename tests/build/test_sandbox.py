# SPDX-License-Identifier: GPL-2.0-or-later
"""A makefile of the toy tree tries to get out of the sandbox; the tests look at the outside."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.build import Builder
from harness.build import sandbox as room
from harness.build.kbuild import objects
from harness.build.make import Make
from harness.build.sandbox import Limits, Sandbox, find_sandbox
from harness.words import BuildError, InfraError, UserError
from tests.toytree import OBJECTS, ToyTree, toy_module, toy_tree


def _sandbox() -> Sandbox | None:
    return find_sandbox(trusted=True)


pytestmark = pytest.mark.slow
needs_sandbox = pytest.mark.skipif(_sandbox() is None, reason="bubblewrap does not work on this machine")


@dataclasses.dataclass
class Bench:
    """`attack()` puts a shell command into the toy tree's makefile and builds it in the sandbox."""

    folder: Path
    tree: ToyTree
    limits: Limits = dataclasses.field(default_factory=Limits)

    def builder(self, *, shut_in: bool = True) -> Builder:
        sandbox = _sandbox()
        assert sandbox is not None
        chosen = dataclasses.replace(sandbox, limits=self.limits) if shut_in else None
        module = toy_module(self.folder / "module")
        return Builder(self.tree, self.folder / "cache", [], module, sandbox=chosen)

    def build(self, *, shut_in: bool = True):
        commit = self.tree.git("rev-parse", "HEAD")
        log = self.folder / f"log-{shut_in}/build.log"
        return self.builder(shut_in=shut_in).build(commit, self.tree.source_id(commit), log)

    def attack(self, script: str, rule: str = "allnoconfig:\n") -> str:
        """Run a script at the head of a rule's commands and return what it printed."""
        (self.tree.repo / "attack.sh").write_text(script)
        text = (self.tree.repo / "Makefile").read_text()
        if "attack.sh" not in text:
            (self.tree.repo / "Makefile").write_text(
                text.replace(rule, f"{rule}\t@O=$(O) sh $(S)/attack.sh\n")
            )
        self.tree.commit("attack")
        try:
            self.build()
        except BuildError as error:
            return error.log.read_text()
        return (self.folder / "log-True/build.log").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, toy_tree(tmp_path / "tree"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder with a secret in it; the environment holds another."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "key").write_text("the-secret-of-a-file")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TOKEN", "the-secret-of-the-environment")
    return home


@needs_sandbox
def test_a_build_inside_is_the_build_outside(bench: Bench) -> None:
    inside, outside = bench.build(), bench.build(shut_in=False)
    assert inside.image.read_bytes() == outside.image.read_bytes()
    assert inside.module.read_bytes() == outside.module.read_bytes()
    assert inside.key != outside.key
    assert bench.builder().cached(outside.source_id) is not None


@needs_sandbox
def test_a_kernel_from_inside_is_not_taken_for_one_of_outside(bench: Bench) -> None:
    kernel = bench.build()
    assert bench.builder().cached(kernel.source_id) is not None
    assert bench.builder(shut_in=False).cached(kernel.source_id) is None
    trusted = bench.build(shut_in=False)
    assert not trusted.reused
    assert bench.build().key in (kernel.key, trusted.key)


@needs_sandbox
def test_the_compiler_cache_is_read_and_not_written(bench: Bench) -> None:
    def entries() -> set[str]:
        cache = bench.folder / "cache/ccache"
        return {str(path) for path in cache.rglob("*") if path.is_file() and path.name[-1] in "RM"}

    bench.build(shut_in=False)
    before = entries()
    assert before
    (bench.tree.repo / "attack.sh").write_text("grep -h cache_ $CCACHE_STATSLOG; touch $CCACHE_DIR/poison; :")
    text = (bench.tree.repo / "Makefile").read_text()
    rule = "\t@nm $(O)/vmlinux"
    text = text.replace(rule, f"\t@sh $(S)/attack.sh\n{rule}")
    (bench.tree.repo / "Makefile").write_text(
        f"export CCACHE_STATSLOG=$(O)/stats\nunexport CCACHE_NOSTATS\n{text}"
    )
    bench.tree.commit("count")
    kernel = bench.build()
    log = kernel.log.read_text()
    assert log.count("direct_cache_hit") == len(OBJECTS)
    assert "cache_miss" not in log
    assert "cannot touch" in log
    assert entries() == before


@needs_sandbox
def test_files_outside_are_neither_read_nor_written(bench: Bench, home: Path) -> None:
    source = bench.folder / "cache/builds"
    told = bench.attack(
        f"cat {home}/key; echo x > {home}/new; ls /root /home /etc/passwd /etc/shadow /var /run /sys;"
        f"cat ~/key; echo x > $S/../new; echo x > /usr/x; echo x > /new; cat {bench.tree.repo}/Makefile;"
        f"echo changed > $0; ls {bench.folder}; :"
    )
    assert "secret" not in told
    assert "Read-only file system" in told
    assert sorted(path.name for path in home.iterdir()) == ["key"]
    assert not Path("/usr/x").exists()
    assert not Path("/new").exists()
    assert not list(source.glob("*/new"))
    assert "changed" not in (bench.tree.repo / "attack.sh").read_text().splitlines()[0][:7]
    for hidden in ("/root", "/home", "/etc/passwd", "/etc/shadow", "/var", "/run", "/sys"):
        assert f"cannot access '{hidden}'" in told or (hidden == "/root" and "/root:" in told)


@needs_sandbox
def test_the_environment_holds_no_secret(bench: Bench, home: Path) -> None:
    told = bench.attack("env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' ' '")
    assert "secret" not in told
    assert str(home) not in told
    assert "HOME=/nonexistent" in told


@needs_sandbox
def test_there_is_no_network(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 3); print('out')"
        told = bench.attack(f'python3 -c "{code}"; cat /proc/net/dev')
    assert "ConnectionRefusedError" in told
    assert "\nout\n" not in told
    assert "eth0" not in told


@needs_sandbox
def test_no_process_is_seen_and_none_stays(bench: Bench) -> None:
    name = f"86{os.getpid()}"
    told = bench.attack(
        "kill -9 1; echo processes: $(ls /proc | grep -c '^[0-9]')\n"
        f"setsid sleep {name} & (sleep {name} &) & nohup sleep {name} >/dev/null 2>&1 &\n"
        "kill -9 -1"
    )
    assert 1 < int(told.split("processes: ")[1].split()[0]) < 12
    assert name not in _command_lines()


@needs_sandbox
def test_it_cannot_use_more_processes_than_it_may(bench: Bench) -> None:
    bench.limits = Limits(processes=40)
    told = bench.attack("i=0; while [ $i -lt 200 ]; do sleep 61.7 & i=$((i+1)); done; echo all")
    assert "Cannot fork" in told
    assert "\nall\n" not in told
    assert "sleep\x0061.7" not in _command_lines()


@needs_sandbox
def test_it_cannot_fill_memory_or_the_disk(bench: Bench) -> None:
    bench.limits = Limits(memory=512 << 20, file=1 << 20, scratch=1 << 20)
    told = bench.attack(
        "python3 -c 'bytearray(1 << 30); print(\"memory\")'; head -c 2000000 /dev/zero > $O/big;"
        "ls -l $O/big;"
        "for i in 1 2 3; do head -c 900000 /dev/zero > /tmp/$i; done; head -c 99 /dev/zero > /dev/shm/x; :"
    )
    assert "MemoryError" in told
    assert "\nmemory\n" not in told
    assert "1048576" in told
    assert "No space left on device" in told
    assert "/dev/shm/x: Read-only file system" in told


@needs_sandbox
def test_output_without_end_ends_the_build(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.build.make._MOST_OUTPUT", 1 << 20)
    told = bench.attack("tr '\\0' x < /dev/zero")
    assert told.splitlines()[-1] == "ERROR: the build was ended, because it printed without end"
    assert len(told) < 2 << 20


@needs_sandbox
@pytest.mark.parametrize(
    ("name", "trick"),
    [
        ("vmlinux", "ln -sf /etc/ld.so.conf vmlinux"),
        ("System.map", "rm System.map; mkfifo System.map"),
        ("System.map", "rm System.map"),
        (".config", "ln -sf /etc/ld.so.conf .config"),
        ("include/config/kernel.release", "mv include elsewhere; ln -s elsewhere include"),
        ("include/config/kernel.release", "truncate -s 1G include/config/kernel.release"),
    ],
)
def test_what_is_left_must_be_what_it_seems(bench: Bench, name: str, trick: str) -> None:
    text = (bench.tree.repo / "Makefile").read_text()
    last = "modules: vmlinux\n"
    (bench.tree.repo / "Makefile").write_text(text.replace(last, f"{last}\t@cd $(O); {trick}\n"))
    bench.tree.commit("trick")
    with pytest.raises(BuildError, match=rf"the build is no use: it left .*{name}"):
        bench.build()


@needs_sandbox
def test_links_left_in_the_modules_folder_are_not_written_through(bench: Bench) -> None:
    victim = bench.folder / "victim"
    victim.write_text("untouched")
    rule = "modules: $(patsubst"
    text = (bench.tree.repo / "Makefile").read_text()
    told = f"$(shell ln -sf {victim} $(M)/toy.c; ln -sf {victim} $(M)/Kbuild)\n{rule}"
    (bench.tree.repo / "Makefile").write_text(text.replace(rule, told))
    bench.tree.commit("links")
    for _ in range(2):
        bench.tree.git("commit", "--quiet", "--allow-empty", "-m", "again")
        with pytest.raises(BuildError):
            bench.build()
    assert victim.read_text() == "untouched"


@needs_sandbox
def test_makefiles_are_only_read_inside(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    (tmp_path / "source/mm").mkdir(parents=True)
    (tmp_path / "source/mm/Makefile").write_text(
        f"$(shell echo x > {tmp_path}/out)\nobj-y := a.o $(shell cat {tmp_path}/secret).o\n"
    )
    (tmp_path / "secret").write_text("secret")
    sandbox = _sandbox()
    assert sandbox is not None
    seen = sandbox.around(readable=[tmp_path / "source", tmp_path / "config"], writable=[])
    assert "mm/a.o" in objects(tmp_path / "source", tmp_path / "config", "x86", seen)
    assert not (tmp_path / "out").exists()
    assert "mm/secret.o" in objects(tmp_path / "source", tmp_path / "config", "x86")


@needs_sandbox
def test_stopping_ends_what_runs_inside(tmp_path: Path) -> None:
    sandbox = _sandbox()
    assert sandbox is not None
    sandbox.hand_over(tmp_path)
    shown = sandbox.around(readable=[], writable=[tmp_path])
    make = Make(tmp_path, tmp_path, tmp_path / "log", 1, None, lambda *_: make.stop(), shown)
    started = time.monotonic()
    with pytest.raises(InfraError, match="stopped"):
        make.tool(["sh", "-c", "echo '  CC      x.o'; sleep 63.1"], {})
    assert time.monotonic() - started < 30
    assert "sleep\x0063.1" not in _command_lines()


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_is_shut_in_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = _sandbox()
    assert sandbox is not None
    limited = dataclasses.replace(sandbox, limits=Limits(processes=20))
    monkeypatch.setattr(room.os, "geteuid", lambda: 1000)
    script = "touch /tmp/x && id -u; cat /etc/passwd; for i in $(seq 50); do sleep 0.1 & done"
    command = limited.wrap(["sh", "-c", script], Path("/"))
    drop = ["setpriv", "--reuid", "64998", "--regid", "64998", "--clear-groups"]
    done = subprocess.run([*drop, *command], capture_output=True, text=True, cwd="/", check=False)
    if "bwrap" in done.stderr:
        pytest.skip(f"users may not make namespaces here: {done.stderr.strip()}")
    assert done.stdout.split() == ["64998"]
    assert "/etc/passwd: No such file" in done.stderr
    assert "Cannot fork" in done.stderr


@pytest.fixture
def _fresh() -> Iterator[None]:
    room._working.cache_clear()
    yield
    room._working.cache_clear()


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "install the package 'bubblewrap'"),
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", r"\(bwrap: No permissions"),
        ("exit 3", r"\(it ended with 3\)"),
        ("sleep 9", "did not start within 0.2 s"),
    ],
)
def test_where_it_cannot_work_the_source_must_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, says: str
) -> None:
    if script is not None:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bwrap").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(room, "_DEADLINE", 20 if "0.2" not in says else 0.2)
    with pytest.raises(UserError, match=rf"{says}.*--trust-source"):
        find_sandbox(trusted=False)
    assert find_sandbox(trusted=True) is None


def _command_lines() -> str:
    """Return the command lines of all processes, but ours, that this machine runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)
