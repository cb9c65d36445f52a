# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions that stand in a call trace but are not to blame: they report, lock, wait or serve for another."""

from __future__ import annotations

import re

_REMEMBERED = 1 << 16
"""Names whose answer is kept; a kernel has more functions, a log names a few thousand of them."""


class Names:
    """A set of function names: regular expressions that match whole names, and other sets."""

    def __init__(self, *members: str | Names) -> None:
        expressions = [member for member in members if isinstance(member, str)]
        self._sets = [member for member in members if isinstance(member, Names)]
        self._pattern = re.compile(f"(?:{'|'.join(expressions)})$" if expressions else "(?!)", re.VERBOSE)
        self._known: dict[str, bool] = {}

    def match(self, name: str) -> bool:
        """Tell whether the name is one of them; what was asked once is answered from memory."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._pattern.match(name) is not None or any(names.match(name) for names in self._sets)
            self._known[name] = known
        return known


_REPORTING = Names(
    r"""
  dump_stack\w*|__dump_stack|(?:dump|unwind)_(?:backtrace|trace)\w*|show_(?:stack|trace|regs|state)\w*
| sched_show_task|walk_stackframe|unwind_\w+|arch_stack_walk\w*|save_stack\w*|stack_trace_save\w*
| save_trace|call_on_stack|_*warn(?:_printk|(?:_on)?_slowpath\w*|_invalid\w*|_bogus_irq_restore)?
| _*report_bug\w*
| fixup_bug\w*|handle_bug|die|__die\w*|die_\w+|oops_\w+|panic\w*|vpanic|nmi_panic\w*|check_panic_on_warn
| bug_handler|bad_mode|_*bad_area\w*|__stack_chk_fail|print_(?:\w+_bug\w*|report|address_description|trailer)
| end_report|object_err|_*slab_(?:err|error|bug)|slab_fix|check_bytes_and_report|check_object
| bad_page|dump_page
| check_(?:pad_bytes|slab|(?:slab|page)_allocation|region_inline)|on_freelist|restore_bytes
| (?:early_)?(?:kasan|kfence)_fault|report_tag_fault|print_oops_end_marker|_*warn_args
| print_bad_\w+|spin_(?:bug|dump)|rwlock_bug|_*might_(?:sleep|resched|fault)\w*|__cant_\w+
| __schedule_bug\w*|schedule_debug\w*|check_preemption_disabled|debug_smp_processor_id
| __this_cpu_preempt_check|lockdep_rcu_suspicious|_*kasan_\w+|_*asan_\w+|_*hwasan_\w+
| check_memory_region\w*|_*kmsan_\w+|__msan_\w+|_*kcsan_\w+|__tsan_\w+|kfence_\w+|_*ubsan_\w+
| handle_(?:overflow|object_size_mismatch|null_ptr_deref|misaligned_access)|__sanitizer_\w+
| write_comp_data|check_kcov_mode|_*kcov_\w+|__x86_(?:indirect|return)_\w+|srso_\w+|its_return_\w+
| retbleed_\w+|__fentry__|mcount|ftrace_(?:regs_)?caller|arch_ftrace_\w+|trace_(?:hardirqs|preempt)_\w+
| vprintk\w*|_?printk\w*|console_(?:unlock|flush_\w+|trylock\w*)|devkmsg_\w+|print_circular_bug\w*
| _*cfi_(?:check|slowpath|failure)\w*|(?:handle|report)_cfi_\w+
"""
)
"""What prints a report, checks on behalf of a sanitizer, or was put in by the compiler or a tracer."""
_ENTRY = Names(
    r"""
  dump_cpu_task|segv|segv_handler|sig_handler\w*|hard_handler|exc_\w+|asm_\w+|_*sysvec_\w+
