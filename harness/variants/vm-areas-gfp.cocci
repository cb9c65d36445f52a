// SPDX-License-Identifier: GPL-2.0-only
// pcpu_get_vm_areas() allocates with the flags that its caller gives, not with GFP_KERNEL.
//
// kasan_populate_vmalloc() takes flags since 6.19 only; an older one goes on allocating as it likes, which
// matters where CONFIG_KASAN_VMALLOC is on.
//
// goal: mm/vmalloc.c pcpu_get_vm_areas has size_t align, gfp_t gfp)
// goal: mm/vmalloc.c pcpu_get_vm_areas lacks GFP_KERNEL
// goal: mm/vmalloc.c pcpu_get_vm_areas lacks kzalloc_objs(vms[0], nr_vms)
// goal: mm/vmalloc.c pcpu_get_vm_areas lacks kzalloc_objs(vas[0], nr_vms)
// goal: mm/vmalloc.c pcpu_get_vm_areas lacks kzalloc_obj(struct vm_struct)
// goal: include/linux/vmalloc.h * has int nr_vms, size_t align, gfp_t gfp);
// goal: include/linux/vmalloc.h * has int nr_vms, size_t align, gfp_t gfp) {
// goal: mm/percpu-vm.c pcpu_create_chunk has pcpu_nr_groups, pcpu_atom_size, gfp);

@definition@
identifier align;
@@
 pcpu_get_vm_areas(..., size_t align
+, gfp_t gfp
 ) {
 ...
 }

@depends on definition@
expression object, count;
type T;
@@
 pcpu_get_vm_areas(...) {
 <...
(
 kcalloc(...,
-GFP_KERNEL
+gfp
 )
|
 kzalloc(...,
-GFP_KERNEL
+gfp
 )
|
 kmem_cache_zalloc(...,
-GFP_KERNEL
+gfp
 )
|
 kasan_populate_vmalloc(...,
-GFP_KERNEL
+gfp
 )
|
 kzalloc_objs(object, count
+, gfp
 )
|
 kzalloc_obj(T
+, gfp
 )
)
 ...>
 }

@@
identifier align;
type T;
@@
 T pcpu_get_vm_areas(..., size_t align
+, gfp_t gfp
 );

@@
identifier create, gfp;
@@
 create(gfp_t gfp) {
 ...
 pcpu_get_vm_areas(...
+, gfp
 )
 ...
 }
