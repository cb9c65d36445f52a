# SPDX-License-Identifier: GPL-2.0-or-later
"""WARN, BUG, oops, panic.

Sources: `__warn()` and `vpanic()` in kernel/panic.c, lib/bug.c, `show_fault_oops()` in arch/x86/mm/fault.c,
`__die_header()` in arch/x86/kernel/dumpstack.c, `die_kernel_fault()` and `do_sea()` in arch/arm64/mm/fault.c,
`__die()` in arch/arm64/kernel/traps.c, and their kin in the other architectures' traps.c and fault.c.
"""

from __future__ import annotations

import dataclasses
import re

from harness.dmesg import stack
from harness.dmesg.machinery import MACHINERY, PANICKERS, SERVICES, WARNERS, Names
from harness.dmesg.names import function_name, message
from harness.dmesg.rules import locking
from harness.dmesg.rules.rule import End, Findings, Found, Rule, pid_of, where
from harness.words import Kind

_WARNED_ABOUT = (
    (re.compile(r"lib/refcount\.c$"), "refcount", "refcount bug"),
    (re.compile(r"lib/debugobjects\.c$"), "odebug", "ODEBUG bug"),
    (re.compile(r"lib/list_debug\.c$"), "list_corruption", "list corruption"),
)
"""By the file of a WARN: what it says of its caller."""
_LOCKUP_SAID = re.compile(r"^Watchdog detected hard LOCKUP on cpu (\d+)", re.MULTILINE)
"""Until 4.4, `watchdog_overflow_callback()` said this in a WARN or in a panic."""

_PANIC_ON_WARN = re.compile(r"Kernel panic - not syncing: panic_on_warn set")
"""Until 4.20, `__warn()` said this before it printed registers and a trace: the panic prints them."""


_SERVING = Names(MACHINERY, SERVICES)
_LINE_NUMBER = re.compile(r":\d+$")


def _warning(found: Found) -> Findings:
    """Read a WARN: its message stands between `cut here` and the headline, until 4.19 after it.

    What lockdep doubts of itself and what the old watchdog found is told by that message alone.
    """
    near = "\n".join((*found.before, *found.below(2)))
    match = found.match
    place = _LINE_NUMBER.sub("", match["file"] or "")
    named = function_name(match["name"] or "")
    by_lockdep = place.endswith("/lockdep.c")
    if locking.SELF_CHECK.search(near) or (by_lockdep and locking.SELF_CHECKERS.match(named)):
        return locking.gave_up(found)
    lockup = _LOCKUP_SAID.search(near)
    function: str | None = named
    if not named or WARNERS.match(named):
        function = stack.guilty(found.text, first=(named,))
    elif SERVICES.match(named):
        function = stack.guilty(found.text, _SERVING, first=(named,))
    if lockup:
        function = stack.guilty(found.text)
        return Findings(
            "", f"hard lockup{where(function)}", function, (function or "",), kind=Kind.HARD_LOCKUP
        )
    subtype, label = next(
        ((name, said) for file, name, said in _WARNED_ABOUT if file.search(place)), ("", "WARNING")
    )
    title = label + (where(function) or f" at {place}")
    return Findings(
        subtype, title, function, (function or place,), pid_of(match["pid"] or match["pid2"]), match["comm"],
        pid_of(match["cpu"] or match["cpu2"]),
    )  # fmt: skip


def _old_warning(found: Found) -> Findings:
    """Read a WARN that names its function without an offset."""
    function = stack.guilty(found.text, WARNERS, first=(found.match["name"] or found.match["named"],))
    return Findings("", f"WARNING{where(function)}", function, (function or "",))


_KMEMCHECK = re.compile(r"WARNING: kmemcheck: Caught \d+-bit (?P<what>\w+ from \w+) memory")


def _kmemcheck(found: Found) -> Findings:
    """Read what kmemcheck, until 4.14, said of memory that was not written to yet, or freed already."""
    function = stack.guilty(found.text)
    title = f"kmemcheck: {found.match['what']} memory{where(function)}"
    return Findings("kmemcheck", title, function, (function or "",))


def _unwinder(found: Found) -> Findings:
    """The unwinder warns once a boot, with one line, that it cannot follow a stack."""
    name = found.match["name"]
    function = stack.guilty("", first=(name,))
    what = message(found.match["what"])
    return Findings(
        "unwinder", f"unwinder: {what}{where(function)}", function, ("unwinder", what),
        pid_of(found.match["pid"]), found.match["comm"],
    )  # fmt: skip


def _kernel_bug(found: Found) -> Findings:
    place = found.match["file"] or ""
    first = function_name(found.match["name"] or "")
    function = stack.guilty(found.text, first=(first,))
    copied = place.endswith("mm/usercopy.c")
    label = "bad usercopy" if copied else "kernel BUG"
    title = label + (where(function) or f" at {place}")
    return Findings("usercopy" if copied else "", title, function, (function or place,))


