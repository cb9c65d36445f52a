// SPDX-License-Identifier: GPL-2.0-only
// What a caller of pcpu_alloc() passes on to the backing allocators holds neither __GFP_IO nor __GFP_FS.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof has pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);

@@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp, pcpu_gfp;
@@
 alloc(..., gfp_t gfp) {
 ...
(
-pcpu_gfp = gfp & (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
+pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
|
-pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOFAIL);
+pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
)
 ...
 }
