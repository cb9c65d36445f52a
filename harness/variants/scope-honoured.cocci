// SPDX-License-Identifier: GPL-2.0-only
// The caller's memalloc_nofs/noio scope is looked up before the flags are judged.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof has gfp = current_gfp_context(gfp);

@honoured@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp;
@@
 alloc(..., gfp_t gfp) {
 <+...
 gfp = current_gfp_context(gfp);
 ...+>
 }

@depends on !honoured@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp, pcpu_gfp;
expression mask;
@@
 alloc(..., gfp_t gfp) {
 ...
+gfp = current_gfp_context(gfp);
 pcpu_gfp = gfp & mask;
 ...
 }
