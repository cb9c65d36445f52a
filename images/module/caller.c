// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who asks for memory: GFP flags, and the scope that the task is in while it asks.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "percpu_probe.h"

const struct pp_caller pp_callers[PP_CALLERS] = {
	[PP_KERNEL]	= { "kernel", GFP_KERNEL, PP_SCOPE_NONE },
	[PP_NOFS_FLAG]	= { "nofs_flag", GFP_NOFS, PP_SCOPE_NONE },
	[PP_NOIO_FLAG]	= { "noio_flag", GFP_NOIO, PP_SCOPE_NONE },
	[PP_NOFS_SCOPE]	= { "nofs_scope", GFP_KERNEL, PP_SCOPE_NOFS },
	[PP_NOIO_SCOPE]	= { "noio_scope", GFP_KERNEL, PP_SCOPE_NOIO },
	[PP_ATOMIC]	= { "atomic", GFP_ATOMIC, PP_SCOPE_NONE },
	[PP_NOWAIT]	= { "nowait", GFP_NOWAIT, PP_SCOPE_NONE },
};

unsigned int pp_scope_enter(enum pp_scope scope)
{
	switch (scope) {
	case PP_SCOPE_NOFS:
		return memalloc_nofs_save();
	case PP_SCOPE_NOIO:
		return memalloc_noio_save();
	default:
		return 0;
	}
}

void pp_scope_leave(enum pp_scope scope, unsigned int saved)
{
	if (scope == PP_SCOPE_NOFS)
		memalloc_nofs_restore(saved);
	else if (scope == PP_SCOPE_NOIO)
		memalloc_noio_restore(saved);
}

/**
 * pp_alloc - allocate a per-CPU area as a given caller would
 * @who: the caller's flags and scope
 * @size: bytes
 * @align: bytes, a power of two up to PAGE_SIZE
 * @extra: flags on top of the caller's
 *
 * Return: the zeroed area, or NULL.
 */
void __percpu *pp_alloc(enum pp_caller_id who, size_t size, size_t align, gfp_t extra)
{
	const struct pp_caller *caller = &pp_callers[who];
	unsigned int saved = pp_scope_enter(caller->scope);
	void __percpu *area = __alloc_percpu_gfp(size, align, caller->gfp | extra);

	pp_scope_leave(caller->scope, saved);
	return area;
}

int pp_batch_init(struct pp_batch *batch, unsigned int size)
{
	batch->areas = kvcalloc(size, sizeof(*batch->areas), GFP_KERNEL);
	batch->size = batch->areas ? size : 0;
	batch->used = 0;
	return batch->areas ? 0 : -ENOMEM;
}

/**
 * pp_batch_fill - allocate areas and keep them
 * @batch: where they are kept; what does not fit is not asked for
 * @who: the caller
 * @count: how many areas
 * @size: bytes of each
 * @extra: flags on top of the caller's
 *
 * Return: how many of them failed.
 */
unsigned int pp_batch_fill(struct pp_batch *batch, enum pp_caller_id who, unsigned int count,
			   size_t size, gfp_t extra)
{
	unsigned int failed = 0;

	for (; count && batch->used < batch->size; count--) {
		void __percpu *area = pp_alloc(who, size, sizeof(u64), extra);

		if (area)
			batch->areas[batch->used++] = area;
		else
			failed++;
	}
	return failed;
}

void pp_batch_free(struct pp_batch *batch)
{
	while (batch->used)
		free_percpu(batch->areas[--batch->used]);
}

void pp_batch_destroy(struct pp_batch *batch)
{
	pp_batch_free(batch);
	kvfree(batch->areas);
}