| common_interrupt|(?:smp_)?\w*apic_timer_interrupt|local_apic_timer_\w+|do_error_trap|do_trap\w*
| do_invalid_op|invalid_op|error_entry|error_code|do_error|error_exit|paranoid_\w+|_*do_page_fault
| page_fault|page_fault_oops|no_context|__bad_area\w*|do_user_addr_fault|do_kern_addr_fault
| general_protection|do_general_protection|divide_error|double_fault|do_(?:divide_error|double_fault)|nmi
| end_repeat_nmi|do_nmi|default_do_nmi|nmi_\w+|do_(?:mem|data)\w*_?abort|do_(?:DataAbort|PrefetchAbort)
| __(?:dabt|pabt|irq|und)_\w+|do_undefinstr|do_translation_fault|do_bad_area|do_alignment\w*
| do_sp_pc_abort|__do_kernel_fault|do_(?:sea|serror|tag_check_fault|tag_recovery|debug_exception|int3)
| do_el1_\w+|(?:\w+_)?brk_handler|cfi_handler|call_(?:el1_)?break_hook|arm64_(?:serror_panic|notify_die)
| _*(?:arm64_)?(?:enter_from|exit_to)_kernel_mode\w*|handle_bad_stack|__panic_unhandled|arm_notify_die
| handle_invalid_op|math_error|kernelmode_fixup_or_oops|restore_regs_and_return_to_kernel
| handle_(?:break|riscv_irq|loongarch_irq|vint)|do_vint|_*bad_page_fault|bad_kernel_fault
| hash__do_page_fault|_exception|exception_common|unrecoverable_exception|do_report_trap
| do_(?:protection|dat)_exception|default_trap_handler|illegal_op|data_exception|kernel_stack_overflow
| handle_fault_error\w*|do_no_context|do_(?:bp|ri|ale|ade|bce|tr|tr_bp|be|ov|mcheck)|__div0|Ldiv0\w*
| el[01]\w*|ret_(?:from|to)_\w+|call_on_irq_stack|do_interrupt_handler
| handle_exception|do_irq|__do_irq|_*do_IRQ|handle_irq\w*|irq_exit\w*|irq_enter\w*|handle_fasteoi_irq
| generic_handle_\w+|__handle_irq\w*|gic_handle_irq|irqentry_\w+|asm_common_interrupt|entry_[A-Z]\w*
| entry_(?:syscall|fred|from)\w*|do_syscall_\w+|do_int80\w*|do_fast_syscall_\w+|x64_sys_call
| system_call\w*|invoke_syscall\w*|syscall_\w*(?:exit|enter|trace|call|fastpath)\w*|do_program_check
| program_check\w*|pgm_check\w*|monitor_event_\w+|ext_int_\w+|io_int_\w+|do_ext_irq|do_io_irq
| handle_(?:page_fault|signal32|sys)\w*|hardware_interrupt_\w+|decrementer_\w+|kthread|kthread_worker_fn
| __switch_to\w*|_?do_softirq\w*|__do_softirq|handle_softirqs|do_softirq_own_stack|run_ksoftirqd
| hrtimer_(?:interrupt|run_\w+)|__hrtimer_run_queues|tick_\w+|update_process_times|timer_interrupt
| ia64_(?:do_page_fault|(?:native_)?leave_(?:kernel|syscall)|fault|bad_break|illegal_op_fault|handle_irq)
| softlockup_tick|smp_local_timer_interrupt|main_timer_handler|child_rip|kernel_thread(?:_helper)?
| sysenter_\w+|tracesys|call_softirq|work_(?:resched|pending|notifysig)|retint_\w+
| __run_hrtimer|run_local_timers|do_timer(?:_interrupt)?|handle_IRQ_event|profile_tick|show_task
| update_wall_time|arch_timer_handler_\w+|handle_percpu_devid_irq
| _*rcu_(?:pending|sched_clock_irq|check_callbacks)|scheduler_tick|sched_tick
| watchdog_(?:timer_fn|overflow_callback|hardlockup_\w+)|is_softlockup|perf_\w*overflow\w*
| __perf_event_overflow|(?:intel|amd|x86)_pmu_\w+|perf_event_nmi_handler
| (?:smp_)?call_function_single_interrupt|rcu_dump_\w+|trigger_\w*backtrace|arch_trigger_\w+
| check_cpu_stall|print_(?:other_)?cpu_stall\w*|rcu_stall_\w+|rcu_check_gp_\w+|rcu_iw_handler|irq_work_\w+
| synchronize_rcu_expedited_wait\w*
"""
)
"""Entries into the kernel and what a timer's or a watchdog's interrupt runs."""
_LOCKDEP = Names(
    r"""
  lookup_chain_cache\w*|check_(?:no_collision|flags)|(?:find|match)_held_lock|lock_sync|zap_class
