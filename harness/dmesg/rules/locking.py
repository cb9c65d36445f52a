# SPDX-License-Identifier: GPL-2.0-or-later
"""Every report of lockdep and of what rides on it.

Source: kernel/locking/lockdep.c (`print_circular_bug_header()` and its neighbours,
`lockdep_rcu_suspicious()`, `print_lockdep_off()`) of 6.1, 6.12 and 7.3. Until 4.10 the same reports had the
frame `[ INFO: ... ]` or `[ BUG: ... ]` where `WARNING: ` stands now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.dmesg import stack
from harness.dmesg.lockdep import LockdepModel, read_model
from harness.dmesg.machinery import PRIMITIVES, Names
from harness.dmesg.names import message
from harness.dmesg.rules.rule import Findings, Found, Rule, where
from harness.words import Kind

_LAST_STACK = "\nstack backtrace:"


def _whole(found: Found) -> bool:
    """Tell whether the report's last part is there: the stack of the task that was stopped."""
    at = found.text.find(_LAST_STACK)
    return at >= 0 and stack.has_frames(found.text, at + 1)


def _taker(model: LockdepModel, found: Found) -> str | None:
    """Name who took the lock, by the return address that lockdep kept.

    Else the first guilty frame of the final stack.
    """
    taken = model.acquiring.function if model.acquiring else None
    if taken and not PRIMITIVES.match(taken):
        return taken
    return _stopped(model, found)


def _stopped(_model: LockdepModel, found: Found) -> str | None:
    """Name who was stopped by lockdep: the first guilty frame of the final stack."""
    return stack.guilty(found.text, start=max(found.text.find(_LAST_STACK), 0))


def _deadlocked(_model: LockdepModel, found: Found) -> str | None:
    """Name who asked for the rtmutex that closed the circle: the second of the two tasks that are shown."""
    return stack.guilty(found.text, start=max(found.text.find(" [current] stackdump:"), 0))


def _holder(model: LockdepModel, found: Found) -> str | None:
    """Name who took the first of the locks that are still held."""
    return model.held[0].function if model.held else _stopped(model, found)


def _acquired(model: LockdepModel) -> tuple[str, ...]:
    return (model.acquiring.lock.name,) if model.acquiring else ()


def _held(model: LockdepModel) -> tuple[str, ...]:
    return tuple(sorted({holder.lock.name for holder in model.held}))


def _nested(model: LockdepModel) -> tuple[str, ...]:
    return (*_acquired(model), model.nest) if model.nest else _acquired(model)


def _recursive(model: LockdepModel) -> tuple[str, ...]:
    """Both locks are of one class, unless a subclass tells them apart."""
    names = _acquired(model)
    if names and model.holding and model.holding.lock.name != names[0]:
        return tuple(sorted((names[0], model.holding.lock.name)))
    return names


_Locks = Callable[[LockdepModel], tuple[str, ...]]
_Blame = Callable[[LockdepModel, Found], str | None]


@dataclass(frozen=True, slots=True)
class Sort:
    """One report of lockdep: the sentence of its headline, its title, which locks and whose function tell it.

    The locks of a `cyclic` one are its cycle. `whole` tells whether all was printed.
    """

    subtype: str
    sentence: str
    label: str
    locks: _Locks
    blame: _Blame = _taker
    cyclic: bool = False
    whole: Callable[[Found], bool] = _whole

    def read(self, found: Found) -> Findings:
        """Make the findings. A cycle that was cut off is none: what is known of it stands in its place."""
        model = read_model(found.text)
        names = self.locks(model)
        function = self.blame(model, found)
        whole = not self.cyclic or self.subtype == "circular" or self.whole(found)
        if names and whole:
            identity = (self.subtype, *names)
        else:
            known = (*_acquired(model), model.holding.lock.name if model.holding else "", function or "")
            identity = (self.subtype, "", *known)
        said = (" -> " if self.cyclic else ", ").join(names)
        title = f"{self.label}: {said}" if names else self.label + where(function)
        cycle = names if self.cyclic and whole else ()
        return Findings(
            self.subtype, title, function, identity, model.pid, model.comm, cycle=cycle, lockdep=model
        )


def _nobody(_model: LockdepModel) -> tuple[str, ...]:
    return ()


_RCU_PLACE = re.compile(r"^(?P<file>[\w./-]+):\d+ \S", re.MULTILINE)


class _Rcu(Sort):
    """The sentence under the headline names place and check; the guilty frame is stable, its line is not."""

    def read(self, found: Found) -> Findings:
        """Make the findings; without frames, the place's file tells what is known."""
        model = read_model(found.text)
        function = _stopped(model, found)
        place = _RCU_PLACE.search(found.text, 0, 1000)
        at = function or (place["file"] if place else "")
        return Findings(
            self.subtype, f"{self.label}{where(at)}", function, (self.subtype, at), model.pid, model.comm,
            lockdep=model,
        )  # fmt: skip


