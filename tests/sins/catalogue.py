# SPDX-License-Identifier: GPL-2.0-or-later
"""The sins, and what each must make a kernel say.

The expectations come from the module's source and from the kernel's: who calls what, which lock is taken
where. Nothing of them was read off by our own reader of consoles, which is held against them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """One report: the kinds, subtypes and functions that are right; empty where any is."""

    kinds: tuple[str, ...]
    subtypes: tuple[str, ...]
    functions: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Expected:
        """Read `KIND[/SUBTYPE] [FUNCTION]`, each of which may be several with `|` between."""
        what, _, functions = text.partition(" ")
        kinds, _, subtypes = what.partition("/")
        return cls(_alternatives(kinds), _alternatives(subtypes), _alternatives(functions))

    def __str__(self) -> str:
        what = "|".join(self.kinds) + ("/" + "|".join(self.subtypes) if self.subtypes else "")
        return f"{what} {'|'.join(self.functions)}".rstrip()


def _alternatives(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


@dataclass(frozen=True, slots=True)
class Sin:
    """A sin and its reports, in the order of the log; the first is the first of the whole log.

    `alone` gives it a guest of its own, `cmdline` adds to that guest's. `script` is what the guest's shell
    runs, by default writing the name to /proc/sins. `seconds` is how long to listen afterwards. `needs` is
    what a kernel must have to see the sin, empty where every kernel of the harness does. `cycle` are the lock
    classes of a circular report, in any order. `also` are kinds that may follow, besides those of `reports`.
    """

    name: str
    reports: tuple[Expected, ...]
    alone: bool = False
    cmdline: str = ""
    script: str = ""
    seconds: float = 0.3
    needs: str = ""
    cycle: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Return the line for the guest's shell."""
        return self.script or f"echo {self.name} >/proc/sins"


def _lock(name: str, report: str, *more: str, cycle: str = "", **options: object) -> Sin:
    """Make a sin that costs lockdep its life."""
    reports = tuple(map(Expected.read, (report, *more)))
    options.setdefault("needs", "lockdep")
    return Sin(name, reports, alone=True, cycle=tuple(cycle.split()), **options)  # type: ignore[arg-type]


def _plain(name: str, *reports: str, **options: object) -> Sin:
    return Sin(name, tuple(map(Expected.read, reports)), **options)  # type: ignore[arg-type]


def _hang(name: str, report: str, setting: str, **options: object) -> Sin:
    script = f"{setting}; echo {name} >/proc/sins"
    return _plain(name, report, alone=True, script=script, seconds=1.0, **options)


def _race(name: str, report: str) -> Sin:
    """Make a race; the kernel has some of its own, so KCSAN is told whose it may tell of."""
    script = (
        "cd /sys/kernel/debug; echo whitelist >kcsan; for who in let_in count_in let_in_properly "
        f"let_in_exclusively; do echo !$who >kcsan; done; echo on >kcsan; echo {name} >/proc/sins"
    )
    return _plain(name, report, alone=True, script=script, needs="kcsan")


_SOFT = "echo 2 >/proc/sys/kernel/watchdog_thresh"
_HUNG = "echo 4 >/proc/sys/kernel/hung_task_timeout_secs"
_RCU = "echo 4 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout"
_RCU_EXP = "echo 3000 >/sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout"
_WQ = "echo 4 >/sys/module/workqueue/parameters/watchdog_thresh"