| __trace_hardirqs_\w+|verify_lock_unused|_*lock_(?:un|re)pin_lock|perf_trace_lock\w*
| print_(?:collision|bad_irq_dependency|unlock_imbalance\w*|lock_\w+)|lockdep_\w+
| _*lock_(?:acquire|release|acquired|contended|is_held|pin_lock|set_class|downgrade)\w*
| check_(?:noncircular|deadlock|prev_add|prevs_add|usage\w*|irq_usage|wait_context|chain_key)
| validate_chain|mark_(?:lock\w*|usage|held_locks)|register_lock_class|look_up_lock_class|add_lock_to_list
| assign_lock_key|debug_check_no_locks_\w+|reacquire_held_locks|valid_state
"""
)
_LOCKS = Names(
    r"""
  (?:debug_|_*)(?:rt_)?mutex_\w+|_+init_rwsem|_+rwlock_init|_+percpu_init_rwsem|_raw_\w+|__raw_\w+
| do_raw_\w+|_*(?:raw_)?spin_(?:lock|unlock|trylock)\w*
| _*(?:raw_)?(?:read|write)_(?:lock|unlock|trylock)\w*|down
| text\.lock\.\w+|__lock_text_start|_*(?:un)?lock_kernel|_*reacquire_kernel_lock
| _*down_(?:read|write|killable|interruptible|timeout|trylock|common)\w*|__down\w*|up|up_(?:read|write)\w*
| __up_(?:read|write)\w*|__up|downgrade_write\w*|rwsem_\w+|(?:__)?percpu_(?:down|up|rwsem)_\w+
| rt_(?:mutex|spin|read|write)_\w+|_*rt_\w+lock\w*|rtlock_\w+|_*rt_mutex\w*|ww_mutex_\w+|native_queued_\w+
| queued_(?:spin|read|write)_\w+|_*pv_\w+lock\w*|__pv_\w+|(?:virt_)?queued?_spin_lock_slowpath
| ticket_spin_\w+|arch_(?:spin|read|write)_\w+|kvm_wait|pv_wait\w*|mcs_\w+|seqcount_\w+
| do_write_seqcount_\w+|rwbase_\w+|slowlock|task_blocks_on_rt_mutex|osq_\w+
| _*rcu_read_(?:un)?lock\w*|_*(?:raw_)?local_(?:irq|bh)_(?:enable|disable|save|restore)\w*
| arch_local_irq_\w+|_*preempt_count_\w+
"""
)
"""Primitives of locking: who called them is meant, whatever happened in them."""
_HELPERS = Names(
    r"""
  _*(?:pi_)?mem(?:cpy|set|move|cmp|chr)\w*|bcmp|mmio(?:cpy|set)
| _*(?:pi_|sized_)?str(?:n?len|n?cpy|scpy|n?cmp|n?casecmp|lcpy|[nl]?cat|[rn]?chr|n?str|n?dup)\w*
| str(?:c?spn|pbrk|sep)|memory_is_\w+|pointer|restricted_pointer|hex_string|hex_dump_to_buffer
| print_hex_dump\w*|ptr_to_hashval
| kmem(?:dup|dup_\w+)
| kvmemdup|v?snprintf|sprintf|vscnprintf|string|string_nocheck|rep_(?:movs|stos)\w*|copy_user_\w+
| clear_(?:page|user)_\w+|__list_(?:add|del)(?:_\w+)?
| list_(?:add|del|move)(?:_(?:tail|init|rcu))*|hlist_(?:add|del)\w*|_*refcount_\w+|_*kref_\w+
| kobject_(?:get|put)|percpu_ref_(?:get|put)\w*|usercopy_\w+|__check_(?:heap_)?object\w*|check_heap_object
| check_copy_size
| _*fortify_\w+|instrument_\w+|_*copy_(?:from|to|in|out)_?(?:user|iter|nofault|kernel)\w*
| _*copy(?:in|out)\w*|_*(?:arch|arm|asm)_(?:copy|clear)_\w+|_*copy_tofrom_user\w*|fallback_scalar_usercopy\w*
| iov_iter_(?:copy_|zero)\w*|copy_page_(?:to|from)_iter\w*|simple_copy_to_iter|_*(?:get|put)_user\w*
| raw_copy_\w+
| csum_and_copy_\w+|_*copy_overflow|debug_print_object|_*debug_(?:object|check_no_obj)\w*
| lookup_object\w*|\w+_is_static_object|timer_debug_\w+
| init_timer(?:_on_stack)?_key|timer_init_key(?:_on_stack)?
| hrtimer_(?:init|setup)(?:_sleeper)?(?:_on_stack)?|__init_work|init_rcu_head(?:_on_stack)?
| atomic\w*_(?:read|set|inc|dec|add|sub|fetch|cmpxchg|xchg|try)\w*
| (?:arch_|__)?(?:test|set|clear|change)(?:_and_\w+)?_bit(?:_(?:un)?lock)?|skb_(?:over_|under_)?panic
| assfail|asswarn|\w*assertfail|assertion_fail\w*
"""
)
"""Helpers that many call: copies, strings, lists, reference counts, constructors and debugging of objects."""
_ALLOCATING = Names(
    r"""
  warn_alloc\w*|_*alloc_(?:frozen_)?pages?\w*|_*get_free_pages\w*|get_zeroed_page\w*
