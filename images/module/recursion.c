// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim-recursion: a caller that passes GFP_KERNEL populates chunks while memory is short.
 * Reclaim that it enters reaches a shrinker which allocates percpu memory itself, in a NOFS and in
 * a NOIO scope, as a filesystem's or a driver's may. Does that wait for the mutex that its own task
 * holds?
 *
 * It is really done. A call that waits for ever is ended by a signal, which is how it is known that
 * it did: percpu's callers wait so that they can be killed. Another task waits for the mutex first:
 * once woken, the first in the queue takes the mutex that it owns for handed over to it
 * (__mutex_trylock_common() in kernel/locking/mutex.c), gives it back when its call is done, and
 * lets whoever waits next populate the very pages that the outer call is about to.
 *
 * The shrinker heeds what reclaim tells it, as super_cache_scan() in fs/super.c does: without
 * __GFP_FS it leaves the NOFS part out, without __GFP_IO the NOIO part. If all went well it does so
 * no more in the end, which is measured and not judged; lockdep does not see that part.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "percpu_probe.h"

#define AREA_SIZE	(16 << 10)
#define SMALL_SIZE	64
/* More than percpu takes for an area: then it is mostly the stand-in that enters reclaim. */
#define STAND_IN_PAGES	32
/* Lockdep generalises from what it sees once; the shrinker need not be asked often. */
#define ENOUGH		8
#define PAGES_AT_MOST	16384
/* Whoever sleeps in a call for so long is taken to wait for ever. */
#define PATIENCE_NS	(3ULL * NSEC_PER_SEC)
/* It takes some milliseconds, or what a starved guest needs. */
#define QUEUER_TRIES	10000

enum place { SLOW_PATH, OUTSIDE, UNHEEDING, PLACES };

static const char *const place_names[PLACES] = { "slow_path", "outside", "unheeding" };

static const struct taker {
	enum pp_caller_id who;
	gfp_t needs;
} takers[] = {
	{ PP_NOFS_SCOPE, __GFP_FS },
	{ PP_NOIO_SCOPE, __GFP_IO },
};

struct tally {
	unsigned long calls, failures, declined, stuck;
};

/* All of this is written by the caller, and read when it is done. */
static struct tally tallies[PLACES][ARRAY_SIZE(takers)];
static unsigned long scans[PLACES], scans_without_mutex;
static unsigned long outer_calls, outer_failures;
static struct pp_batch batch;
static enum place place;
static struct task_struct *caller, *queuer;
static bool done;
/* Set by the caller, reset by the queuer before it calls. */
static bool queuing, queuer_missed;

/* When the shrinker's call began that the caller is in, or 0. */
static u64 since;

static const char *mutex_name(void)
{
	return pp_sabotage ? "pp_stand_in_mutex" : "pcpu_alloc_mutex";
}

/* The sabotage: an allocator of ours with a mutex, under which it enters full reclaim. */
static bool stand_in_call(enum pp_caller_id who)
{
	unsigned int i;

	if (mutex_lock_killable(&pp_stand_in_mutex))
		return false;
	for (i = 0; who == PP_KERNEL && i < STAND_IN_PAGES; i++)
		pp_hoard_more();
	mutex_unlock(&pp_stand_in_mutex);
	return true;
}

static bool small_call(enum pp_caller_id who)
{
	void __percpu *area;

	if (pp_sabotage)
		return stand_in_call(who);
	area = pp_alloc(who, SMALL_SIZE, sizeof(u64), __GFP_NOWARN);
	free_percpu(area);
	return area;
}

/* Waits for the mutex whenever the caller asks for it. */
static int queue_up(void *data)
{
	while (!kthread_should_stop()) {
		if (xchg(&queuing, false))
			small_call(PP_KERNEL);
		usleep_range(1000, 2000);
	}
	return 0;
}

/* What waits for a mutex so that it can be killed; nothing else here sleeps in this state. */
static bool waits(struct task_struct *task)
{
	return READ_ONCE(task->__state) & TASK_WAKEKILL;
}

/* Return once the queuer waits for the mutex that we hold. */
static void have_queuer_wait(void)
{
	unsigned int i;

	WRITE_ONCE(queuing, true);
	for (i = 0; i < QUEUER_TRIES && !waits(queuer); i++)
		usleep_range(1000, 2000);
	queuer_missed |= i == QUEUER_TRIES;
}

static void use(const struct taker *taker, struct tally *tally, gfp_t gfp)
{
	bool served;

	if (place != UNHEEDING && !(gfp & taker->needs)) {
		tally->declined++;
		return;
	}
	if (place != OUTSIDE)
		have_queuer_wait();
	if (place == UNHEEDING)
		lockdep_off();
	WRITE_ONCE(since, ktime_get_ns());
	served = small_call(taker->who);
	WRITE_ONCE(since, 0);
	if (place == UNHEEDING)
		lockdep_on();
	tally->calls++;
	if (signal_pending(current)) {
		tally->stuck++;
		flush_signals(current);
		done = place != UNHEEDING;
	} else if (!served) {
		tally->failures++;
	}
}

