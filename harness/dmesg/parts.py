# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lines of a report look like, on every architecture.

A report without an end mark goes on as long as lines look like this.
"""

from harness.dmesg.names import HIDDEN

PART = (
    rf"{HIDDEN} |"
    + r"""
      [ \t] | </?\w+> | ---\[ | -{20,} | ={20,} | \.\.\. | -> | \#\d | \[[0-9a-f]{8,16}\]
    | (?:Call[ ][Tt]race|Backtrace|backtrace|Stack|Code|Modules[ ]linked|CPU|Hardware[ ]name)\b
    | (?:Workqueue|Stopper|Sched_ext|Tainted|Comm|Process)\b
    | (?:[RE]IP|[RE]SP|[RE][A-Z]{2}|R\d\d|[DEFGCS]S|CR\d|DR\d|PKRU|PGD|P4D|Oops|Krnl)[ ]?:
    | (?:pstate|pc|lr|sp|x\d+|r\d+|epc|ra|NIP|GPR\d+|XER)[ ]?: | (?:NIP|LR)[ ]\[ | Faulting[ ]instr
    | PGD|PUD|\*pde|\*pdpt|Mem[ ]abort|Data[ ]abort|Internal[ ]error|(?:user|swapper)[ ]pgtable|\#PF|note:
    | irq[ ]event[ ]stamp|(?:hard|soft)irqs[ ]last|INFO:[ ]lockdep[ ]is[ ]turned
    | INFO:[ ]task[ ].*(?:is[ ]blocked[ ]on|blocked[ ]on[ ]a)|"echo[ ]0|task:
    | (?:\d+[ ])?locks?[ ]held|no[ ]locks[ ]held|stack[ ]backtrace|other[ ]info|Possible[ ]|Showing[ ]
    | \d{1,2}\.\d{1,3}[^\n ]{0,64}[ ]\#\d
    | .{1,32}/\d{1,10}[ ](?:is[ ](?:trying|freeing)|just[ ]changed|\[HC\d)
    | <[0-9a-f]{16}>\{ | RIP[ ]<[0-9a-f] | \[[\w:.-]{1,64}\+\d{1,10}/\d  # x86-64 until 2.6.17, klogd
    | [0-9a-f]{8,16}[ ]\( | (?:but|and)[ ](?:task|this|there)[ ] | and[ ]interrupts[ ]
    | which[ ](?:lock|would)[ ]
    | the[ ](?:existing[ ]|shortest[ ])?dependenc | to[ ]a[ ][\w-]{4,24}-unsafe | context-\{\d
    | inconsistent[ ]\{ | \{[\w-]{4,24}\}[ ]state
    | (?:INITIAL[ ]USE|IN-|HARDIRQ|SOFTIRQ|LOCK)|turning[ ]off[ ]the[ ]lock|Please[ ]attach
    | [Tt]he[ ]code[ ]is|you[ ]didn't|in_atomic|preempt_count|Preemption[ ]disabled
    | Sending[ ]NMI|NMI[ ]backtrace|rcu:|RCU[ ]|workqueue[ ]|pool[ ]\d
    | Mem-Info|Node[ ]\d|active_anon|lowmem_reserve|\d+[ ](?:total|pages)|Swap[ ]cache
    | (?:Free|Total)[ ]swap|Tasks[ ]state|\[[ ]*(?:pid|\d+)[ ]*\]|(?:Normal|DMA|DMA32|HighMem|Movable)[ :]
    | [0-9a-f]{4}(?::|[ ])[ ](?:[0-9a-f]{8}|[ *?]{8})  # dump_mem(), show_data() in arch/arm/kernel
    | [0-9a-f]{8,16}:[ ][0-9a-f]{2}[ ][0-9a-f]{2}[ ]   # print_hex_dump(), of mm/page_poison.c
    | (?:Bytes[ ]b4|Object|Redzone|Padding)[ ]+\(?(?:0x)?[0-9a-f]{8}
    | Redzone:[ ]0x|Last[ ]user:[ ]|(?:Prev|Next)[ ]obj:[ ]|[0-9a-f]{3}:(?:[ ][0-9a-f]{2}){2}  # mm/slab.c
    | (?:INFO:[ ])?(?:(?:Slab|Object)[ ]0x|(?:Allocated|Freed)[ ]in|0x[0-9a-f]{1,16}-0x)
    | Unreclaimable|Name[ ]+Used|\S+[ ]+\d+KB[ ]+\d+KB|oom-kill:|(?:memory|swap|kmem):[ ]usage
    | Memory[ ]cgroup|SLUB:|Allocated[ ]by|Freed[ ]by|Local[ ]variable|Uninit|The[ ]buggy|page:
    | kmemleak:|unreferenced|comm[ ]"
    """
)
"""Matches the beginning of a line without its stamps.

Source of a verbose regular expression. Call frames and instruction pointers need not be in it: they count as
parts by themselves. Only the beginning matters, so an alternative ends as soon as it is sure, and has no
unbounded repetition in it.
"""