| get_page_from_freelist|_*rmqueue(?:_\w+)?|check_new_pages?(?:_bad)?|prep_compound_page
| (?:__)?folio_alloc\w*|alloc_slab_page\w*|allocate_slab\w*|new_slab\w*
| _*slab_alloc\w*|slab_post_alloc_hook|kmalloc_reserve|slab_(?:pre_alloc|want_init|out_of_memory)\w*
| (?:memcg|slab)_\w*alloc_\w*hook|prep_new_page|post_alloc_hook|kmemleak_(?:alloc|vmalloc)\w*
| _*create_object|_*kernel_(?:un)?poison_pages
| _*k[mzcr]alloc(?:_(?:noprof|node|trace|track|caller|array|large|order|cache|slab|(?:fix_)?flags|size))*
| _*kmalloc_nolock\w*
| __do_k[mr]e?alloc\w*|kmem_cache_\w*alloc\w*|__kmem_cache_alloc\w*
| _*k?v?realloc(?:_(?:noprof|node|align|trace|track|caller|array|large|order|cache|slab|fix_flags|size))*
| _*kv[mzc]alloc(?:_(?:noprof|node|trace|track|caller|array|large|order|cache|slab|fix_flags|size))*
| _*vmalloc(?:_(?:node|range|area|noprof|array|user|huge|32))*|vmap|__vmap\w*
| vzalloc(?:_(?:noprof|node|trace|track|caller|array|large|order|cache|slab|fix_flags|size))*
| alloc_vmap_area|_*get_vm_area\w*|cache_(?:alloc|grow)\w*|kmem_getpages|____?cache_alloc\w*|fallback_alloc
| mempool_alloc\w*
| kvasprintf\w*|kasprintf|vmemdup_\w+|memdup_\w+|strndup_user|dump_header\w*|oom_kill_process
| _*out_of_memory|badness|select_bad_process|mem_cgroup_out_of_memory|mem_cgroup_oom\w*
| pagefault_out_of_memory
| (?:mem_cgroup_)?_*try_charge\w*|_*mem_cgroup_charge\w*|charge_memcg|__alloc_objects?\w*|set_track\w*
| alloc_(?:consistency_checks|debug_processing|single_from_\w+|slab_obj_exts\w*|from_(?:new_slab|pcs)\w*)
| get_(?:any_)?partial\w*|get_from_\w*partial\w*|setup_object\w*|shuffle_freelist|_*vcalloc\w*
| kmem_cache_(?:refill|prefill)_sheaf|early_kmem_cache_node_alloc|init_kmem_cache_nodes|page_cache_alloc\w*
| filemap_alloc_folio\w*
"""
)
"""What serves an allocation: who asked is meant."""
_FREEING = Names(
    r"""
  kfree|kfree_(?:sensitive|const|nolock)|kzfree|kvfree\w*|vfree\w*|__vfree|__vunmap|kmem_cache_free\w*
| __kmem_cache_free|_*slab_free\w*|do_slab_free|____?cache_free|cache_free_debugcheck
| memcg_slab_\w+_hook|free_to_pcs\w*|_*(?:kfree_)?rcu_(?:free|kfree)_(?:slab|sheaf)\w*|discard_slab|free_slab
| deactivate_slab|_*put_partials\w*|free_one_page|(?:\w+_)?sheaf_flush_\w+|kmem_cache_return_sheaf
| free_(?:debug|consistency)_\w+|__free_slab|free_to_partial_list|unfreeze_partials|put_cpu_partial
| _*free_(?:frozen_)?pages?\w*|free_(?:unref|large|the|pcppages|tail|hot_cold)_\w+
| free_pcp_prepare|__folio_put\w*|__pagevec_free|release_pages
| (?:__)?put_page\w*|folio_put\w*|mempool_free\w*|qlist_free\w*|qlink_free|ksize|__ksize|kfree_rcu_\w+
"""
)
"""What takes memory back: who gave it is meant."""
_WAITING = Names(
    r"""
  __schedule(?:_loop)?|schedule(?:_(?:timeout\w*|preempt_disabled|hrtimeout\w*|idle|user|rtlock))?
