// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameters, dispatch and life time: one load runs one workload and leaves its result in
 * debugfs. With `wait` it is only prepared, and run later by a reader of the trigger.
 */
#include <linux/debug_locks.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "percpu_probe.h"

static char *workload = "";
module_param(workload, charp, 0444);
MODULE_PARM_DESC(workload, "name of the workload to run");

bool pp_sabotage;
module_param_named(sabotage, pp_sabotage, bool, 0444);
MODULE_PARM_DESC(sabotage, "misbehave on purpose: the positive control of the workload");

unsigned int pp_seed = 1;
module_param_named(seed, pp_seed, uint, 0444);
MODULE_PARM_DESC(seed, "seed of the storm's random choices");

unsigned int pp_count;
module_param_named(count, pp_count, uint, 0444);
MODULE_PARM_DESC(count, "allocations per part (0: the workload's default)");

unsigned int pp_seconds;
module_param_named(seconds, pp_seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long the storm blows, or memory is short (0: the default)");

static bool wait;
module_param(wait, bool, 0444);
MODULE_PARM_DESC(wait, "prepare only; /dev/percpu_probe runs the workload");

static const struct pp_workload *chosen;

static const struct pp_workload *const workloads[] = {
	&pp_reclaim_inversion,
	&pp_constrained_holder,
	&pp_exhaust,
	&pp_reclaim_audit,
	&pp_atomic_refill,
	&pp_storm,
	&pp_reclaim_recursion,
	&pp_nofail,
	&pp_scan,
};

static const struct pp_workload *find_workload(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(workloads[i]->name, workload))
			return workloads[i];
	return NULL;
}

static void run_chosen(void)
{
	int error;

	pp_witness("lockdep_alive_before", debug_locks);
	error = chosen->run();
	pp_witness("lockdep_alive_after", debug_locks);
	pp_result_finish(error);
}

static void clean_up(void)
{
	pp_watch_detach();
	pp_result_close();
}

static int __init percpu_probe_init(void)
{
	int error;

	chosen = find_workload();
	if (!chosen) {
		pr_err("percpu_probe: no workload is called '%s'\n", workload);
		return -EINVAL;
	}
	error = pp_result_open(chosen);
	if (error)
		return error;
	pp_watch_attach();
	error = chosen->prepare ? chosen->prepare() : 0;
	if (!error && wait)
		error = pp_trigger_open(run_chosen);
	if (error)
		clean_up();
	else if (!wait)
		run_chosen();
	return error;
}

static void __exit percpu_probe_exit(void)
{
	if (wait)
		pp_trigger_close();
	clean_up();
}

module_init(percpu_probe_init);
module_exit(percpu_probe_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Drives the per-CPU allocator and measures what it does");
