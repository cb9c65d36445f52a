// SPDX-License-Identifier: GPL-2.0-only
// The balance worker allocates with full GFP_KERNEL reclaim while it holds pcpu_alloc_mutex.
//
// goal: mm/percpu.c pcpu_balance_workfn lacks memalloc_noio_save(

@@
identifier flags;
@@
 pcpu_balance_workfn(...) {
 ...
-unsigned int flags = memalloc_noio_save();
 ...
-memalloc_noio_restore(flags);
 ...
 }