| preempt_schedule\w*|context_switch|(?:blk_)?io_schedule\w*|schedule_on_each_cpu|do_nanosleep
| hrtimer_nanosleep|(?!\w*sys_)(?:\w*_)?wait(?:_\w+)?
| _*lock_(?:page|folio|buffer)\w*|(?:folio|page)_lock\w*
| \w+_lock(?:_nested|_slow|_killable|_interruptible|_common)?|\w+_slowlock\w*|_*synchronize_\w+
| __lock_sock|rcu_barrier\w*|_*cancel_(?:delayed_)?work\w*|[mu]sleep\w*|_?cond_resched\w*
| completion_\w+|sync_(?:buffer|page)|(?:wake_bit|autoremove_wake|default_wake)_function
| (?:interruptible_)?sleep_on\w*|thread_return|do_gettimeofday|getnstimeofday|delayacct_\w+|lock_timer_base
| prepare_to_wait_\w+|rcu_gp_\w+|rcu_exp_\w+|kthread_(?:stop|park|flush|cancel)\w*
"""
)
"""What a task sleeps in, wrappers of a lock (`rtnl_lock()`) among it: who waits for it is meant."""
_IDLING = Names(
    r"""
  native_(?:safe_)?halt|default_idle\w*|arch_(?:safe_halt|cpu_idle\w*)|acpi_(?:idle|safe_halt)\w*
| cpuidle_\w+|pv_native_\w*halt|mwait_idle\w*|intel_idle\w*|do_idle|cpu_startup_entry|cpu_idle\w*
| call_cpuidle|poll_idle|cpu_do_idle|__cpu_do_idle|wait_for_interrupt|secondary_startup_\w+
| start_secondary|secondary_start_kernel|rest_init|start_kernel|x86_64_start_\w+|snooze_loop|r4k_wait\w*
"""
)
_SPINNING = Names(
    r"""
  cpu_relax|rep_nop|delay_\w+|__(?:const_)?u?delay|__ndelay|_*const_udelay|__loop_delay|rcu_\w*gp_\w+
| rcu_read_(?:un)?lock\w*|rcu_is_watching|rcu_lockdep_\w+|debug_lockdep_\w+|(?:smp_)?mb|get_current
| in_lock_functions|__schedule(?:_loop)?
| schedule(?:_(?:timeout\w*|preempt_disabled|hrtimeout\w*|idle|user|rtlock))?|preempt_schedule\w*
| context_switch
| ktime_get(?:_\w+)?|timekeeping_get_ns|read_hpet|read_tsc|acpi_pm_read\w*|kvm_clock_\w+|pvclock_\w+
"""
)
_DISPATCHING = Names(
    r"""
  process_(?:one_work|scheduled_works)|run_workqueue|worker_thread|kthread\w*|smpboot_thread_fn|irq_thread\w*
