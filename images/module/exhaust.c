// SPDX-License-Identifier: GPL-2.0-only
/*
 * exhaust: sleepable callers with constraints allocate far more than is populated, and keep it.
 * Their failures are counted twice, by our tally and by percpu's tracepoint.
 */
#include <linux/kernel.h>

#include "percpu_probe.h"

#define AREA_SIZE	4096
#define AREA_COUNT	512

/*
 * The first kind of caller asks for AREA_COUNT, the others for a part of that: what is spare by
 * then is PCPU_EMPTY_POP_PAGES_HIGH (4) pages, and what the balance worker adds meanwhile.
 */
#define PART		8

/* By scope first: what an earlier kind of caller populates must not serve them. */
static const enum pp_caller_id order[] = {
	PP_NOIO_SCOPE, PP_NOFS_SCOPE, PP_NOIO_FLAG, PP_NOFS_FLAG,
};

static unsigned int exhaust_as(struct pp_batch *batch, enum pp_caller_id who, const char *name,
			       unsigned int count, bool *agree)
{
	int before = atomic_read(&pp_watch.fails_mine);
	unsigned int failed = pp_batch_fill(batch, who, count, AREA_SIZE, 0);
	unsigned int traced = atomic_read(&pp_watch.fails_mine) - before;

	*agree &= failed == traced;
	pp_counter(count, "%s_calls", name);
	pp_counter(failed, "%s_failures", name);
	pp_counter(traced, "%s_failures_traced", name);
	pp_part(name, !failed, "%u of %u failed, %u by the tracepoint", failed, count, traced);
	return failed;
}

/*
 * Sabotaged, every constrained caller is one that may not block: it must fail once the pages
 * are gone.
 */
static int run(void)
{
	unsigned int i, failed = 0, unserved, count = pp_count ?: AREA_COUNT;
	unsigned int fewer = DIV_ROUND_UP(count, PART);
	struct pp_batch batch;
	bool agree = true;
	int chunks, error;

	error = pp_batch_init(&batch, 2 * count + fewer * (ARRAY_SIZE(order) - 1));
	if (error)
		return error;
	pp_watch_start();
	for (i = 0; i < ARRAY_SIZE(order); i++)
		failed += exhaust_as(&batch, pp_sabotage ? PP_NOWAIT : order[i],
				     pp_callers[order[i]].name, i ? fewer : count, &agree);
	chunks = atomic_read(&pp_watch.chunks_created);
	/* Where the others were refused, these have to fill what there is and create a chunk. */
	unserved = exhaust_as(&batch, PP_KERNEL, pp_callers[PP_KERNEL].name,
			      chunks ? fewer : count, &agree);
	pp_watch_stop();

	pp_witness("tally_agrees", agree);
	pp_witness("past_populated", failed || chunks);
	pp_witness("memory_was_there", !unserved);
	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created));
	pp_witness("populated", atomic_read(&pp_watch.pages_populated));
	pp_watch_report();
	pp_batch_destroy(&batch);
	return 0;
}

const struct pp_workload pp_exhaust = {
	.name = "exhaust",
	.parts = ARRAY_SIZE(order) + 1,
	.run = run,
};