_OOPS_SORTS = (
    (r"NULL pointer|null pointer", "null_pointer", "NULL pointer dereference"),
    (r"general protection", "general_protection", "general protection fault"),
    (r"divide error|divide exception|division by 0|Integer overflow", "divide_error", "divide error"),
    (r"double fault", "double_fault", "double fault"),
    (
        r"stack guard|stack segment|stack overflow|Stack Overflow|Insufficient stack|kernel stack pointer",
        "stack",
        "stack fault",
    ),
    (r"CFI|control protection|BTI|FPAC|GCS", "control_flow", "control flow violation"),
    (
        r"invalid op(?:code|erand)|illegal (?:operation|instruction)|Illegal (?:instr|Insn)"
        r"|[Uu]ndefined instr|Reserved instr|Exception in kernel mode|Invalid Extn Insn|Priv Op",
        "invalid_opcode",
        "invalid opcode",
    ),
    (r"abort|Abort|SError|bus error|Bus Error|[Mm]achine [Cc]heck", "external_abort", "external abort"),
    (r"alignment|unaligned|[Mm]isaligned", "alignment", "alignment fault"),
    (
        r"paging|page fault|TLB miss|data access|instruction fetch|page ?table|kernel access|bad area"
        r"|address|pointer|memory|Invalid (?:Read|Write|Exec|Mem)",
        "page_fault",
        "page fault",
    ),
)
_SORT = re.compile("|".join(f"(?P<s{at}>{sort[0]})" for at, sort in enumerate(_OOPS_SORTS)))


_REST = re.compile(r"\n(?:paging request|NULL pointer dereference|access to user memory) at ")
"""The end of a headline that somebody else's line cut in two."""
_CAUSE = re.compile(r"\n(?:\[ECR {3}\]: 0x[0-9a-f]{8} => )?((?:Invalid|Misaligned) \w+ (?:@|from) )")
"""What arc says below the bare word that is its headline."""


def _oops_sort(text: str) -> tuple[str, str]:
    """Sort by the headline, then by the die line, where `Unable to handle kernel access` says too little."""
    head = text.partition("\n")[0]
    count = text.find("[#", len(head))
    die = text[text.rfind("\n", 0, count) + 1 : count] if count >= 0 else ""
    rest = _REST.match(text, len(head))
    cause = _CAUSE.search(text) if head == "Oops" else None
    for line in (head, rest[0] if rest else "", die[:200], cause[1] if cause else ""):
        found = _SORT.search(line)
        if found and found.lastgroup:
            return _OOPS_SORTS[int(found.lastgroup[1:])][1:]
    return "", "oops"


def _oops(found: Found) -> Findings:
    function = stack.guilty(found.text)
    subtype, label = _oops_sort(found.text)
    return Findings(subtype, f"{label}{where(function)}", function, (function or "",))


_DIED_OF = (
    (re.compile(r"Oops - BUG|[Kk]ernel (?:BUG|bug)"), Kind.BUG, "kernel BUG"),
    (re.compile(r"KASAN$|Oops - KASAN"), Kind.KASAN, "KASAN: invalid access"),
    (re.compile(r"UBSAN: "), Kind.UBSAN, "UBSAN: trap"),
)
"""By the reason that the die line names: what a trap instruction was put there for."""


def _died(found: Found) -> Findings:
    """Read a report of which the die line is the headline."""
    reason = found.match["what"] or ""
    function = stack.guilty(found.text)
    for pattern, kind, label in _DIED_OF:
        if pattern.search(reason):
            return Findings("", f"{label}{where(function)}", function, (function or "",), kind=kind)
    findings = _oops(found)
    if found.before and findings.subtype == "invalid_opcode":  # `cut here`, and the BUG's own line is lost
        return dataclasses.replace(findings, subtype="", title=f"kernel BUG{where(function)}", kind=Kind.BUG)
    return findings


_LOCKED_UP = re.compile(r"Watchdog detected hard LOCKUP on cpu (\d+)")
_CORRUPTED = re.compile(r"stack-protector: .* corrupted in: (?P<name>[\w.$]+)\+0x")


def _panic(found: Found) -> Findings:
    what = (found.match["what"] or found.match["trusty"] or "").strip()
    lockup = _LOCKED_UP.match(what)
    if lockup:
        function = stack.guilty(found.text)
        title = f"hard lockup{where(function)}"
        return Findings("", title, function, (function or "",), cpu=pid_of(lockup[1]), kind=Kind.HARD_LOCKUP)
    corrupted = _CORRUPTED.match(what)
    first = corrupted["name"] if corrupted else None
    function = stack.guilty(found.text, PANICKERS, first=(first,))
    return Findings("", f"panic: {message(what)}", function, (message(what.split(": ")[0]), function or ""))


