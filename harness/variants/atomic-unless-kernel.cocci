// SPDX-License-Identifier: GPL-2.0-only
// Whoever lacks a bit of GFP_KERNEL is atomic: never takes pcpu_alloc_mutex, never populates.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof has is_atomic = (gfp & GFP_KERNEL) != GFP_KERNEL;

@@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp;
@@
 alloc(..., gfp_t gfp) {
 ...
-is_atomic = !gfpflags_allow_blocking(gfp);
+is_atomic = (gfp & GFP_KERNEL) != GFP_KERNEL;
 ...
 }