static void on_scan(gfp_t gfp)
{
	unsigned int i;

	if (done || current != caller)
		return;
	/* Lockdep knows what is held until it has reported; then the caller is done. */
	if (place != OUTSIDE && !pp_current_holds(mutex_name())) {
		scans_without_mutex++;
		return;
	}
	/* One says it all, and takes as long as it takes to know that a call waits for ever. */
	if (place == UNHEEDING && scans[UNHEEDING])
		return;
	scans[place]++;
	for (i = 0; i < ARRAY_SIZE(takers) && !done; i++) {
		unsigned int turn = (pp_seed + i) % ARRAY_SIZE(takers);

		use(&takers[turn], &tallies[place][turn], gfp);
	}
}

static bool percpu_has_grown(void)
{
	return atomic_read(&pp_watch.chunks_created) && atomic_read(&pp_watch.pages_populated);
}

static void call_in_slow_path(enum place where, unsigned int enough)
{
	place = where;
	for (; outer_calls < batch.size && !done && scans[where] < enough; outer_calls++) {
		outer_failures += pp_batch_fill(&batch, PP_KERNEL, 1, AREA_SIZE, __GFP_NOWARN);
		/* Not before: one scan is enough, and percpu may begin with populated pages. */
		if (pp_sabotage && percpu_has_grown())
			stand_in_call(PP_KERNEL);
	}
}

/* Reclaim that percpu has nothing to do with: there the shrinker must be served. */
static void call_outside(void)
{
	unsigned int i;

	place = OUTSIDE;
	done = false;
	for (i = 0; i < PAGES_AT_MOST && !scans[OUTSIDE]; i++)
		pp_hoard_more();
}

static int call(void *data)
{
	allow_signal(SIGKILL);
	call_in_slow_path(SLOW_PATH, ENOUGH);
	call_in_slow_path(UNHEEDING, 1);
	call_outside();
	WRITE_ONCE(caller, NULL);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

/* A caller that does not sleep has not got the processor: guests may be starved. */
static bool waits_for_ever(struct task_struct *task)
{
	u64 began = READ_ONCE(since);

	return began && ktime_get_ns() - began > PATIENCE_NS && waits(task);
}

/* End every call that waits for ever. */
static void watch_over(void)
{
	struct task_struct *task;

	while ((task = READ_ONCE(caller))) {
		if (waits_for_ever(task)) {
			send_sig(SIGKILL, task, 1);
			msleep(100);
		}
		usleep_range(1000, 2000);
	}
}

static void report_place(enum place where)
{
	unsigned long calls = 0, declined = 0, stuck = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(takers); i++) {
		const struct tally *tally = &tallies[where][i];
		const char *name = pp_callers[takers[i].who].name;

		pp_counter(tally->calls, "%s_%s_calls", place_names[where], name);
		pp_counter(tally->failures, "%s_%s_failures", place_names[where], name);
		pp_counter(tally->declined, "%s_%s_declined", place_names[where], name);
		pp_counter(tally->stuck, "%s_%s_stuck", place_names[where], name);
		calls += tally->calls;
		declined += tally->declined;
		stuck += tally->stuck;
	}
	pp_counter(scans[where], "%s_scans", place_names[where]);
	pp_part(place_names[where], where == UNHEEDING || !stuck,
		"%lu scans, %lu calls, %lu of them waited for ever, %lu left out", scans[where],
		calls, stuck, declined);
}

static bool served(enum place where)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(takers); i++)
		if (tallies[where][i].calls <= tallies[where][i].failures + tallies[where][i].stuck)
			return false;
	return true;
}

/* The memory that is left for the caller is what the shrinker can give, and half of that stays. */
static int exercise(struct task_struct *task)
{
	unsigned int pages = min(pp_hoarded() / 2, PAGES_AT_MOST);
	int error;

	error = pp_batch_init(&batch, pages / num_possible_cpus() / (AREA_SIZE >> PAGE_SHIFT));
	if (error)
		return error;
	pp_watch_start();
	caller = task;
	wake_up_process(queuer);
	wake_up_process(task);
	watch_over();
	pp_watch_stop();
	return 0;
}

/* Tasks are made before memory is short: the kernel needs pages in a row for them. */
static int exercise_in_tasks(void)
{
	struct task_struct *task = kthread_create(call, NULL, "percpu_probe_cal");
	int error;

	if (IS_ERR(task))
		return PTR_ERR(task);
	queuer = kthread_create(queue_up, NULL, "percpu_probe_que");
	error = PTR_ERR_OR_ZERO(queuer);
	if (!error) {
		error = pp_hoard_start(on_scan);
		if (!error) {
			error = exercise(task);
			pp_hoard_stop();
		}
		kthread_stop(queuer);
	}
	kthread_stop(task);
	pp_batch_destroy(&batch);
	return error;
}

static int run(void)
{
	int error = exercise_in_tasks();

	if (error)
		return error;

	pp_counter(outer_calls, "outer_calls");
	pp_counter(outer_failures, "outer_failures");
	pp_counter(scans_without_mutex, "scans_without_mutex");
	pp_witness("queue_kept", !queuer_missed);
	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created));
	pp_witness("populated", atomic_read(&pp_watch.pages_populated));
	pp_witness("reclaim_in_slow_path", scans[SLOW_PATH]);
	pp_witness("served_outside", served(OUTSIDE));
	report_place(SLOW_PATH);
	report_place(OUTSIDE);
	report_place(UNHEEDING);
	pp_watch_report();
	return 0;
}

const struct pp_workload pp_reclaim_recursion = {
	.name = "reclaim-recursion",
	.parts = PLACES,
	.run = run,
};
