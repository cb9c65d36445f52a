# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions that stand in a call trace but are not to blame: they report, lock, wait or serve for another."""

from __future__ import annotations

import re

_REMEMBERED = 1 << 16
"""Names whose answer is kept; a kernel has more functions, a log names a few thousand of them."""


class Names:
    """A set of function names, given by a regular expression that matches whole names."""

    def __init__(self, *alternatives: str) -> None:
        self._alternatives = alternatives
        self._pattern = re.compile(f"(?:{'|'.join(alternatives)})$", re.VERBOSE)
        self._known: dict[str, bool] = {}

    def match(self, name: str) -> bool:
        """Tell whether the name is one of them; what was asked once is answered from memory."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[name] = self._pattern.match(name) is not None
        return known

    def plus(self, *alternatives: str) -> Names:
        """Give a larger set: these and the further names."""
        return Names(*self._alternatives, *alternatives)


_ANYWHERE = r"""
  bad_page|check_bytes_and_report|check_object|object_err|slab_err|slab_bug|free_to_partial_list
| dump_stack(?:_lvl|_print_info)?|__dump_stack|show_stack\w*|show_trace\w*|show_regs\w*|sched_show_task
| print_\w+_bug\w*|_*warn(?:_printk|_slowpath_\w+)?|warn_slowpath_\w+|report_bug\w*|__report_bug
| fixup_bug\w*|handle_bug|do_error_trap|exc_\w+|asm_\w+|do_trap\w*|do_invalid_op|invalid_op|error_entry|die
| __die\w*|oops_\w+|(?:v|nmi_)?panic\w*|check_panic_on_warn|__switch_to\w*|ret_from_fork\w*|entry_\w+
| do_syscall_64|el[01]\w*|call_trace|unwind_\w+|_*might_(?:sleep|resched|fault)|__cant_\w+|__schedule_bug\w*
| schedule_debug\w*|_*kasan_\w+|_*asan_\w+|__hwasan_\w+|kmsan_\w+|__msan_\w+|_*kcsan_\w+|__tsan_\w+
| kfence_\w+|__ubsan_\w+|ubsan_\w+|check_memory_region\w*|print_(?:report|address_description)|end_report
| arch_(?:stack_walk|trigger\w+)|save_stack\w*|stack_trace_save\w*|nmi_\w+|rcu_dump_\w+|trigger_\w+
| default_do_nmi|rcu_check_gp_kthread\w*|check_cpu_stall|print_cpu_stall\w*|print_other_cpu_stall
| rcu_pending|rcu_sched_clock_irq|update_process_times|tick_\w+|_*hrtimer_\w+|__sysvec_\w+|sysvec_\w+
| watchdog_\w+|call_on_stack|__do_softirq|lockdep_\w+
| _*lock_(?:acquire|release|acquired|contended|is_held\w*)|lock_(?:acquire|release)\w*|__lock_\w+
| check_(?:noncircular|deadlock|prev_add|prevs_add|usage\w*|irq_usage|wait_context|path)|validate_chain
| mark_lock\w*|mark_(?:usage|held_locks)|register_lock_class|add_lock_to_list|assign_lock_key
| debug_check_no_locks_\w+|reacquire_held_locks|valid_state|check_lock
"""
_LOCKING = r"""
  _*mutex_\w+|mutex_(?:lock|unlock|trylock)\w*|_raw_\w+|__raw_\w+|do_raw_\w+
| (?:raw_)?spin_(?:lock|unlock|trylock)\w*|(?:raw_)?(?:read|write)_(?:lock|unlock|trylock)\w*
| down(?:_read|_write|_killable|_interruptible|_timeout|_trylock)?\w*|__down\w*|up(?:_read|_write)?|__up\w*
| rwsem_\w+|percpu_(?:down|up)_\w+|__percpu_\w*down\w*|rt_(?:mutex|spin|read|write)_\w+|rtlock_\w+
| _*rt_\w+lock\w*|ww_mutex_\w+|native_queued_\w+|queued_(?:spin|read|write)_\w+|__pv_\w+|pv_\w+lock\w*
| seqcount_\w+|do_write_seqcount_\w+|rwbase_\w+
"""
_HELPERS = r"""
  memcpy\w*|__memcpy\w*|memset\w*|__memset\w*|memmove\w*|__memmove\w*|memcmp|memchr\w*
| str(?:n?len|n?cpy|s?cpy|n?cmp|lcpy|n?cat)\w*|rep_\w+|__list_(?:add|del)_\w+|__list_del_entry\w*
| refcount_\w+|usercopy_abort|__check_(?:heap_)?object\w*|check_heap_object|fortify_panic|__fortify_\w+
| __stack_chk_fail|_?copy_(?:from|to)_user\w*|__(?:get|put)_user\w*|debug_print_object
| debug_(?:object|check)_\w+|__debug_\w+|debug_smp_processor_id|check_preemption_disabled|spin_(?:bug|dump)
| rwlock_bug|kobject_(?:get|put|add\w*)|_*kref_\w+|instrument_\w+
| atomic\w*_(?:read|set|inc|dec|add|sub|fetch)\w*
"""
_WAITING = r"""
  __schedule|schedule\w*|preempt_schedule\w*|context_switch|_*wait_for_\w+|do_wait_for_\w+
| wait_(?:on|event)_?\w*|__wait_on_\w+|out_of_line_wait_\w+|bit_wait\w*|io_schedule\w*|folio_wait_\w+
| do_nanosleep|msleep\w*|usleep_\w+|cond_resched|__cond_resched|synchronize_\w+|__synchronize_\w+
| __wait_rcu_gp|flush_work|__flush_work\w*|start_flush_work|__flush_workqueue
"""
_ALLOCATING = r"""
  warn_alloc\w*|_*alloc_(?:frozen_)?pages\w*|get_free_pages\w*|__get_free_pages\w*|get_zeroed_page\w*
| folio_alloc\w*|__folio_alloc\w*|alloc_(?:slab_page|page|pages|pages_\w+)|allocate_slab\w*|new_slab
| _+slab_alloc\w*|slab_alloc\w*|_*kmalloc\w*|kmalloc\w*|kzalloc\w*|__do_kmalloc\w*|kmem_cache_alloc\w*
| kvmalloc\w*|__kvmalloc\w*|_*vmalloc\w*|vmap|__vmap\w*|vzalloc\w*|alloc_vmap_area|__get_vm_area\w*
| cache_alloc\w*|fallback_alloc|dump_header\w*|oom_kill_process|out_of_memory|mem_cgroup_out_of_memory
| try_charge\w*|kcalloc\w*
"""


MACHINERY = Names(_ANYWHERE, _LOCKING, _HELPERS)
"""Functions that report, lock or copy on behalf of the one that is to blame."""
WAITERS = Names(_ANYWHERE, _LOCKING, _WAITING)
"""As above, for a task that sleeps: what makes it sleep is not to blame either."""
ALLOCATORS = Names(_ANYWHERE, _LOCKING, _ALLOCATING)
"""As above, for a failed allocation: who asked is looked for, not who served."""
SLEEPERS = Names(_ANYWHERE, _LOCKING, _WAITING, _ALLOCATING)
"""As above, for sleeping where one must not: the guilty one called what sleeps."""
