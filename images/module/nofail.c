// SPDX-License-Identifier: GPL-2.0-only
/*
 * nofail: small allocations with __GFP_NOFAIL that need pages, with plenty of memory, while
 * programs outside use up all there is, and with faults that are injected into the page allocator:
 * those come last, as a call may never return from them. Are they ever refused, how long do they
 * take, and how long does another caller wait meanwhile?
 *
 * The faults are set up from outside, for tasks that say so of themselves, and always strike. So do
 * the programs come from outside: they start when the file "ready" is there.
 */
#include <linux/err.h>
#include <linux/fault-inject.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "percpu_probe.h"

#define AREA_SIZE	64
/* With 4 possible CPUs they need six new chunks, and those need page tables that are not there. */
#define FAULTY_CALLS	800
#define SECONDS		5
#define PATIENCE_S	60
#define MAX_BUCKETS	40
/*
 * A call that takes so long is taken to take for ever: with faults, where memory is there, 10 s,
 * and under pressure as long as the hogs leave any hope.
 */
#define STALLED_NS	(10ULL * NSEC_PER_SEC)
#define STALLED_UNDER_PRESSURE_NS (30ULL * NSEC_PER_SEC)

/* What others do in the last one, while memory is being filled or freed, is of no interest. */
enum phase { CALM, PRESSURE, FAULTS, PHASES, BETWEEN = PHASES };

static const char *const phase_names[PHASES] = { "calm", "pressure", "faults" };

static const enum pp_caller_id callers[] = { PP_KERNEL, PP_NOFS_SCOPE, PP_NOIO_SCOPE };

/*
 * What became of calls. Pages are those that a call took itself; of a call that created a chunk,
 * what the whole machine took meanwhile, and of such calls the least counts.
 */
struct tally {
	unsigned long calls, failures;
	unsigned long populating, creating, pages, most_pages, least_pages_creating;
	unsigned long reclaiming;	/* calls that entered direct reclaim themselves */
	unsigned long latency[MAX_BUCKETS];
	u64 longest_ns;
};

/* A thread that calls percpu, and its present call: since when it lasts, or 0. */
struct actor {
	struct task_struct *task;
	unsigned long pages, all_pages;
	bool created, reclaimed;
	u64 since, ran;
	struct tally tallies[BETWEEN + 1];
};

/* The one that is watched, with __GFP_NOFAIL; and one that has pages enough and wants the mutex. */
static struct actor asker, other;

/* How the faults strike the asker without __GFP_NOFAIL. */
static struct tally plain;

static unsigned long by_caller[PHASES][PP_CALLERS][2];
static struct pp_batch batch;
static enum phase phase;
static bool done, stalled, was_short, had_memory;

static struct actor *acting(void)
{
	if (!in_task())
		return NULL;
	if (current == READ_ONCE(asker.task))
		return &asker;
	return current == READ_ONCE(other.task) ? &other : NULL;
}

static void on_page(unsigned int order)
{
	struct actor *actor = acting();

	if (actor)
		actor->pages += 1UL << order;
}

static void on_create(void)
{
	struct actor *actor = acting();

	if (actor)
		actor->created = true;
}

static void on_reclaim(void)
{
	struct actor *actor = acting();

	if (actor)
		actor->reclaimed = true;
}

/* Pages that were allocated since boot, by whomever and however. */
static unsigned long all_pages(void)
{
	static unsigned long events[NR_VM_EVENT_ITEMS];
	unsigned long pages = 0;
	unsigned int i;

	all_vm_events(events);
	for (i = PSWPOUT + 1; i <= PGALLOC_MOVABLE; i++)
		pages += events[i];
	return pages;
}

static void count(struct tally *tally, const struct actor *actor, u64 took, bool served)
{
	tally->calls++;
	tally->failures += !served;
	tally->populating += actor->pages && !actor->created;
	tally->creating += actor->created;
	tally->reclaiming += actor->reclaimed;
	tally->pages += actor->pages;
	if (!actor->created)
		tally->most_pages = max(tally->most_pages, actor->pages);
	else if (!tally->least_pages_creating || actor->all_pages < tally->least_pages_creating)
		tally->least_pages_creating = actor->all_pages;
	tally->latency[took ? min_t(unsigned int, ilog2(took), MAX_BUCKETS - 1) : 0]++;
	/* What a call had to wait for others shows only in one that has taken no page itself. */
	if (actor == &asker || !actor->pages)
		tally->longest_ns = max(tally->longest_ns, took);
}

