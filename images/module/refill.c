// SPDX-License-Identifier: GPL-2.0-only
/*
 * atomic-refill: callers that may not block live on pages that the balance worker has
 * populated. Each kind of them drains those pages, waits for the worker, and must then be
 * served again.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "percpu_probe.h"

#define AREA_SIZE	4096
#define DRAIN_MAX	1024
#define ROUNDS		10
#define PAUSE_MS	20
#define PATIENCE_MS	3000
#define PATIENCE_SABOTAGED_MS	100
#define BLOCK_LIMIT_NS	(10ULL * NSEC_PER_SEC)

/* A call from one context, and whether that context was what it claims to be. */
struct request {
	void __percpu *area;
	bool in_context;
	struct completion done;
};

struct context {
	const char *name;
	void (*ask)(struct request *request);
};

static DEFINE_SPINLOCK(irqs_off_lock);

static enum hrtimer_restart in_timer(struct hrtimer *timer);

static void setup_timer_on_stack(struct hrtimer *timer)
{
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup_on_stack(timer, in_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init_on_stack(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = in_timer;
#endif
}

static void allocate(struct request *request, enum pp_caller_id who)
{
	request->area = pp_alloc(who, AREA_SIZE, sizeof(u64), __GFP_NOWARN);
}

static void ask_irqs_off(struct request *request)
{
	unsigned long flags;

	spin_lock_irqsave(&irqs_off_lock, flags);
	request->in_context = irqs_disabled();
	allocate(request, PP_ATOMIC);
	spin_unlock_irqrestore(&irqs_off_lock, flags);
}

/*
 * An ordinary timer, which PREEMPT_RT would run in a thread: percpu's lock is one that may not be
 * taken in interrupts that even PREEMPT_RT does not thread.
 */
struct timed_request {
	struct hrtimer timer;
	struct request *request;
};

static enum hrtimer_restart in_timer(struct hrtimer *timer)
{
	struct request *request = container_of(timer, struct timed_request, timer)->request;

	request->in_context = in_hardirq();
	allocate(request, PP_ATOMIC);
	complete(&request->done);
	return HRTIMER_NORESTART;
}

static void ask_hardirq(struct request *request)
{
	struct timed_request timed = { .request = request };

	init_completion(&request->done);
	setup_timer_on_stack(&timed.timer);
	hrtimer_start(&timed.timer, ns_to_ktime(NSEC_PER_USEC), HRTIMER_MODE_REL);
	wait_for_completion(&request->done);
	hrtimer_cancel(&timed.timer);
	destroy_hrtimer_on_stack(&timed.timer);
}

static struct request *softirq_request;

static void in_tasklet(struct tasklet_struct *tasklet)
{
	softirq_request->in_context = in_serving_softirq();
	allocate(softirq_request, PP_ATOMIC);
	complete(&softirq_request->done);
}

static DECLARE_TASKLET(tasklet, in_tasklet);

static void ask_softirq(struct request *request)
{
	softirq_request = request;
	init_completion(&request->done);
	tasklet_schedule(&tasklet);
	wait_for_completion(&request->done);
}

static void ask_nowait(struct request *request)
{
	request->in_context = in_task() && !irqs_disabled();
	allocate(request, PP_NOWAIT);
}

static const struct context contexts[] = {
	{ "irqs_off", ask_irqs_off },
	{ "hardirq", ask_hardirq },
	{ "softirq", ask_softirq },
	{ "nowait", ask_nowait },
};

/* Keeps what it gets: a page that is given back would serve the next caller without any refill. */
static bool served(const struct context *context, struct pp_batch *batch, bool *in_context)
{
	struct request request = { };

	context->ask(&request);
	*in_context &= request.in_context;
	if (request.area && batch->used < batch->size)
		batch->areas[batch->used++] = request.area;
	else
		free_percpu(request.area);
	return request.area;
}

struct tally {
	unsigned int drained, waits, attempts, failures;
	bool emptied, in_context, refilled;
	u64 refill_us;
};

static void measure(const struct context *context, struct pp_batch *batch, struct tally *tally)
{
	unsigned int patience = pp_sabotage ? PATIENCE_SABOTAGED_MS : PATIENCE_MS;
	ktime_t start;

	/* Faster than the worker, which a drain that waits for a timer each time would not be. */
	tally->in_context = true;
	while (tally->drained < DRAIN_MAX && served(&contexts[0], batch, &tally->in_context))
		tally->drained++;
	tally->emptied = tally->drained < DRAIN_MAX;

	start = ktime_get();
	while (!tally->refilled && tally->waits * PAUSE_MS < patience) {
		msleep(PAUSE_MS);
		tally->waits++;
		tally->refilled = served(context, batch, &tally->in_context);
	}
	tally->refill_us = ktime_us_delta(ktime_get(), start);

	for (; tally->attempts < ROUNDS; tally->attempts++) {
		msleep(PAUSE_MS);
		tally->failures += !served(context, batch, &tally->in_context);
	}
}

static void report(const char *name, const struct tally *tally)
{
	pp_counter(tally->drained, "%s_drained", name);
	pp_counter(tally->refilled, "%s_refilled", name);
	pp_counter(tally->waits, "%s_refill_waits", name);
	pp_counter(tally->refill_us, "%s_refill_us", name);
	pp_counter(tally->attempts, "%s_attempts", name);
	pp_counter(tally->failures, "%s_failures", name);
	pp_part(name, tally->refilled, "%u served, then %s after %llu us; %u of %u failed later",
		tally->drained, tally->refilled ? "refilled" : "NOT refilled", tally->refill_us,
		tally->failures, tally->attempts);
}

/*
 * The sabotage: somebody creates a chunk and does not return from there. It holds
 * pcpu_alloc_mutex, so the balance worker cannot run. Nothing else is different.
 */
static struct completion blocking;
static atomic_t release_mutex = ATOMIC_INIT(0);
static bool blocked;

static void block_in_create(void)
{
	u64 limit = ktime_get_ns() + BLOCK_LIMIT_NS;

	if (blocked)
		return;
	blocked = true;
	complete(&blocking);
	while (!atomic_read(&release_mutex) && ktime_get_ns() < limit)
		cpu_relax();
}

static int create_a_chunk(void *data)
{
	struct pp_batch *batch = data;

	while (!blocked && batch->used < batch->size)
		pp_batch_fill(batch, PP_KERNEL, 1, AREA_SIZE, 0);
	while (!kthread_should_stop())
		msleep(PAUSE_MS);
	return 0;
}

static struct task_struct *block_worker(struct pp_batch *batch)
{
	struct task_struct *task;

	init_completion(&blocking);
	pp_watch_on_create(block_in_create);
	task = kthread_run(create_a_chunk, batch, "percpu_probe_blk");
	if (!IS_ERR(task))
		wait_for_completion_timeout(&blocking, msecs_to_jiffies(PATIENCE_MS));
	return task;
}

static void unblock_worker(struct task_struct *task)
{
	unsigned int waited;
	unsigned long flags;

	atomic_set(&release_mutex, 1);
	if (!IS_ERR(task))
		kthread_stop(task);

	/* The worker waits for the mutex; on a busy host it is not there at once. */
	for (waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		if (atomic_read(&pp_watch.worker_pages))
			break;
		msleep(PAUSE_MS);
	}

	/* And what the kernel says of a caller that sleeps where it must not. */
	spin_lock_irqsave(&irqs_off_lock, flags);
	might_sleep();
	spin_unlock_irqrestore(&irqs_off_lock, flags);
}

static void measure_all(struct pp_batch *batch)
{
	struct tally tallies[ARRAY_SIZE(contexts)] = { };
	bool emptied = true, in_context = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(contexts); i++) {
		measure(&contexts[i], batch, &tallies[i]);
		emptied &= tallies[i].emptied;
		in_context &= tallies[i].in_context;
	}
	for (i = 0; i < ARRAY_SIZE(contexts); i++)
		report(contexts[i].name, &tallies[i]);
	pp_witness("drained", emptied);
	pp_witness("in_atomic_context", in_context);
}

static int run(void)
{
	struct task_struct *blocker = NULL;
	struct pp_batch batch, chunk;
	int error;

	error = pp_batch_init(&batch, ARRAY_SIZE(contexts) * (DRAIN_MAX + ROUNDS + 1));
	if (error)
		return error;
	error = pp_batch_init(&chunk, 2 * DRAIN_MAX);
	if (error)
		goto destroy;
	pp_watch_start();
	if (pp_sabotage)
		blocker = block_worker(&chunk);
	measure_all(&batch);
	if (blocker)
		unblock_worker(blocker);
	pp_watch_stop();

	pp_witness("balance_worker_ran", atomic_read(&pp_watch.worker_pages));
	pp_watch_report();
	pp_batch_destroy(&chunk);
destroy:
	pp_batch_destroy(&batch);
	return error;
}

const struct pp_workload pp_atomic_refill = {
	.name = "atomic-refill",
	.parts = ARRAY_SIZE(contexts),
	.run = run,
};