_LOCKING = [
    _lock("circular-2", "lockdep/circular open_vault", cycle="till vault"),
    _lock("circular-3", "lockdep/circular audit_purse", cycle="purse till vault"),
    _lock("circular-4", "lockdep/circular empty_till", cycle="&coin->edge safe/1 till purse"),
    _lock("circular-work", "lockdep/circular refill", cycle="refill_work till"),
    # What the worker does next, it does with the lock.
    _lock("work-leak", "bug/workqueue_leak take_till_and_return", also=("lockdep",)),
    _lock("recursive", "lockdep/recursive weigh_coins"),
    _lock("recursive-read", "lockdep/recursive count_purse_twice"),
    _lock("unlock-balance", "lockdep/unlock_balance leave_vault_twice"),
    _lock("unlock-balance-spin", "lockdep/unlock_balance leave_tally_unasked"),
    _lock("contention", "lockdep/contention contend_unasked", needs="lock-stat"),
    _lock("lock-freed", "lockdep/lock_freed melt_held_coin"),
    _lock("lock-reinit", "lockdep/lock_freed mint_over_held_coin"),
    _lock("returning", "lockdep/held_returning_to_user keep_vault"),
    _lock("returning-2", "lockdep/held_returning_to_user keep_till_and_purse"),
    _lock("still-held", "lockdep/still_held take_vault_and_leave"),
    _lock("nested", "lockdep/nested_not_taken nest_in_nothing"),
    _lock("non-static", "lockdep/non_static_key use_raw_coin"),
    _lock("assert-held", "warning need_vault_held"),
    _lock("state-hardirq", "lockdep/inconsistent_state ring_bell"),
    # Where the compiler folded the two, which are the same but for their names, both stacks say ring_bell.
    _lock("state-hardirq-on", "lockdep/inconsistent_state polish_bell|ring_bell"),
    _lock("state-softirq", "lockdep/inconsistent_state ring_bell"),
    _lock("state-softirq-read", "lockdep/inconsistent_state count_guests"),
    _lock("irq-order", "lockdep/irq_order answer_door"),
    _lock("softirq-order", "lockdep/irq_order answer_door_bh"),
    _lock("irq-inversion", "lockdep/irq_inversion ring_bell"),
    _lock("softirq-inversion", "lockdep/irq_inversion ring_bell"),
    _lock("wait-context", "lockdep/wait_context swing_clapper", needs="raw-nesting"),
    _lock("wait-context-read", "lockdep/wait_context read_under_clapper", needs="raw-nesting"),
    _lock("rcu-dereference", "lockdep/suspicious_rcu read_menu"),
    _lock("rcu-protected", "lockdep/suspicious_rcu change_menu"),
    _lock("rcu-list", "lockdep/suspicious_rcu list_dishes", needs="rcu-list"),
    _lock(
        "rcu-wait",
        "lockdep/suspicious_rcu wait_while_reading|synchronize_rcu",
        also=("atomic_sleep", "warning"),
    ),
    _lock("many-keys", "lockdep/lockdep_bug use_too_many_keys"),
    _lock("lock-depth", "lockdep/lockdep_bug dig_too_deep"),
    _lock("subclass", "lockdep/lockdep_bug nest_too_deep"),
    _lock("mutex-magic", "lockdep/lockdep_bug use_bent_mutex"),
    _lock("rwsem-magic", "lockdep/lockdep_bug use_bent_rwsem|__down_read|__up_read"),
    _lock("spin-magic", "bug/spinlock take_foreign_spinlock"),
    # With lock statistics, taking is tried before it is checked.
    _lock("spin-recursion", "bug/spinlock take_own_spinlock", needs="no-lock-stat"),
    _lock("spin-owner", "bug/spinlock leave_foreign_spinlock"),
    _lock("rwlock-magic", "bug/spinlock take_foreign_rwlock"),
    _lock("irq-restore", "warning lie_about_irqs", needs="irq-flags"),
    _lock("pinned", "warning lose_a_pinned_lock"),
]

