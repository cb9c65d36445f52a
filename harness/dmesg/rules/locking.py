# SPDX-License-Identifier: GPL-2.0-or-later
"""Every report of lockdep and of what rides on it.

Source: kernel/locking/lockdep.c (`print_circular_bug_header()` and its neighbours,
`lockdep_rcu_suspicious()`, `print_lockdep_off()`) of 6.1, 6.12 and 7.3. Until 4.10 the same reports had the
frame `[ INFO: ... ]` or `[ BUG: ... ]` where `WARNING: ` stands now.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.dmesg import stack
from harness.dmesg.lockdep import LockdepModel, read_model
from harness.dmesg.names import message
from harness.dmesg.rules.rule import Findings, Found, Rule
from harness.words import Kind

_LAST_STACK = "\nstack backtrace:"


def _arrow(names: tuple[str, ...]) -> str:
    return " -> ".join(names)


def _function(model: LockdepModel, found: Found) -> str | None:
    """Name who took the lock, by the return address that lockdep kept.

    Else the first guilty frame of the final stack.
    """
    taken = model.acquiring.function if model.acquiring else None
    return stack.guilty(found.text, first=(taken,), start=max(found.text.find(_LAST_STACK), 0))


def _findings(
    subtype: str,
    label: str,
    locks: Callable[[LockdepModel], tuple[str, ...]],
    *,
    cyclic: bool = False,
) -> Callable[[Found], Findings]:
    """Make the reader of a report whose identity is its locks."""

    def read(found: Found) -> Findings:
        model = read_model(found.text)
        names = locks(model)
        said = _arrow(names) if cyclic else ", ".join(names)
        function = _function(model, found)
        return Findings(
            subtype,
            f"{label}: {said}" if names else label,
            function,
            names,
            model.pid,
            model.comm,
            cycle=names if cyclic else (),
            lockdep=model,
        )

    return read


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


def _suspicious_rcu(found: Found) -> Findings:
    """The sentence under the headline names place and check.

    The guilty frame is stable where line numbers are not.
    """
    model = read_model(found.text)
    function = _function(model, found)
    place = ""
    for text in found.texts[1:8]:
        said = re.match(r"(?P<file>[\w./-]+):\d+ (?P<what>\S.*)", text)
        if said:
            place = said["file"]
            break
    where = f" in {function}" if function else f" in {place}" if place else ""
    return Findings(
        "suspicious_rcu",
        f"suspicious RCU usage{where}",
        function,
        (function or place,),
        model.pid,
        model.comm,
        lockdep=model,
    )


def _by_function(subtype: str, label: str) -> Callable[[Found], Findings]:
    def read(found: Found) -> Findings:
        function = stack.guilty(found.text)
        where = f" in {function}" if function else ""
        return Findings(subtype, f"{label}{where}", function, (function or "",), lockdep=LockdepModel())

    return read


def gave_up(found: Found) -> Findings:
    """Lockdep turned itself off: whatever follows in this boot was not checked."""
    said = found.match[0]
    if said.startswith("WARNING"):
        said = next((text for text in (*found.before, *found.texts[1:4]) if SELF_CHECK.match(text)), said)
    said = message(said.removeprefix("BUG: "))
    return Findings(
        "lockdep_bug",
        f"lockdep is off: {said}",
        stack.guilty(found.text),
        (said,),
        lockdep=LockdepModel(),
        kind=Kind.LOCKDEP,
    )


SELF_CHECK = re.compile(r"^(?:DEBUG_LOCKS_WARN_ON\(|lockdep bfs error:|hm#[12], depth:)", re.MULTILINE)
"""What a WARN of lockdep itself says before or after its headline."""

_FRAMED = r"(?:WARNING: |\[ (?:INFO|BUG): |INFO: )"


def _complete(found: Found) -> bool:
    at = found.text.find(_LAST_STACK)
    return at >= 0 and stack.has_frames(found.text, at + 1)


def _held_complete(found: Found) -> bool:
    return re.search(r"\n\s*#\d+: ", found.text) is not None


def _rule(
    text: str, read: Callable[[Found], Findings], complete: Callable[[Found], bool] = _complete
) -> Rule:
    return Rule(
        Kind.LOCKDEP, re.compile(_FRAMED + text), (b"WARNING: ", b"INFO: ", b"BUG"), read, complete=complete
    )


RULES = (
    _rule(
        r"possible circular locking dependency detected",
        _findings("circular", "possible circular locking", LockdepModel.circle, cyclic=True),
    ),
    _rule(
        r"possible recursive locking detected",
        _findings("recursive", "possible recursive locking", _recursive, cyclic=True),
    ),
    _rule(
        r"possible irq lock inversion dependency detected",
        _findings("irq_inversion", "possible irq lock inversion", LockdepModel.path, cyclic=True),
    ),
    _rule(
        r"\w+-safe -> \w+-unsafe lock order detected",
        _findings("irq_order", "irq-safe to irq-unsafe lock order", LockdepModel.path, cyclic=True),
    ),
    _rule(
        r"inconsistent lock state",
        _findings("inconsistent_state", "inconsistent lock state", _acquired),
    ),
    _rule(
        r"Invalid wait context",
        _findings("wait_context", "invalid wait context", _acquired),
    ),
    _rule(
        r"bad unlock balance detected",
        _findings("unlock_balance", "bad unlock balance", _acquired),
    ),
    _rule(
        r"bad contention detected",
        _findings("contention", "bad contention", _acquired),
    ),
    _rule(r"suspicious (?:rcu_\w+\(\)|RCU) usage", _suspicious_rcu),
    _rule(r"suspicious rcu_\w+\(\) usage", _suspicious_rcu),
    _rule(r"held lock freed", _findings("lock_freed", "held lock freed", _acquired)),
    _rule(
        r"lock held (?:when returning to user space|at task exit)",
        _findings("held_returning_to_user", "lock held when returning to user space", _held),
        _held_complete,
    ),
    _rule(
        r".{1,40}/\d+ still has locks held",
        _findings("still_held", "task still has locks held", _held),
    ),
    _rule(
        r"Nested lock was not taken",
        _findings("nested_not_taken", "nested lock was not taken", _nested),
    ),
    _rule(
        r"circular locking deadlock detected",
        _by_function("rtmutex_deadlock", "circular rtmutex deadlock"),
    ),
    _rule(
        r"chain_key collision",
        _by_function("chain_key_collision", "lockdep chain key collision"),
    ),
    _rule(
        r"trying to register non-static key",
        _by_function("non_static_key", "lock with a non-static key"),
        lambda found: found.has_frames,
    ),
    Rule(
        Kind.LOCKDEP,
        re.compile(
            r"BUG: (?:MAX_[A-Z_]+ too low!|looking up invalid subclass: \d+|key \S+ has not been registered!)"
        ),
        (b"BUG",),
        gave_up,
        absorbs=re.compile(r"WARNING: .*kernel/locking/lockdep\.c"),
    ),
)
