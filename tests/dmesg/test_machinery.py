# SPDX-License-Identifier: GPL-2.0-or-later
"""The function that a maintainer would name is blamed, not what locks, waits, copies or reports for it."""

from __future__ import annotations

import pytest

from harness.dmesg import machinery, stack
from harness.dmesg.machinery import Names

CASES = [
    # A WARN in a reference count, on several kernels.
    (machinery.MACHINERY, "refcount_warn_saturate kobject_put guilty do_syscall_64", "guilty"),
    (
        machinery.MACHINERY,
        "__warn report_bug fixup_bug.part.0 do_error_trap do_invalid_op invalid_op guilty",
        "guilty",
    ),
    (machinery.MACHINERY, "__warn report_bug handle_bug exc_invalid_op asm_exc_invalid_op guilty", "guilty"),
    (machinery.MACHINERY, "warn_slowpath_common warn_slowpath_null guilty vfs_read", "guilty"),
    # Sanitizers.
    (
        machinery.MACHINERY,
        "dump_stack_lvl print_address_description.constprop.0 kasan_report.cold guilty",
        "guilty",
    ),
    (machinery.MACHINERY, "kasan_check_range memcpy guilty", "guilty"),
    (machinery.MACHINERY, "__asan_memmove skb_copy guilty", "skb_copy"),
    (machinery.MACHINERY, "__kasan_slab_free kmem_cache_free guilty", "guilty"),
    (machinery.MACHINERY, "kmsan_internal_check_memory kmsan_copy_to_user _copy_to_iter guilty", "guilty"),
    (machinery.MACHINERY, "ubsan_epilogue __ubsan_handle_shift_out_of_bounds.cold guilty", "guilty"),
    # Faults inside of helpers.
    (machinery.MACHINERY, "__list_del_entry_valid guilty", "guilty"),
    (machinery.MACHINERY, "__lock_acquire lock_acquire _raw_spin_lock_irqsave guilty", "guilty"),
    (machinery.MACHINERY, "strcmp guilty", "guilty"),
    (machinery.MACHINERY, "kmem_cache_alloc_noprof guilty", "guilty"),
    (machinery.MACHINERY, "usercopy_abort __check_heap_object __check_object_size guilty", "guilty"),
    (machinery.MACHINERY, "skb_over_panic skb_put guilty", "skb_put"),
    # Tasks that sleep.
    (
        machinery.WAITERS,
        "__switch_to __schedule schedule schedule_preempt_disabled __mutex_lock guilty",
        "guilty",
    ),
    (machinery.WAITERS, "__schedule schedule rwsem_down_write_slowpath down_write guilty", "guilty"),
    (
        machinery.WAITERS,
        "__schedule schedule schedule_timeout __wait_for_common wait_for_completion guilty",
        "guilty",
    ),
    (
        machinery.WAITERS,
        "__schedule schedule io_schedule folio_wait_bit_common __folio_lock guilty",
        "guilty",
    ),
    (machinery.WAITERS, "context_switch __schedule schedule __mutex_lock_common rtnl_lock guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule synchronize_rcu guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule jbd2_log_wait_commit guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule request_wait_answer guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule blk_io_schedule submit_bio_wait guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule io_schedule rq_qos_wait wbt_wait guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule wait_transaction_locked guilty", "guilty"),
    (machinery.WAITERS, "__schedule schedule __x64_sys_wait4 do_syscall_64", "__x64_sys_wait4"),
    (machinery.WAITERS, "__schedule schedule_timeout __wait_for_common kthread_stop guilty", "guilty"),
    # CPUs that do not come back.
    (machinery.STALLERS, "native_queued_spin_lock_slowpath do_raw_spin_lock _raw_spin_lock guilty", "guilty"),
    (machinery.STALLERS, "__sanitizer_cov_trace_pc guilty", "guilty"),
    (machinery.STALLERS, "_raw_spin_unlock_irqrestore guilty", "guilty"),
    (machinery.STALLERS, "kvm_wait __pv_queued_spin_lock_slowpath guilty", "guilty"),
    (machinery.STALLERS, "delay_tsc __const_udelay guilty", "guilty"),
    # Failed allocations.
    (
        machinery.ALLOCATORS,
        "dump_stack warn_alloc __alloc_pages_slowpath.constprop.0 __alloc_pages guilty",
        "guilty",
    ),
    (
        machinery.ALLOCATORS,
        "warn_alloc __alloc_pages_noprof ___kmalloc_large_node __kmalloc_noprof guilty",
        "guilty",
    ),
    (machinery.ALLOCATORS, "warn_alloc __vmalloc_node_range __vmalloc_node vmalloc guilty", "guilty"),
    (
        machinery.ALLOCATORS,
        "warn_alloc __alloc_frozen_pages_noprof ___kmalloc_large_node kvrealloc_node_align_noprof guilty",
        "guilty",
    ),
    (
        machinery.ALLOCATORS,
        "kmemleak_alloc __kmalloc_node_track_caller kvasprintf kvasprintf_const guilty",
        "guilty",
    ),
    # Sleeping where one must not.
    (machinery.SLEEPERS, "dump_stack ___might_sleep __might_sleep mutex_lock_nested guilty", "guilty"),
    (machinery.SLEEPERS, "__might_resched __kmem_cache_alloc_node kmalloc_trace guilty", "guilty"),
    (machinery.SLEEPERS, "__schedule_bug __schedule schedule schedule_timeout msleep guilty", "guilty"),
    # Helpers as each architecture and compiler names them.
    *(
        (machinery.MACHINERY, f"{helper} guilty", "guilty")
        for helper in (
            "refcount_sub_and_test __refcount_dec_and_test kref_put",
            "__check_object_size.part.0 check_copy_size",
            "strnlen_user sized_strscpy",
            "hwasan_tag_mismatch __hwasan_tag_mismatch",
            "__pi_memcpy",
            "__pi_strcmp",
            "memcpy_orig",
            "memset_erms",
            "mmiocpy",
            "__arch_copy_to_user",
            "arm_copy_from_user",
            "fallback_scalar_usercopy __asm_copy_to_user",
            "__copy_tofrom_user_base",
            "rep_movs_alternative copy_user_generic raw_copy_to_user",
            "iov_iter_copy_from_user_atomic",
            "__rcu_read_unlock",
            "warn_bogus_irq_restore raw_local_irq_restore",
            "___bad_area_nosemaphore page_fault_oops exc_page_fault asm_exc_page_fault",
            "do_page_fault do_mem_abort el1_abort el1h_64_sync_handler el1h_64_sync",
            "kcsan_report_known_origin kcsan_setup_watchpoint __tsan_read8",
            "do_error_trap handle_invalid_op exc_invalid_op asm_exc_invalid_op",
            "arm64_serror_panic do_serror el1h_64_error_handler el1h_64_error",
            "bug_handler bug_brk_handler call_el1_break_hook do_el1_brk64 el1_brk64 el1h_64_sync_handler",
            "die bug_handler brk_handler do_debug_exception el1_dbg",
            "report_tag_fault do_tag_check_fault do_mem_abort el1_abort",
            "kasan_report_invalid_free check_slab_allocation __kasan_slab_pre_free kmem_cache_free",
            "dump_stack __div0 Ldiv0_64",
            "die arm_notify_die do_undefinstr",
            "die do_protection_exception pgm_check_handler",
            "bad_page check_new_page_bad rmqueue_bulk __rmqueue_pcplist get_page_from_freelist",
            "_down_write_nest_lock",
            "strspn",
            "find_held_lock lock_sync",
        )
    ),
    (machinery.MACHINERY, "__list_del_entry_valid_or_report list_del_init guilty", "guilty"),
    (machinery.MACHINERY, "debug_object_activate call_rcu guilty", "call_rcu"),
    (
        machinery.MACHINERY,
        "do_raw_spin_lock _raw_spin_lock_irqsave __wake_up_common_lock x",
        "__wake_up_common_lock",
    ),
    (machinery.WAITERS, "__schedule schedule __lock_sock lock_sock_nested guilty", "lock_sock_nested"),
    (
        machinery.ALLOCATORS,
        "warn_alloc_failed __alloc_pages_nodemask cache_grow fallback_alloc ____cache_alloc_node guilty",
        "guilty",
    ),
    # Cut off before it came to the point.
    (machinery.MACHINERY, "dump_stack panic", None),
]


