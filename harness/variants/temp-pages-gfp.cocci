// SPDX-License-Identifier: GPL-2.0-only
// The temporary page array is allocated with the flags of whoever populates first. Depopulating passes none:
// the array is there by then, and must not be allocated on that path.
//
// goal: mm/percpu-vm.c pcpu_get_pages has pcpu_get_pages(gfp_t gfp)
// goal: mm/percpu-vm.c pcpu_get_pages has pcpu_mem_zalloc(pages_size, gfp)
// goal: mm/percpu-vm.c pcpu_populate_chunk has pcpu_get_pages(gfp)
// goal: mm/percpu-vm.c pcpu_depopulate_chunk lacks pcpu_get_pages()

@@
typedef gfp_t;
identifier pages, size;
@@
 pcpu_get_pages(
-void
+gfp_t gfp
 ) {
 ...
-if (!pages)
-	pages = pcpu_mem_zalloc(size, GFP_KERNEL);
+if (!pages && gfp)
+	pages = pcpu_mem_zalloc(size, gfp);
 ...
 }

@@
identifier gfp;
@@
 pcpu_populate_chunk(..., gfp_t gfp) {
 ...
-pcpu_get_pages()
+pcpu_get_pages(gfp)
 ...
 }

@@
@@
 pcpu_depopulate_chunk(...) {
 ...
-pcpu_get_pages()
+pcpu_get_pages(0)
 ...
 }