| call_timer_fn|expire_timers|_*run_timers?\w*|run_timer_softirq|tasklet_\w*action\w*|rcu_do_batch|rcu_core\w*
| _*napi_poll|net_[rt]x_action|process_backlog|_*netif_receive_skb\w*|deliver_\w*skb|_*handle_irq_event\w*
| (?:__)?flush_smp_call_function_\w+|generic_smp_call_function_\w+|do_one_initcall|do_initcalls
| _*vfs_(?:read|write|readv|writev|ioctl|iter_\w+|get_tree)|do_vfs_ioctl|ksys_\w+|new_sync_(?:read|write)
| call_(?:read|write)_iter|do_iter_\w+|do_(?:loop_)?readv_writev|do_dentry_open|chrdev_open|misc_open
| get_tree_\w+|mount_(?:bdev|fs|nodev|single|mtd)|legacy_get_tree|_*fput\w*|task_work_run
| _*sock_(?:sendmsg|recvmsg|release|write_iter|read_iter)\w*|sock_close|sock_(?:do_)?ioctl|_+sys_\w+msg\w*
| (?:do_sock|sock_common|__sys)_[gs]etsockopt|(?:rt|ge)n\w*_rcv_msg\w*|netlink_(?:rcv_skb|dump|unicast)
| nfnetlink_rcv_\w+|exit_to_user\w+|do_notify_resume|do_signal|arch_do_signal\w*|get_signal
"""
)
"""What calls through a pointer: work, timers, soft and hard interrupts, files, sockets, file systems."""

INLINED = Names(
    r"""
      _*(?:raw_)?(?:spin|read|write)_(?:lock|unlock|trylock)(?:_(?:irq|irqsave|irqrestore|bh|nested))?
    | (?:queued|arch)_(?:spin|read|write)_(?:lock|unlock|trylock)|rcu_read_(?:un)?lock(?:_bh|_sched)?
    | (?:read|write)_seq(?:lock|count)_(?:begin|end|retry)|do_write_seqcount_(?:begin|end)
    | (?:arch_)?local_irq_(?:enable|disable|save|restore)|seqcount_\w+
    | \w+_lock(?:_nested|_slow|_killable|_interruptible|_common)?
    | (?:__|h)?list_(?:add|del|move)(?:_(?:head|entry|tail|init|rcu|valid))*
    | _*refcount_(?:inc|dec|add|sub|set|read)(?:_(?:and|test|not|zero|one|if|mutex|lock))*
    | _*kref_(?:get|put|init)(?:_(?:unless_zero|mutex|lock))?
    | percpu_ref_(?:(?:try)?get|put)(?:_(?:many|live))?|instrument_\w+
    | atomic\w*_(?:read|set|inc|dec|add|sub|fetch|cmpxchg|xchg|try)\w*
    | (?:arch_|__)?(?:test|set|clear|change)(?:_and_\w+)?_bit(?:_(?:un)?lock)?
    | _*copy_(?:from|to)_(?:user|iter)(?:_inatomic|_nocheck)?|_*mem(?:cpy|set|move|cmp)
    | k[mzc]alloc(?:_(?:noprof|node|array))*|kv[mzc]alloc(?:_(?:noprof|node|array))*
    | alloc_pages?|(?:get|put)_page|folio_(?:get|put)|kvfree|kfree
    | ass(?:fail|warn)|\w*assertfail|assertion_fail\w*|_*might_(?:sleep|resched|fault)
    """
)
"""Machinery that the compiler may put into modules: functions of headers, and their own assertions.

Any other frame of a module is the module's own, however its name begins.
"""

REPORTING = Names(_REPORTING, _ENTRY, _LOCKDEP)
"""What stands in a trace because it reported, and entries into the kernel."""
PRIMITIVES = Names(_LOCKDEP, _LOCKS)
"""Lock primitives alone: any other function may have tried to take the lock of a lockdep report."""
SERVICES = Names(
    r"""
      kobject_\w+|proc_register|_*proc_(?:create|mkdir)\w*|proc_symlink|proc_net_mkdir
    | usb_submit_urb|usb_start_wait_urb|usb_(?:bulk|interrupt|control)_msg\w*
    """
)
"""Functions that WARN of what they are asked for: lib/kobject.c, fs/proc/generic.c, drivers/usb/core."""
WARNERS = Names(REPORTING, _HELPERS, r"_*kv?malloc(?:_(?:node|slab|fix_flags|large|noprof|order))*")
"""Functions whose WARN is about their caller. Locks are not among them: they WARN of themselves."""
MACHINERY = Names(REPORTING, _LOCKS, _HELPERS, _ALLOCATING, _FREEING)
"""Functions that report, lock, copy, allocate or free on behalf of the one that is to blame."""
PANICKERS = Names(REPORTING, _LOCKS, _HELPERS, r"__schedule|schedule\w*|preempt_schedule\w*")
"""Functions through which a panic comes about, if it is not an allocation that failed."""
WAITERS = Names(REPORTING, _LOCKS, _WAITING)
"""As above, for a task that sleeps: what makes it sleep is not to blame either."""
STALLERS = Names(REPORTING, _LOCKS, _IDLING, _SPINNING)
"""As above, for a CPU that does not come back: where it idles or spins says little."""
DISPATCHERS = Names(_ENTRY, _DISPATCHING)
"""What is common to many operations: below it stands the one that a CPU was in."""
IDLERS = _IDLING
"""Where a CPU without work is found."""
ALLOCATORS = Names(REPORTING, _LOCKS, _ALLOCATING, r"_*k(?:mem|str)n?dup\w*|kvmemdup")
"""As above, for a failed allocation: who asked is looked for, not who served."""
SLEEPERS = Names(REPORTING, _LOCKS, _WAITING, _ALLOCATING, _HELPERS)
"""As above, for sleeping where one must not: the guilty one called what sleeps."""