_NAME = r"[A-Za-z_$.][\w.$]*"
_WARNING = re.compile(
    rf"""
    (?: WARNING:[ ](?:CPU:[ ](?P<cpu>\d+)(?:[ ]PID:[ ](?P<pid>\d+)[ ]at[ ]|[ ]?P?I?D?:?[ \d]*$)
      | (?:at[ ])?(?=[^\s:]+\.\w\w?:\d+(?:[ ]at[ ]|$)
                   | (?<=at[ ])(?:[^\s:]+\.[chS]:\d+[ ] | {_NAME}\+0x | 0x[0-9a-f]{{8}})))
    | Badness[ ]at[ ]
    )
    (?P<file>[^\s:]+:\d+)?(?:[ ]?at)?(?:[ ]?(?P<name>{_NAME})(?:\+0x\S*|[ ]\([\w./+-]+\.[chS]:\d+))?
    (?:,[ ]CPU\#(?P<cpu2>\d+):[ ](?P<comm>.{{1,32}})/(?P<pid2>\d+)$)?
    """,
    re.VERBOSE,
)
"""`WARNING: at FILE:LINE FUNCTION()` until 3.11, `WARNING: FILE:LINE at FUNCTION, ...` in 7.2."""
_UNWINDER = re.compile(
    r"WARNING: (?P<what>kernel stack (?:regs|frame pointer)|can't access (?:iret )?registers"
    r"|can't dereference (?:iret )?registers|stack going in the wrong direction|stack recursion|bad lookup)"
    r"(?: at \S+ in (?P<comm>.{1,32}?):(?P<pid>\d+) has bad|.{0,60}? at (?P<name>[A-Za-z_$.][\w.$]*)\+0x)?"
)
_KERNEL_BUG = re.compile(
    r"[Kk]ernel (?:BUG|bug) at(?: (?:(?P<file>[^\s:]+):\d+!?|(?P<name>[A-Za-z_$.][\w.$]*)\+0x|\S)|$)"
    r"|BUG: failure at (?P<f>\S+)"
)
_FAULT = re.compile(
    r"""(?:BUG:[ ])?(?:CPU[ ]\d+[ ])?(?:
      [Uu]nable[ ]to[ ]handle[ ](?:kernel|page[ ]fault|unknown[ ]paging|exception[ ]at|\S+[ ]page)\b
    | [Kk]ernel[ ]NULL[ ]pointer[ ]dereference
    )
    | BUG:[ ](?:\w+[ ])?stack[ ]guard[ ]page[ ]was[ ]hit | BUG:[ ][Uu]ser[ ](?:stack|access)
    | (?:traps:[ ])?PANIC:[ ](?:double[ ]fault|early[ ]exception)
    | (?:PANIC|BUG):[ ]invalid[ ]or[ ]fatal[ ]FRED[ ]event
    | Bad[ ]mode[ ]in[ ].{1,40}[ ]handler[ ]detected
    | SError[ ]Interrupt[ ]on[ ]CPU\d | Unhandled[ ].{1,60}[ ]exception[ ]on[ ]CPU\d+,[ ]ESR
    | Insufficient[ ]stack[ ]space[ ]to[ ]handle[ ]exception | Kernel[ ]stack[ ]overflow(?:[ ]in[ ]process|\.)
    | (?:Data|Instruction)[ ]bus[ ]error,[ ]epc[ ]==
    """,
    re.VERBOSE,
)
"""Faults of the kernel itself."""
_ANY_FAULT = re.compile(
    r"""Unhandled[ ](?:fault|prefetch[ ]abort):[ ] | Synchronous[ ]External[ ]Abort:[ ]
    | .{1,60}:[ ]Code=\d+[ ]\(.{1,60}\)[ ]at[ ]addr[ ] | .{1,32}:[ ]Corrupted[ ]page[ ]table[ ]at[ ]address[ ]
    """,
    re.VERBOSE,
)
"""Faults of the kernel or of a process: registers or a die line follow only for the kernel."""
_COUNT = r" ?\[#\d+\](?: |:|$)"
_DIE = re.compile(
    r"""(?:.{1,16}\(\d+\):[ ])?(?P<what>(?:
      Oops | Internal[ ]error | [Kk]ernel[ ](?:BUG|bug) | segment-related | general[ ]protection[ ]fault
    | invalid[ ](?:opcode|TSS) | divide[ ]error | double[ ]fault | stack[ ](?:segment|guard[ ]page)
    | segment[ ]not[ ]present | alignment[ ]check | int3 | debug: | bounds | overflow: | coprocessor
    | device[ ]not[ ]available
    | (?:fpu|simd)[ ]exception | iret[ ]exception | kernel[ ]stack[ ]overflow | Bad[ ]pagetable
    | control[ ]protection | unexpected[ ]\# | Split[ ]lock | virtualization[ ]exc | VMM[ ]Comm
    | (?:illegal|privileged|special)[ ]op | monitor[ ]event | \S+(?:[ ]\S+)?[ ]exception:
    | Unhandled[ ]kernel | Reserved[ ]instr | FP[ ]exception | Kernel[ ]\w+[ ]access
    )[^\[]{0,160}?)"""
    + _COUNT.replace(" ", "[ ]"),
    re.VERBOSE,
)
"""The line that counts the oopses of a boot, with a reason that no one else prints."""
_COUNTLESS = re.compile(
    r"(?:Oops: )?(?:general protection f|divide error\b|invalid op(?:code|erand)\b"
    r"|stack segment\b|double fault\b)"
)
"""The same where the line was cut off before the count, or of a kernel before 2.6, which had none."""
_BARE = re.compile(
    r"(?:Oops|Priv Op/Disabled Extn|Invalid Extn Insn|Illegal Insn \(or Seq\)|Invalid Mem Access"
    r"|Misaligned Access)$"
)
"""What arc's die() says, on a line of its own."""
_SIGNALLED = re.compile(r"Oops: .{1,80}, sig: \d{1,3}$")
"""The same of microblaze and nios2, without a count."""
_ANY_DIE = re.compile(r"(?P<what>\S[^\[]{2,120}?)" + _COUNT)

