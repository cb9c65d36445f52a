// SPDX-License-Identifier: GPL-2.0-only
// Only those who may not block are atomic; callers confined to NOFS or NOIO take pcpu_alloc_mutex.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof has is_atomic = !gfpflags_allow_blocking(gfp);

@@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp;
@@
 alloc(..., gfp_t gfp) {
 ...
-is_atomic = (gfp & GFP_KERNEL) != GFP_KERNEL;
+is_atomic = !gfpflags_allow_blocking(gfp);
 ...
 }
