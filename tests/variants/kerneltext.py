# SPDX-License-Identifier: GPL-2.0-or-later
"""A toy kernel with the functions that the variants change, in the spellings of old and new trees.

Only what the semantic patches look at is here; nothing of it is meant to be compiled.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

_PERCPU = Template("""\
#include <linux/sched/mm.h>

static DEFINE_MUTEX(pcpu_alloc_mutex);

/* is_atomic = !gfpflags_allow_blocking(gfp); in a comment decides nothing */
static void __percpu *$alloc(size_t size, size_t align, bool reserved,
\t\t\t\t gfp_t gfp)
{
\tgfp_t pcpu_gfp;
\tbool is_atomic;

\tgfp = current_gfp_context(gfp);
\tpcpu_gfp = gfp & (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
\tis_atomic = !gfpflags_allow_blocking(gfp);

\tif (!is_atomic)
\t\tmutex_lock(&pcpu_alloc_mutex);
\tif (is_atomic)
\t\treturn NULL;
\treturn pcpu_create_chunk(pcpu_gfp);
}

static void pcpu_balance_workfn(struct work_struct *work)
{
\tunsigned int flags = memalloc_noio_save();
\tmutex_lock(&pcpu_alloc_mutex);
\tpcpu_balance_populated();
\tmutex_unlock(&pcpu_alloc_mutex);
\tmemalloc_noio_restore(flags);
}

int __init pcpu_page_first_chunk(size_t reserved_size)
{
\tint rc, unit;

\tfor (unit = 0; unit < num_possible_cpus(); unit++) {
\t\trc = __pcpu_map_pages(unit_addr, &pages[unit * unit_pages],
\t\t\t\t      unit_pages);
\t\tif (rc < 0)
\t\t\tpanic("no map");
\t}
\treturn 0;
}
""")

_PERCPU_VM = Template("""\
#include "internal.h"

static struct page **pcpu_get_pages(void)
{
\tstatic struct page **pages;
\tsize_t pages_size = pcpu_nr_units * sizeof(pages[0]);

\tif (!pages)
\t\tpages = pcpu_mem_zalloc(pages_size, GFP_KERNEL);
\treturn pages;
}

static int __pcpu_map_pages(unsigned long addr, struct page **pages,
\t\t\t    int nr_pages)
{
\treturn vmap_pages_range_noflush(addr, addr + (nr_pages << PAGE_SHIFT),
\t\t\t\t\tPAGE_KERNEL, pages, PAGE_SHIFT$flags);
}

static int pcpu_map_pages(struct pcpu_chunk *chunk,
\t\t\t  struct page **pages, int page_start, int page_end)
{
\tunsigned int cpu;
\tint err;

\tfor_each_possible_cpu(cpu) {
\t\terr = __pcpu_map_pages(pcpu_chunk_addr(chunk, cpu, page_start),
\t\t\t\t       &pages[cpu], page_end - page_start);
\t\tif (err < 0)
\t\t\treturn err;
\t}
\treturn 0;
}

static int pcpu_populate_chunk(struct pcpu_chunk *chunk,
\t\t\t       int page_start, int page_end, gfp_t gfp)
{
\tstruct page **pages;

\tpages = pcpu_get_pages();
\tif (!pages)
\t\treturn -ENOMEM;
\tif (pcpu_map_pages(chunk, pages, page_start, page_end))
\t\treturn -ENOMEM;
\treturn 0;
}

static void pcpu_depopulate_chunk(struct pcpu_chunk *chunk,
\t\t\t\t  int page_start, int page_end)
{
\tstruct page **pages;

\tpages = pcpu_get_pages();
\tBUG_ON(!pages);
}

static struct pcpu_chunk *pcpu_create_chunk(gfp_t gfp)
{
\tstruct pcpu_chunk *chunk;
\tstruct vm_struct **vms;

\tchunk = pcpu_alloc_chunk(gfp);
\tvms = pcpu_get_vm_areas(pcpu_group_offsets, pcpu_group_sizes,
\t\t\t\tpcpu_nr_groups, pcpu_atom_size);
\tif (!vms)
\t\treturn NULL;
\treturn chunk;
}
""")

_VMALLOC = Template("""\
#include <linux/vmalloc.h>

struct vm_struct **pcpu_get_vm_areas(const unsigned long *offsets,
\t\t\t\t     const size_t *sizes, int nr_vms,
\t\t\t\t     size_t align)
{
\tstruct vmap_area **vas;
\tstruct vm_struct **vms;
\tint area;

\tvms = $vms;
\tvas = $vas;
\tif (!vas || !vms)
\t\tgoto fail;
\tfor (area = 0; area < nr_vms; area++) {
\t\tvas[area] = kmem_cache_zalloc(vmap_area_cachep, GFP_KERNEL);
\t\tvms[area] = $one;
\t}
\tfor (area = 0; area < nr_vms; area++) {
\t\tif (kasan_populate_vmalloc(vas[area]->va_start, sizes[area]$flags))
\t\t\tgoto fail;
\t}
\treturn vms;
fail:
\tkfree(vms);
\treturn NULL;
}
""")

_HEADER = """\
#ifndef _LINUX_VMALLOC_H
#define _LINUX_VMALLOC_H
#ifdef CONFIG_MMU
struct vm_struct **pcpu_get_vm_areas(const unsigned long *offsets,
\t\t\t\t     const size_t *sizes, int nr_vms,
\t\t\t\t     size_t align);
# else
static inline struct vm_struct **
pcpu_get_vm_areas(const unsigned long *offsets,
\t\tconst size_t *sizes, int nr_vms,
\t\tsize_t align)
{
\treturn NULL;
}
#endif
#endif
"""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a range of kernel versions writes what the patches change."""

    alloc: str
    flags: str
    vms: str
    vas: str
    one: str


OLD = Spelling(
    alloc="pcpu_alloc",
    flags="",
    vms="kcalloc(nr_vms, sizeof(vms[0]), GFP_KERNEL)",
    vas="kcalloc(nr_vms, sizeof(vas[0]), GFP_KERNEL)",
    one="kzalloc(sizeof(struct vm_struct), GFP_KERNEL)",
)
NEW = Spelling(
    alloc="pcpu_alloc_noprof",
    flags=", GFP_KERNEL",
    vms="kzalloc_objs(vms[0], nr_vms)",
    vas="kzalloc_objs(vas[0], nr_vms)",
    one="kzalloc_obj(struct vm_struct)",
)


def kernel(spelling: Spelling) -> dict[str, str]:
    """Return the files of a toy kernel at the stage of `sleepable`."""
    words = {name: getattr(spelling, name) for name in Spelling.__slots__}
    return {
        "Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION =\n",
        "mm/percpu.c": _PERCPU.substitute(words),
        "mm/percpu-vm.c": _PERCPU_VM.substitute(words),
        "mm/vmalloc.c": _VMALLOC.substitute(words),
        "include/linux/vmalloc.h": _HEADER,
    }


def commit(folder: Path, files: dict[str, str]) -> Path:
    """Make `files` a git repository in `folder` and return it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for arguments in (["init", "--quiet"], ["add", "-A"], ["commit", "--quiet", "-m", "toy"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)
    return folder
