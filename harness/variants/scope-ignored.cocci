// SPDX-License-Identifier: GPL-2.0-only
// The caller's memalloc_nofs/noio scope is not looked up: only the flags that it passes count.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof lacks current_gfp_context(

@@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp;
@@
 alloc(..., gfp_t gfp) {
 <...
-gfp = current_gfp_context(gfp);
 ...>
 }
