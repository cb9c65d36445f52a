// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes on the kernel's tracepoints, found by name: those of percpu are not exported to
 * modules.
 */
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "percpu_probe.h"

struct search {
	struct pp_probe *probes;
	unsigned int count;
};

static void compare(struct tracepoint *point, void *data)
{
	struct search *search = data;
	unsigned int i;

	for (i = 0; i < search->count; i++)
		if (!strcmp(search->probes[i].name, point->name))
			search->probes[i].point = point;
}

/**
 * pp_probes_attach - find tracepoints by name and put a probe on each
 * @probes: names and functions
 * @count: length of @probes
 *
 * Return: true if every single one was found and is attached.
 */
bool pp_probes_attach(struct pp_probe *probes, unsigned int count)
{
	struct search search = { probes, count };
	bool all = true;
	unsigned int i;

	for_each_kernel_tracepoint(compare, &search);
	for (i = 0; i < count; i++) {
		struct pp_probe *probe = &probes[i];

		probe->attached = probe->point &&
				  !tracepoint_probe_register(probe->point, probe->function, NULL);
		all &= probe->attached;
		if (!probe->attached)
			pp_note("no probe on the tracepoint %s", probe->name);
	}
	return all;
}

/* When this returns no probe runs any more, on any CPU. */
void pp_probes_detach(struct pp_probe *probes, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (probes[i].attached)
			tracepoint_probe_unregister(probes[i].point, probes[i].function, NULL);
	tracepoint_synchronize_unregister();
}

/* Lockdep keeps held_locks only as long as it is alive: see the witness lockdep_alive_after. */
bool pp_current_holds(const char *lock)
{
	int i;

	for (i = 0; i < current->lockdep_depth; i++)
		if (!strcmp(current->held_locks[i].instance->name, lock))
			return true;
	return false;
}
