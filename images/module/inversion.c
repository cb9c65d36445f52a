// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim-inversion: GFP_KERNEL callers create and populate chunks, so that percpu's mutex
 * comes to be held while backing memory is allocated; then constrained callers take that mutex
 * under a lock that reclaim takes as well. Lockdep judges.
 *
 * Lockdep stops at its first report. The lock of the real shrinker comes first; a kernel passes
 * only if lockdep has survived both locks.
 */
#include <linux/debug_locks.h>
#include <linux/kernel.h>

#include "percpu_probe.h"

#define KERNEL_SIZE	(16 << 10)
#define KERNEL_COUNT	96
#define MAX_ROUNDS	8
#define WANTED_CHUNKS	2
#define WANTED_PAGES	64
#define SMALL_SIZE	64

/* A unit may be as large as 2 MiB: go on until chunks were really created. */
static unsigned int populate(struct pp_batch *batch, unsigned int count)
{
	unsigned int round, failed = 0;

	for (round = 0; round < MAX_ROUNDS; round++) {
		if (pp_sabotage)
			pp_stand_in_allocate(PP_KERNEL);
		failed += pp_batch_fill(batch, PP_KERNEL, count, KERNEL_SIZE, 0);
		if (atomic_read(&pp_watch.chunks_created) >= WANTED_CHUNKS)
			break;
	}
	return failed;
}

static void constrained_under(struct mutex *lock, const char *source)
{
	unsigned int failed = 0;
	enum pp_caller_id who;

	for (who = PP_FIRST_CONSTRAINED; who <= PP_LAST_CONSTRAINED; who++) {
		void __percpu *area;

		mutex_lock(lock);
		if (pp_sabotage)
			pp_stand_in_allocate(who);
		area = pp_alloc(who, SMALL_SIZE, sizeof(u64), 0);
		mutex_unlock(lock);
		failed += !area;
		free_percpu(area);
	}
	pp_counter(PP_NR_CONSTRAINED, "%s_calls", source);
	pp_counter(failed, "%s_failures", source);
	pp_counter(debug_locks, "%s_judged_clean", source);
	pp_part(source, debug_locks && !failed, "%u of %u calls failed, lockdep %s", failed,
		PP_NR_CONSTRAINED, debug_locks ? "is content" : "is off: it has reported");
}

/* Lockdep learns of both locks before anything is asked of percpu. */
static int prepare(void)
{
	int error = pp_reclaim_through_shrinker();

	if (!error)
		pp_teach_reclaim_lock();
	return error;
}

static int run(void)
{
	unsigned int failed, count = pp_count ?: KERNEL_COUNT;
	struct pp_batch batch;
	int error;

	error = pp_batch_init(&batch, count * MAX_ROUNDS);
	if (error)
		return error;
	pp_watch_start();
	failed = populate(&batch, count);
	pp_counter(failed, "kernel_failures");
	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created) >= WANTED_CHUNKS);
	pp_witness("populated", atomic_read(&pp_watch.pages_populated) >= WANTED_PAGES);
	pp_part("populate", !failed, "%u chunks created", atomic_read(&pp_watch.chunks_created));
	pp_batch_free(&batch);

	constrained_under(&pp_shrinker_lock, "shrinker");
	constrained_under(&pp_taught_lock, "taught");
	pp_watch_stop();
	pp_watch_report();
	pp_batch_destroy(&batch);
	return 0;
}

const struct pp_workload pp_reclaim_inversion = {
	.name = "reclaim-inversion",
	.parts = 3,
	.prepare = prepare,
	.run = run,
};