_CALM = [
    # might_sleep() complains once a second.
    _plain("sleep-spinlock", "atomic_sleep/sleeping allocate_under_hush", needs="atomic-sleep", seconds=1.5),
    _plain(
        "sleep-softirq",
        "atomic_sleep/sleeping nap_in_softirq",
        "lockdep/wait_context nap_in_softirq",
        seconds=1.5,
    ),
    _plain("sleep-irqs-off", "atomic_sleep/sleeping sleep_with_irqs_off", needs="atomic-sleep", seconds=1.5),
    _plain("schedule-atomic", "atomic_sleep/scheduling schedule_under_hush", seconds=1.5),
    _plain("cant-sleep", "atomic_sleep/assuming deny_sleep", needs="atomic-sleep", seconds=1.5),
    _plain("smp-processor-id", "bug ask_for_the_cpu", needs="preempt"),
    _plain("blocking-op", "warning block_while_not_running", needs="atomic-sleep"),
    _plain("kasan-uaf", "kasan/slab_use_after_free|use_after_free read_burnt_letter", needs="kasan"),
    _plain("kasan-slab-oob", "kasan/slab_out_of_bounds write_past_letter", needs="kasan"),
    _plain("kasan-double-free", "kasan/double_free burn_letter_twice", needs="kasan"),
    _plain("kasan-invalid-free", "kasan/invalid_free burn_half_a_letter", needs="kasan"),
    _plain("kasan-global", "kasan/global_out_of_bounds read_past_shelf", needs="kasan"),
    _plain("kasan-stack", "kasan/stack_out_of_bounds read_past_desk", needs="kasan"),
    _plain("kasan-vmalloc", "kasan/vmalloc_out_of_bounds read_past_scroll", needs="kasan"),
    _plain("kasan-page", "kasan/use_after_free read_burnt_page", needs="kasan"),
    _plain("ubsan-shift", "ubsan/shift_out_of_bounds shift_too_far", needs="ubsan"),
    _plain("ubsan-shift-negative", "ubsan/shift_out_of_bounds shift_backwards", needs="ubsan"),
    _plain("ubsan-bounds", "ubsan/array_index_out_of_bounds read_past_row", needs="ubsan"),
    _plain("ubsan-bool", "ubsan/invalid_load load_odd_bool", needs="ubsan"),
    _plain("warn", "warning warn_plainly"),
    _plain("warn-words", "warning warn_with_words"),
    _plain("warn-once", "warning warn_once"),
    _plain("warn-softirq", "warning warn_plainly"),
    _plain("list-double-add", "warning|bug add_lamp_twice", needs="list"),
    _plain("list-double-del", "warning|bug remove_lamp_twice", needs="list"),
    _plain("list-bent", "warning|bug remove_bent_lamp", needs="list"),
    _plain("refcount-dec", "warning drop_below_zero"),
    _plain("refcount-inc", "warning raise_from_zero"),
    _plain("refcount-underflow", "warning underflow"),
    _plain("odebug-free", "warning free_lit_lamp", needs="odebug"),
    _plain("odebug-init", "warning set_up_lit_lamp", needs="odebug"),
    _plain("kobject-unborn", "warning get_unborn_kobject"),
    _plain("proc-twice", "warning make_entry_twice"),
    _plain("bad-page", "bug/bad_page free_locked_page", needs="debug-vm"),
    _plain("slab-redzone", "bug/slab scratch_redzone", needs="slub", also=("warning",)),
    _plain("slab-leftover", "bug/slab forget_a_stone", needs="slub", also=("warning",)),
    _plain("vmalloc-huge", "vmalloc_failure want_a_huge_scroll"),
    # warn_alloc() complains once in ten seconds.
    _plain("page-alloc-order", "page_alloc_failure/order_10 want_many_at_once", alone=True),
    _plain(
        "page-alloc-huge",
        "warning __alloc_pages|__alloc_pages_noprof|__alloc_frozen_pages_noprof|want_too_big_block",
    ),
    _plain("percpu-size", "warning pcpu_alloc|pcpu_alloc_noprof|want_too_big_percpu"),
]

_FATAL = [
    _plain("bug", "bug hit_bug"),
    _plain("copy-overflow", "warning show_far_too_much"),
    _plain("usercopy", "bug show_too_much", needs="usercopy"),
    _plain("oops-null-read", "oops/null_pointer read_null"),
    _plain("oops-null-write", "oops/null_pointer write_null"),
    _plain("oops-null-call", "oops/null_pointer call_null"),
    _plain("oops-wild", "oops/page_fault read_wild"),
    _plain("oops-gpf", "oops/general_protection read_noncanonical"),
    _plain("oops-readonly", "oops/page_fault write_constant"),
    # The instruction pointer is in a variable; who called it stands below.
    _plain("oops-nx", "oops/page_fault run_data|data"),
    _plain("oops-divide", "oops/divide_error divide_by_zero"),
    _plain("oops-opcode", "oops/invalid_opcode run_no_opcode"),
    _plain("oops-thread", "oops/null_pointer read_null"),
    _plain(
        "kasan-user",
        "kasan/user_memory_access read_user_letter",
        "oops/page_fault read_user_letter",
        needs="kasan",
    ),
]