@pytest.mark.parametrize(("names", "trace", "guilty"), CASES, ids=[case[1][-60:] for case in CASES])
def test_the_guilty_function(names: Names, trace: str, guilty: str | None) -> None:
    text = "".join(f"\n {name}+0x10/0x20" for name in trace.split())
    assert stack.guilty("head" + text, names) == guilty


@pytest.mark.parametrize(
    "name",
    [
        "do_exit",
        "up_the_hill",
        "downloader",
        "string_theory",
        "upload",
        "diehard",
        "memory_failure",
        "locksmith",
    ],
)
def test_names_are_matched_whole(name: str) -> None:
    assert not machinery.MACHINERY.match(name)


def test_a_name_in_doubt_is_taken_only_where_all_are() -> None:
    assert stack.guilty("head\n ? maybe+0x1/0x2\n sure+0x1/0x2") == "sure"
    assert stack.guilty("head\n ? dump_stack+0x1/0x2\n ? maybe+0x1/0x2") == "maybe"
    assert stack.guilty("head\n dump_stack+0x1/0x2\n ? leftover+0x1/0x2") is None


def test_a_frame_of_a_module_is_its_own_whatever_its_name_begins_with() -> None:
    trace = "head\n schedule+0x1/0x2\n wait_for_completion+0x1/0x2\n wait_for_x+0x1/0x2 [m]\n x+0x1/0x2 [m]"
    assert stack.guilty(trace, machinery.WAITERS) == "wait_for_x"
    assert stack.guilty(trace.replace(" [m]", ""), machinery.WAITERS) == "x"
    pointer = "head\nRIP: 0010:memcpy_all+0x1/0x2 [m]\n x+0x1/0x2 [m]"
    assert stack.guilty(pointer) == "memcpy_all"
    assert stack.guilty(pointer.replace("2 [m]\n", "2\n")) == "x"