static void __percpu *timed_call(struct actor *actor, struct tally *tally, enum pp_caller_id who,
				 size_t align, gfp_t extra)
{
	unsigned long before = actor == &asker ? all_pages() : 0;
	void __percpu *area;
	u64 start, took;

	actor->pages = 0;
	actor->created = false;
	actor->reclaimed = false;
	WRITE_ONCE(actor->ran, current->se.sum_exec_runtime);
	start = ktime_get_ns();
	WRITE_ONCE(actor->since, start);
	area = pp_alloc(who, AREA_SIZE, align, extra);
	took = ktime_get_ns() - start;
	WRITE_ONCE(actor->since, 0);
	actor->all_pages = actor->created ? all_pages() - before : 0;
	count(tally, actor, took, area);
	return area;
}

static void let_faults_strike(bool strike)
{
#ifdef CONFIG_FAULT_INJECTION
	current->make_it_fail = strike;
#endif
}

/* Each area has the beginning of a page to itself, so that a few are enough to need pages. */
static bool ask(struct tally *tally, enum pp_caller_id who, gfp_t extra)
{
	void __percpu *area = timed_call(&asker, tally, who, PAGE_SIZE, extra);

	if (area)
		batch.areas[batch.used++] = area;
	return area;
}

/* The sabotage: the flag is left out, so that these callers are served no better than others. */
static void ask_in_turn(unsigned int turn)
{
	enum pp_caller_id who = callers[turn % ARRAY_SIZE(callers)];
	bool served = ask(&asker.tallies[phase], who, pp_sabotage ? 0 : __GFP_NOFAIL);

	by_caller[phase][who][0]++;
	by_caller[phase][who][1] += !served;
}

static void ask_with_faults(void)
{
	unsigned int i, calls = pp_count ?: FAULTY_CALLS;

	let_faults_strike(true);
	for (i = 0; i < calls && batch.used < batch.size; i++)
		ask_in_turn(i);
	for (i = 0; i < calls && batch.used < batch.size; i++)
		ask(&plain, PP_KERNEL, __GFP_NOWARN);
	let_faults_strike(false);
}

/* As long as the hogs of whoever reads "ready" are filling the memory, there is nothing to see. */
static void await_shortage(void)
{
	unsigned long end = jiffies + PATIENCE_S * HZ;

	pp_result_ready();
	while (!was_short && time_before(jiffies, end)) {
		was_short = global_zone_page_state(NR_FREE_PAGES) < totalram_pages() / 32;
		schedule_timeout_idle(1);
	}
}

/* The hogs are gone: what they had is free before faults strike. */
static void await_memory(void)
{
	unsigned long end = jiffies + PATIENCE_S * HZ;

	WRITE_ONCE(phase, BETWEEN);
	pp_result_unready();
	while (!had_memory && time_before(jiffies, end)) {
		had_memory = global_zone_page_state(NR_FREE_PAGES) > totalram_pages() / 2;
		schedule_timeout_idle(1);
	}
}

static void ask_under_pressure(unsigned int quota)
{
	unsigned long end;
	unsigned int turn = 0;

	await_shortage();
	WRITE_ONCE(phase, PRESSURE);
	end = jiffies + (pp_seconds ?: SECONDS) * HZ;
	while (was_short && time_before(jiffies, end)) {
		if (batch.used < quota) {
			ask_in_turn(turn++);
			continue;
		}
		pp_batch_free(&batch);
		/* Percpu's worker takes the pages back, so that the next calls need some again. */
		schedule_timeout_idle(HZ / 50);
	}
}

/* So that new chunks are wanted while faults strike, at addresses that have no page tables yet. */
static void fill_again(unsigned int quota)
{
	unsigned int i;

	for (i = 0; batch.used < quota && i < 2 * quota; i++)
		ask(&asker.tallies[BETWEEN], PP_KERNEL, __GFP_NOWARN);
}

