// SPDX-License-Identifier: GPL-2.0-only
/*
 * constrained-holder: callers that must not recurse into FS or IO reclaim create and populate
 * chunks while they hold a lock that reclaim takes. Failures are counted per kind of caller;
 * lockdep judges the rest.
 */
#include <linux/debug_locks.h>
#include <linux/kernel.h>

#include "percpu_probe.h"

#define AREA_SIZE	(16 << 10)
#define AREA_COUNT	64

/* By flag first: internal allocations that ignore the caller's flags hide inside a scope. */
static void hold_as(struct pp_batch *batch, enum pp_caller_id who, unsigned int count)
{
	const char *name = pp_callers[who].name;
	unsigned int failed;

	mutex_lock(&pp_taught_lock);
	if (pp_sabotage)
		pp_stand_in_allocate(who);
	failed = pp_batch_fill(batch, who, count, AREA_SIZE, 0);
	mutex_unlock(&pp_taught_lock);

	pp_counter(count, "%s_calls", name);
	pp_counter(failed, "%s_failures", name);
	pp_part(name, !failed && debug_locks, "%u of %u failed, lockdep %s", failed, count,
		debug_locks ? "is content" : "is off: it has reported");
}

/* The mutex that the holders have waited for is one under which others may reclaim. */
static unsigned int populate_as_kernel(struct pp_batch *batch, unsigned int count)
{
	unsigned int failed = pp_batch_fill(batch, PP_KERNEL, count, AREA_SIZE, 0);

	pp_counter(failed, "kernel_failures");
	pp_part("kernel", !failed && debug_locks, "%u of %u failed, lockdep %s", failed, count,
		debug_locks ? "is content" : "is off: it has reported");
	return failed;
}

static int prepare(void)
{
	pp_teach_reclaim_lock();
	return 0;
}

/* What one kind of caller populates stays allocated, so that the next has to populate its own. */
static int run(void)
{
	unsigned int unserved, count = pp_count ?: AREA_COUNT;
	struct pp_batch batch;
	enum pp_caller_id who;
	int by_holders, error;

	error = pp_batch_init(&batch, count * (PP_NR_CONSTRAINED + 1));
	if (error)
		return error;
	if (pp_sabotage)
		pp_stand_in_allocate(PP_KERNEL);
	pp_watch_start();
	for (who = PP_FIRST_CONSTRAINED; who <= PP_LAST_CONSTRAINED; who++)
		hold_as(&batch, who, count);
	by_holders = atomic_read(&pp_watch.pages_populated);
	unserved = populate_as_kernel(&batch, count);
	pp_watch_stop();

	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created));
	pp_witness("populated", by_holders >= count * (AREA_SIZE >> PAGE_SHIFT));
	pp_witness("memory_was_there", !unserved);
	pp_watch_report();
	pp_batch_destroy(&batch);
	return 0;
}

const struct pp_workload pp_constrained_holder = {
	.name = "constrained-holder",
	.parts = PP_NR_CONSTRAINED + 1,
	.prepare = prepare,
	.run = run,
};
