// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sabotage of the lockdep workloads and of the audit: an allocator of our own that does
 * what pcpu_alloc() must not do, namely enter FS and IO reclaim while it holds its mutex.
 */
#include <linux/slab.h>

#include "percpu_probe.h"

/* Guards nothing: it only stands where pcpu_alloc_mutex would. */
DEFINE_MUTEX(pp_stand_in_mutex);

void pp_stand_in_allocate(enum pp_caller_id who)
{
	const struct pp_caller *caller = &pp_callers[who];
	unsigned int saved = pp_scope_enter(caller->scope);
	struct page *page;
	void *object;

	mutex_lock(&pp_stand_in_mutex);
	page = alloc_page(caller->gfp);
	if (page)
		__free_page(page);
	object = kmalloc(PAGE_SIZE / 4, caller->gfp);
	kfree(object);
	mutex_unlock(&pp_stand_in_mutex);
	pp_scope_leave(caller->scope, saved);
}
