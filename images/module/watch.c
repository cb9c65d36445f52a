// SPDX-License-Identifier: GPL-2.0-only
/*
 * What percpu did while the workload ran: chunks created and destroyed, pages populated, calls
 * that failed, and whether the balance worker was at work. The probes are there as long as the
 * module is: to put one on a tracepoint takes the kernel far longer than a call of percpu.
 *
 * The probes count and return: they allocate nothing and take no lock.
 */
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>
#include <trace/events/percpu.h>
#include <trace/events/vmscan.h>

#include "percpu_probe.h"

#define MAX_CHUNKS 128

struct pp_watch pp_watch;

static struct task_struct *mine;
static bool attached, watching;
static void *new_chunks[MAX_CHUNKS];
static void (*create_hook)(void);
static void (*page_hook)(unsigned int order);
static void (*reclaim_hook)(void);

static bool by_worker(void)
{
	return in_task() && (current->flags & PF_WQ_WORKER);
}

static bool is_new_chunk(const void *base)
{
	unsigned int i;

	for (i = 0; i < MAX_CHUNKS; i++)
		if (READ_ONCE(new_chunks[i]) == base)
			return true;
	return false;
}

/* percpu_create_chunk fires with pcpu_alloc_mutex held: that orders the writers of new_chunks. */
static void on_create(void *data, void *base)
{
	int index;

	if (!READ_ONCE(watching))
		return;
	index = atomic_inc_return(&pp_watch.chunks_created) - 1;
	if (index < MAX_CHUNKS)
		WRITE_ONCE(new_chunks[index], base);
	if (by_worker())
		atomic_inc(&pp_watch.chunks_created_by_worker);
	if (create_hook)
		create_hook();
}

static void on_destroy(void *data, void *base)
{
	if (READ_ONCE(watching))
		atomic_inc(&pp_watch.chunks_destroyed);
}

/*
 * A chunk is created empty. So what a caller that may sleep gets from a chunk which was created
 * while we watched has been populated meanwhile, too.
 */
static void on_alloc(void *data, unsigned long call_site, bool reserved, bool is_atomic,
		     size_t size, size_t align, void *base, int off, void __percpu *ptr,
		     size_t bytes, gfp_t gfp)
{
	if (READ_ONCE(watching) && !is_atomic && size >= PAGE_SIZE && is_new_chunk(base))
		atomic_add(size >> PAGE_SHIFT, &pp_watch.pages_populated);
}

static void on_fail(void *data, bool reserved, bool is_atomic, size_t size, size_t align)
{
	if (!READ_ONCE(watching))
		return;
	if (in_task() && current == mine)
		atomic_inc(&pp_watch.fails_mine);
	else
		atomic_inc(&pp_watch.fails_other);
}

static void on_page(void *data, struct page *page, unsigned int order, gfp_t gfp, int migratetype)
{
	if (!READ_ONCE(watching))
		return;
	if (by_worker() && pp_current_holds("pcpu_alloc_mutex"))
		atomic_inc(&pp_watch.worker_pages);
	if (page && page_hook)
		page_hook(order);
}

static void __maybe_unused on_reclaim(void *data, gfp_t gfp, int order, struct mem_cgroup *memcg)
{
	if (READ_ONCE(watching) && reclaim_hook)
		reclaim_hook();
}

static void __maybe_unused on_reclaim_without_memcg(void *data, int order, gfp_t gfp)
{
	on_reclaim(data, gfp, order, NULL);
}

/* In 6.12 the tracepoint tells no memcg, in 7.2 it does: the type of its check says which. */
static void __maybe_unused tells_no_memcg(void (*probe)(void *data, int order, gfp_t gfp))
{
}

#define CHECK_RECLAIM check_trace_callback_type_mm_vmscan_direct_reclaim_begin
#define ON_RECLAIM \
	__builtin_choose_expr(__same_type(CHECK_RECLAIM, tells_no_memcg), \
			      on_reclaim_without_memcg, on_reclaim)

static struct pp_probe probes[] = {
	{ "percpu_create_chunk", on_create },
	{ "percpu_destroy_chunk", on_destroy },
	{ "percpu_alloc_percpu", on_alloc },
	{ "percpu_alloc_percpu_fail", on_fail },
	{ "mm_page_alloc", on_page },
	{ "mm_vmscan_direct_reclaim_begin", ON_RECLAIM },
};

static void check_prototypes(void)
{
	check_trace_callback_type_percpu_create_chunk(on_create);
	check_trace_callback_type_percpu_destroy_chunk(on_destroy);
	check_trace_callback_type_percpu_alloc_percpu(on_alloc);
	check_trace_callback_type_percpu_alloc_percpu_fail(on_fail);
	check_trace_callback_type_mm_page_alloc(on_page);
	CHECK_RECLAIM(ON_RECLAIM);
}

/* Without a probe on each of the tracepoints the witness tracepoints_found will be missing. */
void pp_watch_attach(void)
{
	check_prototypes();
	attached = pp_probes_attach(probes, ARRAY_SIZE(probes));
}

void pp_watch_detach(void)
{
	pp_probes_detach(probes, ARRAY_SIZE(probes));
}

/* Count from here on. Calls that fail in the task which says so are counted in fails_mine. */
void pp_watch_start(void)
{
	mine = current;
	WRITE_ONCE(watching, true);
	pp_witness("tracepoints_found", attached);
}

/* What other CPUs are counting at this moment may still be added. */
void pp_watch_stop(void)
{
	WRITE_ONCE(watching, false);
}

/* Set before pp_watch_start(): @hook is called with pcpu_alloc_mutex held and preemption off. */
void pp_watch_on_create(void (*hook)(void))
{
	create_hook = hook;
}

/*
 * Set before pp_watch_start(): @hook is called by whoever gets pages, in any context. The bulk
 * allocator, which vmalloc() uses, tells nobody.
 */
void pp_watch_on_page(void (*hook)(unsigned int order))
{
	page_hook = hook;
}

/* Set before pp_watch_start(): @hook is called by whoever enters direct reclaim. */
void pp_watch_on_reclaim(void (*hook)(void))
{
	reclaim_hook = hook;
}

void pp_watch_report(void)
{
	pp_counter(atomic_read(&pp_watch.chunks_created), "chunks_created");
	pp_counter(atomic_read(&pp_watch.chunks_created_by_worker), "chunks_created_by_worker");
	pp_counter(atomic_read(&pp_watch.chunks_destroyed), "chunks_destroyed");
	pp_counter(atomic_read(&pp_watch.pages_populated), "pages_populated");
	pp_counter(atomic_read(&pp_watch.worker_pages), "worker_pages");
}
