// SPDX-License-Identifier: GPL-2.0-only
/*
 * scan: who calls percpu, and whose calls fail, while something else scans SCSI devices. The module
 * only watches, until the task that loads it gets a signal.
 *
 * The scanner is a task with the name that the module is given, and whose parent has it as well:
 * iscsid scans in a child.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <trace/events/percpu.h>

#include "percpu_probe.h"

#define MAX_CALLERS	128
#define MAX_AREAS	1024
#define AREA_SIZE	4096
#define BIN_MS		500
#define BINS		480

static char *scanner = "";
module_param(scanner, charp, 0444);
MODULE_PARM_DESC(scanner, "name of the task that scans, and of its parent");

/* From where percpu is called. */
enum context { IN_TASK, IN_TASK_NOIO, IN_INTERRUPT, CONTEXTS };

static const char *const context_names[CONTEXTS] = { "task", "noio_task", "interrupt" };

enum state { FREE, CLAIMED, READY };

/* One kind of caller. Rows are claimed without a lock, so that a kind can have two of them. */
struct row {
	atomic_t state;
	char name[TASK_COMM_LEN];
	enum context context;
	bool is_scanner;
	atomic_t calls;
	atomic_t fails;
};

static struct row rows[MAX_CALLERS];
static atomic_t callers_lost;
static atomic_t nowait_calls;
static atomic_t scanner_fails[BINS];
static atomic_t other_fails[BINS];
static ktime_t began;

/* What the positive control took away from the scanner, by the scanner itself. */
static void __percpu *taken[MAX_AREAS];
static atomic_t taking;

static enum context context_now(void)
{
	if (!in_task())
		return IN_INTERRUPT;
	return current->flags & PF_MEMALLOC_NOIO ? IN_TASK_NOIO : IN_TASK;
}

static bool is_scanner(void)
{
	bool is;

	if (!in_task() || strcmp(current->comm, scanner))
		return false;
	rcu_read_lock();
	is = !strcmp(rcu_dereference(current->real_parent)->comm, scanner);
	rcu_read_unlock();
	return is;
}

/* Workers of a kind differ behind the slash; spaces would end the name of a counter. */
static void simple_name(char *name)
{
	strscpy(name, current->comm, TASK_COMM_LEN);
	name[strcspn(name, "/")] = '\0';
	strreplace(name, ' ', '_');
}

static bool equal(const struct row *row, const struct row *key)
{
	return row->context == key->context && row->is_scanner == key->is_scanner &&
	       !strcmp(row->name, key->name);
}

static struct row *row_of(void)
{
	struct row key = {
		.context = context_now(),
		.is_scanner = is_scanner(),
	};
	unsigned int i;

	simple_name(key.name);
	for (i = 0; i < MAX_CALLERS; i++) {
		struct row *row = &rows[i];

		if (atomic_read_acquire(&row->state) == READY) {
			if (equal(row, &key))
				return row;
		} else if (!atomic_cmpxchg(&row->state, FREE, CLAIMED)) {
			strscpy(row->name, key.name, sizeof(row->name));
			row->context = key.context;
			row->is_scanner = key.is_scanner;
			atomic_set_release(&row->state, READY);
			return row;
		}
	}
	atomic_inc(&callers_lost);
	return NULL;
}

/* The positive control: a scanner that takes what is populated until nothing is left is refused. */
static void take_all(void)
{
	unsigned int i;

	if (atomic_cmpxchg(&taking, 0, 1))
		return;
	for (i = 0; i < MAX_AREAS; i++) {
		taken[i] = pp_alloc(PP_NOWAIT, AREA_SIZE, sizeof(u64), __GFP_NOWARN);
		if (!taken[i])
			break;
	}
}

static void on_alloc(void *data, unsigned long call_site, bool reserved, bool is_atomic,
		     size_t size, size_t align, void *base, int off, void __percpu *ptr,
		     size_t bytes, gfp_t gfp)
{
	struct row *row = row_of();

	if (!row)
		return;
	atomic_inc(&row->calls);
	if (row->is_scanner && !(gfp & __GFP_DIRECT_RECLAIM) && !atomic_read(&taking))
		atomic_inc(&nowait_calls);
	if (pp_sabotage && row->is_scanner)
		take_all();
}

static void on_fail(void *data, bool reserved, bool is_atomic, size_t size, size_t align)
{
	s64 bin = div_s64(ktime_ms_delta(ktime_get(), began), BIN_MS);
	struct row *row = row_of();

	bin = min_t(s64, bin, BINS - 1);
	if (row) {
		atomic_inc(&row->calls);
		atomic_inc(&row->fails);
	}
	atomic_inc(row && row->is_scanner ? &scanner_fails[bin] : &other_fails[bin]);
}

static struct pp_probe probes[] = {
	{ "percpu_alloc_percpu", on_alloc },
	{ "percpu_alloc_percpu_fail", on_fail },
};

static void check_prototypes(void)
{
	check_trace_callback_type_percpu_alloc_percpu(on_alloc);
	check_trace_callback_type_percpu_alloc_percpu_fail(on_fail);
}

/* Add up the rows of one kind in the first of them. */
static void merge_rows(void)
{
	unsigned int i, j;

	for (i = 0; i < MAX_CALLERS; i++) {
		for (j = 0; j < i && !equal(&rows[j], &rows[i]); j++)
			;
		if (j == i)
			continue;
		atomic_add(atomic_xchg(&rows[i].calls, 0), &rows[j].calls);
		atomic_add(atomic_xchg(&rows[i].fails, 0), &rows[j].fails);
	}
}

/* Returns how many calls of the scanner failed. */
static unsigned int report_callers(void)
{
	unsigned int i, calls = 0, noio_calls = 0, fails = 0, others = 0;

	merge_rows();
	for (i = 0; i < MAX_CALLERS; i++) {
		const struct row *row = &rows[i];
		const char *name = row->is_scanner ? "scanner" : row->name;
		unsigned int failed = atomic_read(&row->fails);

		if (failed)
			pp_counter(failed, "fails_of.%s.%s", name, context_names[row->context]);
		if (!row->is_scanner) {
			others += failed;
			continue;
		}
		calls += atomic_read(&row->calls);
		fails += failed;
		if (row->context == IN_TASK_NOIO)
			noio_calls += atomic_read(&row->calls);
	}
	pp_counter(calls, "scanner_calls");
	pp_counter(noio_calls, "scanner_noio_calls");
	pp_counter(atomic_read(&nowait_calls), "scanner_nowait_calls");
	pp_counter(fails, "scanner_fails");
	pp_counter(others, "other_fails");
	return fails;
}

static int run(void)
{
	unsigned int fails, i;
	bool attached;

	check_prototypes();
	began = ktime_get();
	pp_watch_start();
	attached = pp_probes_attach(probes, ARRAY_SIZE(probes));
	pp_result_ready();
	while (!signal_pending(current))
		msleep_interruptible(MSEC_PER_SEC);
	pp_probes_detach(probes, ARRAY_SIZE(probes));
	pp_watch_stop();

	pp_witness("every_caller_seen", attached && !atomic_read(&callers_lost));
	fails = report_callers();
	pp_watch_report();
	pp_series("scanner_fails", scanner_fails, BINS, BIN_MS);
	pp_series("other_fails", other_fails, BINS, BIN_MS);
	for (i = 0; i < MAX_AREAS; i++)
		free_percpu(taken[i]);
	pp_part("scanner", !fails, "%u calls of the scanner failed", fails);
	return 0;
}

const struct pp_workload pp_scan = {
	.name = "scan",
	.parts = 1,
	.run = run,
};