RULES = (
    Rule(
        Kind.WARNING,
        _WARNING,
        (b"WARNING: ", b"Badness "),
        _warning,
        End.TRACE_MARK,
        absorbs=_LOCKUP_SAID,
        goes_on=_PANIC_ON_WARN,
    ),
    Rule(
        Kind.WARNING,
        re.compile(
            r"Badness in (?P<name>\w+) at \S+:\d+"
            r"|BUG: (?:warning )?at [^\s:]+:\d+[ /](?P<named>\w+)\(\)"
        ),
        (b"Badness ", b"BUG: "),
        _old_warning,
    ),
    Rule(Kind.WARNING, _KMEMCHECK, (b"WARNING: ",), _kmemcheck),
    Rule(
        Kind.WARNING,
        _UNWINDER,
        (b"WARNING: ",),
        _unwinder,
        End.LINE,
        minor=True,
    ),
    Rule(
        Kind.BUG,
        _KERNEL_BUG,
        (b"ernel BUG at", b"ernel bug at", b"BUG: failure at "),
        _kernel_bug,
        End.TRACE_MARK,
        leads_to_die=True,
    ),
    Rule(
        Kind.OOPS,
        _FAULT,
        (
            b"nable to handle ", b"NULL pointer dereference", b"BUG: User ", b"BUG: user ",
            b"stack guard page was hit", b"PANIC: double fault", b"PANIC: early exception", b"Bad mode in ",
            b"SError Interrupt", b" exception on CPU", b"Insufficient stack", b"bus error, epc",
            b"Kernel stack overflow", b"invalid or fatal FRED",
        ),
        _oops,
        End.TRACE_MARK,
        leads_to_die=True,
    ),
    Rule(
        Kind.OOPS,
        _ANY_FAULT,
        (
            b"Unhandled fault: ",
            b"Unhandled prefetch",
            b" External Abort: ",
            b": Code=",
            b"Corrupted page table",
        ),
        _oops,
        End.TRACE_MARK,
        leads_to_die=True,
        needs_evidence=True,
    ),
    Rule(Kind.OOPS, _DIE, (b"[#",), _died, End.TRACE_MARK, is_die=True),
    Rule(
        Kind.OOPS,
        _COUNTLESS,
        (b"general protection", b"divide error", b"invalid op", b"stack segment", b"double fault"),
        _oops,
        End.TRACE_MARK,
        is_die=True,
        needs_evidence=True,
    ),
    Rule(Kind.OOPS, _SIGNALLED, (b", sig: ",), _oops, End.TRACE_MARK, is_die=True),
    Rule(
        Kind.OOPS,
        _BARE,
        (b"Oops", b"Priv Op/", b" Insn", b"Invalid Mem Access", b"Misaligned Access"),
        _oops,
        End.TRACE_MARK,
        needs_evidence=True,
    ),
    Rule(Kind.OOPS, _ANY_DIE, (b"[#",), _died, End.TRACE_MARK, is_die=True, needs_evidence=True),
    Rule(
        Kind.PANIC,
        re.compile(
            r"Kernel panic(?: - not s\w*(?:: ?| - ?|$)|: )(?P<what>.*)"
            r"|trusty: panic(?: notifier)? \(.{1,40}\): (?P<trusty>.*)"
        ),
        (b"Kernel panic", b"trusty: panic"),
        _panic,
        End.TRACE_MARK,
        complete=lambda found: True,
    ),
)  # fmt: skip