@pytest.mark.parametrize("name", ["refcount_inc", "__list_add", "kref_put.constprop.0", "xfs_assertfail"])
def test_what_headers_put_into_a_module_stays_machinery(name: str) -> None:
    assert stack.guilty(f"head\n {name}+0x1/0x2 [m]\n x+0x1/0x2 [m]") == "x"


def test_a_pointer_into_machinery_is_better_than_nothing() -> None:
    assert stack.guilty("head\nRIP: 0010:_raw_spin_lock+0x1/0x2\n lock_acquire+0x1/0x2") == "_raw_spin_lock"
    assert stack.guilty("head", first=("memcpy",)) == "memcpy"


@pytest.mark.parametrize(
    "name",
    [
        "kmalloc_oob_right",
        "set_extent_bit",
        "cfi_amdstd_write",
        "list_add_leaf_cfs_rq",
        "schedule_work",
        "vmalloc_oob",
    ],
)
def test_a_helper_s_name_at_the_start_is_not_enough(name: str) -> None:
    assert not machinery.MACHINERY.match(name)
    assert not machinery.WAITERS.match(name)


def test_a_lock_that_warns_is_blamed_for_it() -> None:
    assert not machinery.WARNERS.match("__local_bh_enable_ip")
    assert machinery.WARNERS.match("refcount_warn_saturate")


@pytest.mark.parametrize(
    ("trace", "operation"),
    [
        ("copy_it look_it_up work_fn process_one_work worker_thread kthread ret_from_fork", "work_fn"),
        ("again my_timer call_timer_fn __run_timers run_timer_softirq __do_softirq", "my_timer"),
        ("again my_hrtimer __hrtimer_run_queues hrtimer_interrupt", "my_hrtimer"),
        ("inner my_write vfs_write ksys_write do_syscall_64", "my_write"),
        ("inner my_sendmsg ____sys_sendmsg ___sys_sendmsg __sys_sendmsg do_syscall_64", "my_sendmsg"),
        ("inner my_doit rtnetlink_rcv_msg netlink_rcv_skb netlink_unicast", "my_doit"),
        ("inner do_splice __x64_sys_splice do_syscall_64", "sys_splice"),
        ("inner do_splice SyS_splice entry_SYSCALL_64_fastpath", "sys_splice"),
        ("inner __arm64_sys_splice invoke_syscall.constprop.0 el0_svc_common", "sys_splice"),
        ("_raw_spin_lock inner nobody_knows", None),
        ("process_one_work worker_thread", "process_one_work"),
    ],
)
def test_the_operation_that_a_stalled_cpu_was_in(trace: str, operation: str | None) -> None:
    text = "head" + "".join(f"\n {name}+0x10/0x20" for name in trace.split())
    assert stack.operation(text, machinery.STALLERS) == operation


def test_an_operation_is_not_told_across_two_dumps_or_within_a_module() -> None:
    two = (
        "head\nRIP: 0010:here+0x1/0x2\n outer+0x1/0x2\nRIP: 0010:there+0x1/0x2\n f+0x1/0x2\n kthread+0x1/0x2"
    )
    assert stack.operation(two, machinery.STALLERS) is None
    own = "head\n inner+0x1/0x2 [m]\n outer+0x1/0x2 [m]\n vfs_write+0x1/0x2"
    assert stack.operation(own, machinery.STALLERS) is None
