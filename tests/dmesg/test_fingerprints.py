# SPDX-License-Identifier: GPL-2.0-or-later
"""A bug keeps its fingerprint on another CPU, boot and build; another bug has another."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dmesg import parse
from harness.dmesg.names import rotate
from harness.words import Event

_WORDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=2, max_size=8)
_CLASSES = st.one_of(
    _WORDS,
    _WORDS.map("&{}->lock".format),
    _WORDS.map("&(&{}->lock)->rlock".format),
    _WORDS.map("(work_completion)(&x->{})".format),
    _WORDS.map("&sb->s_type->{}/1".format),
)
_CYCLES = st.lists(_CLASSES, min_size=2, max_size=6, unique=True)


@dataclass(frozen=True)
class Boot:
    """All that differs from one sighting of a bug to the next."""

    entry: int
    cpu: int
    pid: int
    address: int
    offset: int
    instance: int
    old: bool
    stamps: bool
    suffix: str


_BOOTS = st.builds(
    Boot,
    entry=st.integers(0, 5),
    cpu=st.integers(0, 255),
    pid=st.integers(1, 4_000_000),
    address=st.integers(0xFFFF888000000000, 0xFFFF88FFFFFFFFFF),
    offset=st.integers(1, 0xFFF),
    instance=st.integers(0, 40),
    old=st.booleans(),
    stamps=st.booleans(),
    suffix=st.sampled_from(["", ".isra.0", ".constprop.3", ".part.1.cold"]),
)


class _Printer:
    """Prints what `print_circular_bug()` and `__die()` print, in the manner of a boot."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot

    def log(self, lines: list[str]) -> Event:
        stamp = f"[    1.234567][{f'T{self.boot.pid}':>6}] " if self.boot.stamps else ""
        (event,) = parse("".join(f"{stamp}{line}\n" for line in lines))
        return event

    def frame(self, function: str) -> str:
        where = f"{function}{self.boot.suffix}+{self.boot.offset:#x}/0xfff0"
        return f" [<{self.boot.address:016x}>] {where}" if self.boot.old else f" {where}"

    def name(self, lock: str) -> str:
        instance = f"#{self.boot.instance}" if self.boot.instance > 1 else ""
        name, slash, subclass = lock.partition("/")
        usage = "{+.+.+.}" if self.boot.old else "{+.+.}-{4:4}"
        return f"({name}{instance}{slash}{subclass}){usage}"

    def held(self, lock: str) -> str:
        at = self.frame("taker").strip()
        address = "" if self.boot.old else f"{self.boot.address:016x}"
        return f"{address} {self.name(lock)}, at: {at}"

    def circular(self, cycle: list[str]) -> Event:
        start = self.boot.entry % len(cycle)
        turned = cycle[start:] + cycle[:start]
        said = "possible circular locking dependency detected"
        lines = [
            "=" * 54,
            f"[ INFO: {said} ]" if self.boot.old else f"WARNING: {said}",
            "6.1.0 #1 Not tainted",
            "-" * 54,
            f"tester/{self.boot.pid} is trying to acquire lock:",
            self.held(turned[0]),
            "",
            "but task is already holding lock:",
            self.held(turned[-1]),
            "",
            "the existing dependency chain (in reverse order) is:",
        ]
        for depth in reversed(range(len(turned))):
            lines += ["", f"-> #{depth} {self.name(turned[depth])}:", "      " + self.frame("taker")]
        lines += [
            "",
            "stack backtrace:",
            f"CPU: {self.boot.cpu} PID: {self.boot.pid} Comm: tester Not tainted",
        ]
        return self.log([*lines, "Call Trace:", self.frame("dump_stack"), self.frame("taker")])

    def oops(self, function: str) -> Event:
        return self.log(
            [
                f"BUG: kernel NULL pointer dereference, address: {self.boot.address:016x}",
                f"Oops: 0002 [#{self.boot.instance + 1}] SMP",
                f"CPU: {self.boot.cpu} PID: {self.boot.pid} Comm: tester Not tainted",
                f"RIP: 0010:{function}{self.boot.suffix}+{self.boot.offset:#x}/0xfff0",
                "Call Trace:",
                self.frame("caller"),
                "---[ end trace 0000000000000000 ]---",
            ]
        )


@settings(max_examples=30, deadline=None)
@given(_CYCLES, _BOOTS, _BOOTS)
def test_a_cycle_is_the_same_on_every_boot(cycle: list[str], one: Boot, other: Boot) -> None:
    first, second = _Printer(one).circular(cycle), _Printer(other).circular(cycle)
    assert first.fingerprint == second.fingerprint
    assert first.title == second.title
    assert first.cycle == second.cycle == rotate(cycle)


@settings(max_examples=30, deadline=None)
@given(_CYCLES, _CYCLES, _BOOTS)
def test_two_cycles_are_never_the_same(one: list[str], other: list[str], boot: Boot) -> None:
    prints = {_Printer(boot).circular(cycle).fingerprint for cycle in (one, other)}
    assert len(prints) == len({rotate(one), rotate(other)})


@settings(max_examples=30, deadline=None)
@given(st.permutations(["a_lock", "b_lock", "c_lock", "d_lock"]), _BOOTS)
def test_the_order_of_a_cycle_matters(cycle: list[str], boot: Boot) -> None:
    reference = _Printer(boot).circular(["a_lock", "b_lock", "c_lock", "d_lock"])
    same = rotate(cycle) == reference.cycle
    assert (_Printer(boot).circular(cycle).fingerprint == reference.fingerprint) is same


@settings(max_examples=30, deadline=None)
@given(_WORDS.map("guilty_{}".format), _WORDS.map("guilty_{}".format), _BOOTS, _BOOTS)
def test_an_oops_is_told_by_its_function(one: str, other: str, here: Boot, there: Boot) -> None:
    first, second = _Printer(here).oops(one), _Printer(there).oops(other)
    assert (first.function, second.function) == (one, other)
    assert (first.fingerprint == second.fingerprint) is (one == other)


def test_two_cycles_that_were_cut_off_are_not_taken_for_one() -> None:
    boot = Boot(0, 0, 1, 0xFFFF888000000000, 16, 0, old=False, stamps=False, suffix="")

    def cut(cycle: list[str]) -> Event:
        raw = _Printer(boot).circular(cycle).raw
        (event,) = parse(raw[: raw.index("-> #0")])
        return event

    one, other = cut(["a_lock", "b_lock"]), cut(["a_lock", "c_lock"])
    assert one.truncated and not one.cycle
    assert one.fingerprint != other.fingerprint
