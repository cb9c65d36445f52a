// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim-audit: looks at every allocation that is made while pcpu_alloc_mutex is held. Those
 * that may enter FS or IO reclaim are violations; those that may take the emergency reserves
 * are noted. No lock needs to be in anybody's way for that.
 */
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <trace/events/kmem.h>

#include "percpu_probe.h"

#define MAX_PATHS	192
#define MAX_DEPTH	24
#define KERNEL_SIZE	(16 << 10)
#define KERNEL_COUNT	256
#define ATOMIC_BURST	2
#define ATOMIC_ROUNDS	48
#define ATOMIC_ROUNDS_MIN	12
#define PATIENCE_MS	1000

enum finding { VIOLATION, RESERVES };

static const char *const finding_names[] = { "violation", "reserves" };

struct call_path {
	enum finding finding;
	const char *source;
	gfp_t gfp;
	u32 hash;
	unsigned int depth;
	unsigned long count;
	unsigned long stack[MAX_DEPTH];
};

/*
 * All of this is written by probes whose task holds the audited mutex, which serialises them,
 * and read after the probes were detached.
 */
static struct call_path paths[MAX_PATHS];
static unsigned long paths_lost;
static unsigned long audited, by_worker, found[2];
static const char *audited_lock = "pcpu_alloc_mutex";

/* Leave out the frames of this module: the probe on top, and who called the allocator and below. */
static unsigned int take_stack(unsigned long *stack)
{
	unsigned long raw[MAX_DEPTH + 4];
	unsigned int first = 0, last, depth = stack_trace_save(raw, ARRAY_SIZE(raw), 0);

	while (first < depth && within_module(raw[first], THIS_MODULE))
		first++;
	last = first;
	while (last < depth && last - first < MAX_DEPTH && !within_module(raw[last], THIS_MODULE))
		last++;
	memcpy(stack, raw + first, (last - first) * sizeof(*stack));
	return last - first;
}

static void record(enum finding finding, const char *source, gfp_t gfp)
{
	unsigned long stack[MAX_DEPTH];
	unsigned int i, depth = take_stack(stack);
	u32 hash = jhash(stack, depth * sizeof(*stack), gfp);

	found[finding]++;
	for (i = 0; i < MAX_PATHS && paths[i].count; i++) {
		if (paths[i].hash == hash && paths[i].finding == finding &&
		    paths[i].source == source) {
			paths[i].count++;
			return;
		}
	}
	if (i == MAX_PATHS) {
		paths_lost++;
		return;
	}
	paths[i] = (struct call_path){ finding, source, gfp, hash, depth, 1 };
	memcpy(paths[i].stack, stack, depth * sizeof(*stack));
}

/*
 * A task with PF_MEMALLOC does not enter direct reclaim, whatever its flags say:
 * __need_reclaim() and __alloc_pages_slowpath() in mm/page_alloc.c.
 */
static void audit(gfp_t gfp, const char *source)
{
	bool reserves;

	if (!in_task() || !pp_current_holds(audited_lock))
		return;
	gfp = current_gfp_context(gfp);
	reserves = ((current->flags & PF_MEMALLOC) || (gfp & __GFP_MEMALLOC)) &&
		   !(gfp & __GFP_NOMEMALLOC);
	audited++;
	if (current->flags & PF_WQ_WORKER)
		by_worker++;
	if ((gfp & __GFP_DIRECT_RECLAIM) && (gfp & (__GFP_IO | __GFP_FS)) &&
	    !(current->flags & PF_MEMALLOC))
		record(VIOLATION, source, gfp);
	if (reserves)
		record(RESERVES, source, gfp);
}

static void on_page(void *data, struct page *page, unsigned int order, gfp_t gfp, int migratetype)
{
	audit(gfp, "mm_page_alloc");
}

static void on_kmalloc(void *data, unsigned long call_site, const void *ptr, size_t wanted,
		       size_t got, gfp_t gfp, int node)
{
	audit(gfp, "kmalloc");
}

static void on_cache(void *data, unsigned long call_site, const void *ptr, struct kmem_cache *cache,
		     gfp_t gfp, int node)
{
	audit(gfp, "kmem_cache_alloc");
}

static struct pp_probe probes[] = {
	{ "mm_page_alloc", on_page },
	{ "kmalloc", on_kmalloc },
	{ "kmem_cache_alloc", on_cache },
};

