// SPDX-License-Identifier: GPL-2.0-only
// The balance worker holds pcpu_alloc_mutex inside a NOIO scope.
//
// goal: mm/percpu.c pcpu_balance_workfn has memalloc_noio_save(
// goal: mm/percpu.c pcpu_balance_workfn has memalloc_noio_restore(

@@
@@
 pcpu_balance_workfn(...) {
+unsigned int flags = memalloc_noio_save();
 mutex_lock(&pcpu_alloc_mutex);
 ...
 mutex_unlock(&pcpu_alloc_mutex);
+memalloc_noio_restore(flags);
 }
