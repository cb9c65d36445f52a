// SPDX-License-Identifier: GPL-2.0-only
// As mask-noio, but a caller's __GFP_NOFAIL reaches the backing allocators as well.
//
// goal: mm/percpu.c pcpu_alloc|pcpu_alloc_noprof has pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOFAIL);

@@
identifier alloc = {pcpu_alloc, pcpu_alloc_noprof};
identifier gfp, pcpu_gfp;
@@
 alloc(..., gfp_t gfp) {
 ...
(
-pcpu_gfp = gfp & (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
+pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOFAIL);
|
-pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
+pcpu_gfp = gfp & (GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOFAIL);
)
 ...
 }