SELF_CHECK = re.compile(
    r"^(?:DEBUG_(?:LOCKS|RWSEMS)_WARN_ON\(|lockdep bfs error:|hm#[12], depth:)", re.MULTILINE
)
"""What a WARN says, before or after its headline, that goes with `debug_locks_off()`."""
SELF_CHECKERS = Names(r"check_prevs_add|validate_chain|lockdep_reset_lock(?:_reg)?")
"""Functions of lockdep.c, with those into which they are inlined, whose WARN_ON() goes with
`debug_locks_off()` without words; after its other plain WARNs lockdep lives on.
"""
_DOUBT = re.compile(rf"{SELF_CHECK.pattern}.*", re.MULTILINE)
_RWSEM_STATE = re.compile(r": count = 0x.*")
"""What `DEBUG_RWSEMS_WARN_ON()` adds to its condition is different each time."""


def gave_up(found: Found) -> Findings:
    """Lockdep turned itself off: whatever follows in this boot was not checked."""
    said = found.match[0].removeprefix("BUG: ")
    function = stack.guilty(found.text)
    if said.startswith("WARNING"):
        near = "\n".join((*found.before, *found.below(3)))
        doubt = _DOUBT.search(near)
        said = doubt[0] if doubt else f"WARNING{where(found.match['name'])}"
    said = message(_RWSEM_STATE.sub("", said))
    return Findings(
        "lockdep_bug",
        f"lockdep is off: {said}",
        function,
        ("lockdep_bug", said),
        lockdep=LockdepModel(),
        kind=Kind.LOCKDEP,
    )


_ONE_HELD = re.compile(r"\n\s*#\d+: ")
_SORTS = (
    Sort(
        "circular",
        r"possible circular lock",
        "possible circular locking",
        LockdepModel.circle,
        cyclic=True,
    ),
    Sort(
        "recursive",
        r"possible recursive lock",
        "possible recursive locking",
        _recursive,
        cyclic=True,
    ),
    Sort(
        "irq_inversion",
        r"possible irq lock inversion",
        "possible irq lock inversion",
        LockdepModel.path,
        cyclic=True,
    ),
    Sort(
        "irq_order",
        r"[\w-]+-safe -> [\w-]+-unsafe lock order",
        "irq-safe to irq-unsafe lock order",
        LockdepModel.path,
        cyclic=True,
    ),
    Sort("inconsistent_state", r"inconsistent lock state", "inconsistent lock state", _acquired),
    Sort("wait_context", r"[Ii]nvalid wait context", "invalid wait context", _acquired),
    Sort("unlock_balance", r"bad unlock balance", "bad unlock balance", _acquired),
    Sort("contention", r"bad contention detected", "bad contention", _acquired),
    _Rcu("suspicious_rcu", r"suspicious (?:rcu_\w+\(\)|RCU) usage", "suspicious RCU usage", _nobody),
    Sort("lock_freed", r"held lock freed", "held lock freed", _acquired, _stopped),
    Sort(
        "held_returning_to_user",
        r"lock held when returning",
        "lock held when returning to user space",
        _held,
        _holder,
        whole=lambda found: _ONE_HELD.search(found.text) is not None,
    ),
    Sort(
        "still_held",
        r"(?:.{1,32}/\d+ still has locks held|(?:.{1,32}/\d+, )?lock held at task exit)",
        "task still has locks held",
        _held,
        _holder,
    ),
    Sort("nested_not_taken", r"Nested lock was not taken", "nested lock was not taken", _nested),
    Sort(
        "rtmutex_deadlock",
        r"circular locking deadlock detected",
        "circular rtmutex deadlock",
        _nobody,
        _deadlocked,
        whole=lambda found: "turning off deadlock detection" in found.text,
    ),
    Sort("chain_key_collision", r"chain_key collision", "lockdep chain key collision", _nobody, _stopped),
    Sort(
        "non_static_key",
        r"trying to register non-static",
        "lock with a non-static key",
        _nobody,
        _stopped,
        whole=lambda found: found.has_frames,
    ),
)
SORTS = {sort.subtype: sort for sort in _SORTS}


def _sort(found: Found) -> Sort:
    return SORTS[found.match.lastgroup or ""]


RULES = (
    # One expression for all: lines with its words are looked at often.
    Rule(
        Kind.LOCKDEP,
        re.compile(
            r"(?:WARNING: |\[ (?:INFO|BUG): |INFO: )(?:"
            + "|".join(f"(?P<{sort.subtype}>{sort.sentence})" for sort in _SORTS)
            + ")"
        ),
        (
            b"possible circular lock",
            b"possible recursive lock",
            b"possible irq lock",
            b"-unsafe lock order",
            b"inconsistent lock state",
            b"nvalid wait context",
            b"bad unlock balance",
            b"bad contention",
            b"suspicious RCU",
            b"suspicious rcu_",
            b"held lock freed",
            b"lock held when",
            b"lock held at task",
            b"still has locks held",
            b"Nested lock was",
            b"circular locking deadlock",
            b"chain_key collision",
            b"register non-static",
        ),
        lambda found: _sort(found).read(found),
        complete=lambda found: _sort(found).whole(found),
    ),
    Rule(
        Kind.LOCKDEP,
        re.compile(
            r"BUG: (?:MAX_[A-Z_]+ too low!|looking up invalid subclass: \d+|key \S+ has not been registered!)"
        ),
        (b"BUG: MAX_", b"invalid subclass: ", b"has not been registered!"),
        gave_up,
        absorbs=re.compile(r"WARNING: .*lockdep\.c"),
    ),
)