static void check_prototypes(void)
{
	check_trace_callback_type_mm_page_alloc(on_page);
	check_trace_callback_type_kmalloc(on_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(on_cache);
}

/* Fill whole chunks, so that the next page that is wanted makes the balance worker create one. */
static void fill_chunks(struct pp_batch *batch)
{
	int chunks = atomic_read(&pp_watch.chunks_created);
	unsigned int pages = 0;

	/* Up to the start of a new chunk, then count how many pages it has room for. */
	while (batch->used < batch->size && atomic_read(&pp_watch.chunks_created) == chunks)
		pp_batch_fill(batch, PP_KERNEL, 1, PAGE_SIZE, 0);
	while (batch->used < batch->size && atomic_read(&pp_watch.chunks_created) == chunks + 1) {
		pp_batch_fill(batch, PP_KERNEL, 1, PAGE_SIZE, 0);
		pages++;
	}
	if (pages)
		pp_batch_fill(batch, PP_KERNEL, pages - 1, PAGE_SIZE, 0);
}

/* Callers that may not block leave all the work to the balance worker. */
static void make_worker_populate(struct pp_batch *batch)
{
	unsigned int round;

	for (round = 0; round < ATOMIC_ROUNDS; round++) {
		pp_batch_fill(batch, PP_ATOMIC, ATOMIC_BURST, PAGE_SIZE, __GFP_NOWARN);
		if (atomic_read(&pp_watch.chunks_created_by_worker) &&
		    round >= ATOMIC_ROUNDS_MIN)
			break;
		usleep_range(5000, 10000);
	}
}

static void wait_for_freed_chunks(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);

	while (!atomic_read(&pp_watch.chunks_destroyed) && time_before(jiffies, end))
		usleep_range(5000, 10000);
}

static void exercise(struct pp_batch *batch, unsigned int count)
{
	unsigned int i, failed;

	for (i = 0; pp_sabotage && i < count; i++)
		pp_stand_in_allocate(PP_KERNEL);
	failed = pp_batch_fill(batch, PP_KERNEL, count, KERNEL_SIZE, 0);
	pp_counter(failed, "kernel_failures");
	fill_chunks(batch);
	pp_part("create_and_populate", !failed, "%u of %u calls failed", failed, count);

	make_worker_populate(batch);
	pp_batch_free(batch);
	wait_for_freed_chunks();
	pp_part("balance_worker", atomic_read(&pp_watch.worker_pages), "it allocated %d pages",
		atomic_read(&pp_watch.worker_pages));
}

static void report_paths(void)
{
	unsigned int i;

	for (i = 0; i < MAX_PATHS && paths[i].count; i++) {
		char label[160];

		snprintf(label, sizeof(label), "%s:%s:%pGg", finding_names[paths[i].finding],
			 paths[i].source, &paths[i].gfp);
		pp_path(label, paths[i].count, paths[i].stack, paths[i].depth);
	}
	if (found[RESERVES])
		pp_note("%lu of %lu backing allocations may take the emergency reserves",
			found[RESERVES], audited);
	pp_counter(audited, "backing_allocations");
	pp_counter(by_worker, "backing_allocations_by_worker");
	pp_counter(found[VIOLATION], "violations");
	pp_counter(found[RESERVES], "reserves");
	pp_counter(paths_lost, "paths_lost");
	pp_part("audit", !found[VIOLATION], "%lu of %lu backing allocations may recurse",
		found[VIOLATION], audited);
}

static int run(void)
{
	unsigned int count = pp_count ?: KERNEL_COUNT;
	struct pp_batch batch;
	bool attached;
	int error;

	/* Three chunks of the largest unit there is, 2 MiB, besides what is asked for. */
	error = pp_batch_init(&batch, count + 3 * 512 + ATOMIC_ROUNDS * ATOMIC_BURST);
	if (error)
		return error;
	if (pp_sabotage)
		audited_lock = "pp_stand_in_mutex";
	check_prototypes();
	attached = pp_probes_attach(probes, ARRAY_SIZE(probes));
	pp_watch_start();
	exercise(&batch, count);
	pp_watch_stop();
	pp_probes_detach(probes, ARRAY_SIZE(probes));

	pp_witness("allocations_traced", attached && audited);
	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created));
	pp_witness("populated", atomic_read(&pp_watch.pages_populated) >= count);
	pp_witness("balance_worker_populated", atomic_read(&pp_watch.worker_pages));
	pp_witness("balance_worker_created", atomic_read(&pp_watch.chunks_created_by_worker));
	pp_witness("balance_worker_freed", atomic_read(&pp_watch.chunks_destroyed));
	report_paths();
	pp_watch_report();
	pp_batch_destroy(&batch);
	return 0;
}

const struct pp_workload pp_reclaim_audit = {
	.name = "reclaim-audit",
	.parts = 3,
	.run = run,
};