_MORTAL = [
    _plain("put-free-page", "bug put_free_page", alone=True, needs="debug-vm"),
    # From 7.x on, another function warns.
    _plain(
        "slab-wrong-cache",
        "warning kmem_cache_free|warn_free_bad_obj|free_into_wrong_cache",
        alone=True,
        needs="slub",
    ),
    _plain("oops-stack", "oops/stack dig_a_hole", "panic", alone=True, seconds=8, needs="guard-page"),
    _plain("oops-hardirq", "oops/null_pointer read_null", "panic", alone=True, seconds=8),
    # The breakpoint's handler counts as an interrupt.
    _plain("oops-int3", "oops step_on_int3", "panic", alone=True, seconds=8),
    _plain("panic", "panic give_up", alone=True, seconds=8),
    _plain("panic-sysrq", "panic", alone=True, seconds=8, script="echo c >/proc/sysrq-trigger"),
    _plain(
        "panic-on-oops",
        "oops/null_pointer write_null",
        "panic",
        alone=True,
        seconds=8,
        script="echo 1 >/proc/sys/kernel/panic_on_oops; echo oops-null-write >/proc/sins",
    ),
]

_MEMORY = [
    _plain("page-alloc-atomic", "page_alloc_failure/order_0 want_all_atomically", alone=True),
    _plain("page-alloc-pairs", "page_alloc_failure/order_1 want_pairs_atomically", alone=True),
    # Who wants slabs wants pages first.
    _plain(
        "slab-atomic",
        "page_alloc_failure want_coins_atomically",
        "page_alloc_failure/slab",
        alone=True,
        needs="slub",
    ),
    _plain(
        "vmalloc-full", "vmalloc_failure|page_alloc_failure want_more_address_space", alone=True, seconds=2
    ),
    _plain("percpu-atomic", "percpu_alloc_failure/atomic", alone=True, needs="percpu-atomic"),
    _plain(
        "percpu-sleepable",
        "page_alloc_failure/order_0",
        "percpu_alloc_failure/sleepable take_pieces|want_percpu_asleep",
        alone=True,
    ),
    # Who is killed while it allocates may find nothing.
    _plain(
        "oom-global",
        "oom_kill/global",
        alone=True,
        script="(tail /dev/zero); true",
        seconds=1,
        also=("page_alloc_failure",),
    ),
    _plain(
        "oom-memcg",
        "oom_kill/memcg",
        alone=True,
        script="mkdir /tmp/cg; mount -t cgroup2 none /tmp/cg; echo +memory >/tmp/cg/cgroup.subtree_control; "
        "mkdir /tmp/cg/small; echo 8M >/tmp/cg/small/memory.max; "
        "sh -c 'echo $$ >/tmp/cg/small/cgroup.procs; tail /dev/zero'; true",
        seconds=1,
        needs="memcg",
    ),
    _plain(
        "leak",
        "memory_leak",
        alone=True,
        script="echo leak >/proc/sins; sleep 6; echo scan >/sys/kernel/debug/kmemleak; sleep 1; "
        "echo scan >/sys/kernel/debug/kmemleak; cat /sys/kernel/debug/kmemleak >/dev/console",
        seconds=1,
        needs="kmemleak",
    ),
    _plain(
        "leak-verbose",
        "memory_leak lose_letters",
        alone=True,
        script="echo 1 >/sys/module/kmemleak/parameters/verbose; echo leak >/proc/sins; sleep 6; "
        "echo scan >/sys/kernel/debug/kmemleak; sleep 1; echo scan >/sys/kernel/debug/kmemleak",
        seconds=1,
        needs="kmemleak",
    ),
]

_KFENCE = "kfence.sample_interval=20"
_FENCED = [
    _plain(
        "kfence-uaf", "kfence/use_after_free_read read_burnt_fenced_letter", cmdline=_KFENCE, needs="kfence"
    ),
    _plain(
        "kfence-oob", "kfence/out_of_bounds_read read_past_fenced_letter", cmdline=_KFENCE, needs="kfence"
    ),
    _plain(
        "kfence-oob-write",
        "kfence/out_of_bounds_write write_past_fenced_letter",
        cmdline=_KFENCE,
        needs="kfence",
    ),
    _plain(
        "kfence-corruption", "kfence/memory_corruption blot_fenced_letter", cmdline=_KFENCE, needs="kfence"
    ),
    _plain(
        "kfence-double-free", "kfence/invalid_free burn_fenced_letter_twice", cmdline=_KFENCE, needs="kfence"
    ),
]

