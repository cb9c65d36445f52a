// SPDX-License-Identifier: GPL-2.0-only
// Page tables are allocated inside a scope that stands for the caller's flags, because the vmalloc code that
// allocates them takes none.
//
// Where the kernel has memalloc_apply_gfp_scope() it decides on the scope. It came together with the flags
// argument of vmap_pages_range_noflush(); older trees get a NOIO or NOFS scope by the same rule. The
// boot-time caller passes GFP_KERNEL: nothing waits for the mutex yet.
//
// goal: mm/percpu-vm.c __pcpu_map_pages has int nr_pages, gfp_t gfp)
// goal: mm/percpu-vm.c __pcpu_map_pages has vmap_pages_range_noflush(
// goal: mm/percpu-vm.c __pcpu_map_pages has scope
// goal: mm/percpu-vm.c pcpu_map_pages has int page_end, gfp_t gfp)
// goal: mm/percpu-vm.c pcpu_map_pages has page_end - page_start, gfp)
// goal: mm/percpu-vm.c pcpu_populate_chunk has pcpu_map_pages(chunk, pages, page_start, page_end, gfp)
// goal: mm/percpu.c pcpu_page_first_chunk has unit_pages, GFP_KERNEL)

@@
identifier n;
expression start, end, prot, pages, shift;
@@
 __pcpu_map_pages(..., int n
+, gfp_t gfp
 ) {
+unsigned int scope;
+int ret;
+
(
-return vmap_pages_range_noflush(start, end, prot, pages, shift, GFP_KERNEL);
+scope = memalloc_apply_gfp_scope(gfp);
+ret = vmap_pages_range_noflush(start, end, prot, pages, shift, gfp);
+memalloc_restore_scope(scope);
|
-return vmap_pages_range_noflush(start, end, prot, pages, shift);
+scope = 0;
+if (!(gfp & __GFP_IO))
+	scope = memalloc_noio_save();
+if ((gfp & (__GFP_IO | __GFP_FS)) == __GFP_IO)
+	scope = memalloc_nofs_save();
+ret = vmap_pages_range_noflush(start, end, prot, pages, shift);
+if (!(gfp & __GFP_IO))
+	memalloc_noio_restore(scope);
+if ((gfp & (__GFP_IO | __GFP_FS)) == __GFP_IO)
+	memalloc_nofs_restore(scope);
)
+return ret;
 }

@@
identifier n;
@@
 pcpu_map_pages(..., int n
+, gfp_t gfp
 ) {
 <...
 __pcpu_map_pages(...
+, gfp
 )
 ...>
 }

@@
identifier gfp;
@@
 pcpu_populate_chunk(..., gfp_t gfp) {
 ...
 pcpu_map_pages(...
+, gfp
 )
 ...
 }

@@
@@
 pcpu_page_first_chunk(...) {
 <...
 __pcpu_map_pages(...
+, GFP_KERNEL
 )
 ...>
 }