static int call_nofail(void *data)
{
	unsigned int i, quota = batch.size / 2;

	for (i = 0; batch.used < quota && i < 2 * quota; i++)
		ask_in_turn(i);
	WRITE_ONCE(phase, BETWEEN);
	pp_batch_free(&batch);
	ask_under_pressure(quota / 2);
	pp_batch_free(&batch);
	await_memory();
	fill_again(quota);
	WRITE_ONCE(phase, FAULTS);
	ask_with_faults();
	pp_batch_free(&batch);
	WRITE_ONCE(done, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int call_as_others(void *data)
{
	while (!READ_ONCE(done)) {
		struct tally *tally = &other.tallies[READ_ONCE(phase)];

		free_percpu(timed_call(&other, tally, PP_KERNEL, sizeof(u64), __GFP_NOWARN));
		schedule_timeout_idle(1);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int start(struct actor *actor, int (*function)(void *data), const char *name)
{
	struct task_struct *task = kthread_create(function, NULL, name);

	if (IS_ERR(task))
		return PTR_ERR(task);
	WRITE_ONCE(actor->task, task);
	wake_up_process(task);
	return 0;
}

static void report_times(const struct tally *tally, const char *when, const char *who)
{
	unsigned int i;

	pp_counter(tally->calls, "%s_%s_calls", when, who);
	pp_counter(tally->failures, "%s_%s_failures", when, who);
	pp_counter(tally->pages, "%s_%s_pages", when, who);
	pp_counter(tally->longest_ns / 1000, "%s_%s_longest_us", when, who);
	for (i = 0; i < MAX_BUCKETS; i++)
		if (tally->latency[i])
			pp_counter(tally->latency[i], "%s_%s_latency_log2ns_%u", when, who, i);
}

static void report_phase(enum phase when)
{
	const struct tally *asked = &asker.tallies[when];
	const char *name = phase_names[when];
	unsigned int i;

	report_times(asked, name, "nofail");
	report_times(&other.tallies[when], name, "others");
	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		const char *caller = pp_callers[callers[i]].name;

		pp_counter(by_caller[when][callers[i]][0], "%s_%s_calls", name, caller);
		pp_counter(by_caller[when][callers[i]][1], "%s_%s_failures", name, caller);
	}
	pp_counter(stalled && phase == when, "%s_stalled", name);
	pp_counter(asked->reclaiming, "%s_reclaiming", name);
	pp_counter(asked->populating, "%s_populating", name);
	pp_counter(asked->most_pages, "%s_most_pages", name);
	pp_counter(asked->creating, "%s_creating", name);
	pp_counter(asked->least_pages_creating, "%s_least_pages_creating", name);
	pp_part(name, !asked->failures, "%lu of %lu refused, %lu pages, longest %llu us",
		asked->failures, asked->calls, asked->pages, asked->longest_ns / 1000);
}

static void report(void)
{
	unsigned int i;

	pp_counter(num_possible_cpus(), "possible_cpus");
	pp_counter(plain.calls, "plain_calls");
	pp_counter(plain.failures, "plain_failures");
	for (i = 0; i < PHASES; i++)
		report_phase(i);
	pp_witness("memory_was_there", !by_caller[CALM][PP_KERNEL][1]);
	pp_witness("populated", asker.tallies[CALM].populating && asker.tallies[CALM].creating);
	pp_witness("memory_was_short", was_short);
	pp_witness("populated_under_pressure", asker.tallies[PRESSURE].pages);
	pp_witness("reclaimed_under_pressure", asker.tallies[PRESSURE].reclaiming);
	pp_witness("others_called", other.tallies[PRESSURE].calls);
	pp_witness("memory_was_back", had_memory);
	pp_witness("faults_struck", plain.failures);
	pp_watch_report();
}

static u64 lasts(const struct actor *actor)
{
	u64 since = READ_ONCE(actor->since);

	return since ? ktime_get_ns() - since : 0;
}

/* A task that could run, but has not got the processor: guests may be starved. */
static bool starves(const struct actor *actor)
{
	return READ_ONCE(actor->task->__state) == TASK_RUNNING &&
	       READ_ONCE(actor->task->se.sum_exec_runtime) - READ_ONCE(actor->ran) < NSEC_PER_SEC;
}

/* A call that never returns can only be told of, and how long the other thread has been waiting. */
static bool stalls(void)
{
	enum phase now = READ_ONCE(phase);
	u64 lasting = lasts(&asker);

	if (now == BETWEEN || starves(&asker) ||
	    lasting < (now == PRESSURE ? STALLED_UNDER_PRESSURE_NS : STALLED_NS))
		return false;
	asker.tallies[now].longest_ns = lasting;
	other.tallies[now].longest_ns = max(other.tallies[now].longest_ns, lasts(&other));
	return true;
}

static int exercise(void)
{
	int error = start(&other, call_as_others, "percpu_probe_oth");

	if (!error)
		error = start(&asker, call_nofail, "percpu_probe_ask");
	if (error)
		WRITE_ONCE(done, true);
	while (!READ_ONCE(done) && !stalled) {
		schedule_timeout_uninterruptible(HZ / 20);
		stalled = stalls();
	}
	if (stalled)
		return 0;
	if (asker.task)
		kthread_stop(asker.task);
	if (other.task)
		kthread_stop(other.task);
	return error;
}

/* What percpu takes for us is a quarter of the memory at most, and a sixteenth when it is short. */
static int run(void)
{
	int error;

	error = pp_batch_init(&batch, totalram_pages() / 4 / num_possible_cpus());
	if (error)
		return error;
	pp_watch_on_create(on_create);
	pp_watch_on_page(on_page);
	pp_watch_on_reclaim(on_reclaim);
	pp_watch_start();
	error = exercise();
	pp_watch_stop();
	if (!error)
		report();
	/* Whoever stalls may come back. */
	if (!stalled)
		pp_batch_destroy(&batch);
	return error;
}

const struct pp_workload pp_nofail = {
	.name = "nofail",
	.parts = PHASES,
	.run = run,
};