_HANGS = [
    _hang("hung-mutex", "hung_task wait_at_bridge", _HUNG),
    _hang("hung-completion", "hung_task wait_for_godot", _HUNG),
    _hang("soft-lockup", "soft_lockup spin_in_place|spin_without_preemption", _SOFT),
    _hang("soft-lockup-softirq", "soft_lockup spin_in_place|spin_in_softirq", _SOFT),
    _hang("hard-lockup", "hard_lockup spin_in_place|spin_without_interrupts", _SOFT, needs="buddy"),
    _hang("rcu-stall", "rcu_stall spin_in_place|spin_as_reader|ktime_get_mono_fast_ns", _RCU),
    _hang("rcu-stall-expedited", "rcu_stall/expedited spin_in_place|spin_as_reader", _RCU_EXP),
    _hang("rcu-stall-irqs-off", "rcu_stall spin_in_place|spin_without_interrupts", _RCU),
    _hang("workqueue-lockup", "workqueue_lockup", _WQ, needs="workqueue"),
    _hang("csd-lock", "other/csd_lock", "true", cmdline="csdlock_debug=1", needs="csd"),
]

_RACES = [
    _race("race", "kcsan/data_race let_in|count_in"),
    _race("race-writers", "kcsan/data_race let_in"),
    _race("race-assert", "kcsan/assert_race let_in_properly|let_in_exclusively"),
    _plain("slab-poison", "bug/slab scratch_poison", alone=True, needs="slub-alone", also=("warning",)),
]

_TALK = (
    "# ok 3 - no WARNING: and no BUG: in the log",
    "selftests: lockdep: expect 'possible circular locking dependency detected' [OK]",
    "Spectre V2 : WARNING: Unprivileged eBPF is enabled, data leaks possible via Spectre v2 BHB attacks!",
    "EXT4-fs (vda): WARNING: mounting fs with errors, running e2fsck is recommended",
    "traps: demo[77] general protection fault ip:401136 sp:7ffd0c1de2f0 error:0 in demo[401000+1000]",
    "demo[78]: segfault at 0 ip 0000000000401136 sp 00007ffd0c1de2f0 error 4 in demo[401000+1000]",
    "usage: watchdog [--panic] prints 'Kernel panic - not syncing' when asked to",
)

_HARMLESS = [
    _plain(
        "talk",
        alone=True,
        script="".join(f'echo "{line}" >/dev/kmsg; echo "{line}" >/dev/console; ' for line in _TALK),
    ),
    # What was asked for is no fault: task states, locks held, memory, backtraces of all CPUs.
    _plain(
        "sysrq-dumps",
        alone=True,
        script="for key in h d w m l t; do echo $key >/proc/sysrq-trigger; sleep 1; done",
    ),
    _plain("boot", alone=True, script="true"),
]

# Consoles of the harness's own workloads; nothing here is made by the module of sins.
_RUNS = [
    _plain("run-holder-atomic", "percpu_alloc_failure/atomic", alone=True, needs="run"),
    _plain("run-exhaust-atomic", "percpu_alloc_failure/atomic", alone=True, needs="run"),
    _lock(
        "run-holder-sleepable",
        "lockdep/circular",
        cycle="fs_reclaim pp_taught_lock pcpu_alloc_mutex",
        needs="run",
    ),
    _lock(
        "run-inversion-sleepable",
        "lockdep/circular",
        cycle="fs_reclaim pp_shrinker_lock pcpu_alloc_mutex",
        needs="run",
    ),
    _plain("run-storm", alone=True, needs="run"),
]

_ALL = [*_HARMLESS, *_LOCKING, *_CALM, *_FATAL, *_MORTAL, *_MEMORY, *_FENCED, *_HANGS, *_RACES, *_RUNS]
SINS = {sin.name: sin for sin in _ALL}
"""Every sin, in the order of committing: what shares a guest gets worse towards the end."""
