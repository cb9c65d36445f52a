// SPDX-License-Identifier: GPL-2.0-only
/*
 * storm: threads allocate and free in every scope, size and alignment at once. Every unit of
 * every area is filled with a pattern of its own and checked before it is freed: two owners of
 * one byte cannot go unseen.
 */
#include <linux/bitops.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "percpu_probe.h"

#define THREADS		4
#define SLOTS		48
#define SECONDS		2
#define MAX_BUCKETS	40

struct area {
	void __percpu *ptr;
	size_t size;
	u32 pattern;
};

struct thread {
	struct task_struct *task;
	struct rnd_state random;
	struct area slots[SLOTS];
	bool spoiled;
	unsigned long served[PP_CALLERS];
	unsigned long failed[PP_CALLERS];
	unsigned long latency[PP_CALLERS][MAX_BUCKETS];
	unsigned long checked, corrupt, not_zero, misaligned;
};

/*
 * Any two units of any two areas differ in it: the owner's serial number, and the CPU in the
 * top byte.
 */
static u32 unit_pattern(const struct area *area, unsigned int cpu)
{
	return area->pattern ^ (cpu << 24);
}

/* Ends all threads at once: kthread_stop() waits for one after the other. */
static bool abated;

static u32 new_pattern(void)
{
	static atomic_t serial = ATOMIC_INIT(0);

	return (u32)atomic_inc_return(&serial) & 0xffffff;
}

static void fill(const struct area *area)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		memset32(per_cpu_ptr(area->ptr, cpu), unit_pattern(area, cpu),
			 area->size / sizeof(u32));
}

static bool intact(const struct area *area)
{
	unsigned int cpu;
	size_t i;

	for_each_possible_cpu(cpu) {
		const u32 *words = per_cpu_ptr(area->ptr, cpu);
		u32 wanted = unit_pattern(area, cpu);

		for (i = 0; i < area->size / sizeof(u32); i++)
			if (words[i] != wanted)
				return false;
	}
	return true;
}

static bool zeroed(const struct area *area)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (memchr_inv(per_cpu_ptr(area->ptr, cpu), 0, area->size))
			return false;
	return true;
}

/* Every order of magnitude is as likely as the next; the largest are 32 KiB, percpu's limit. */
static size_t random_size(struct rnd_state *random)
{
	unsigned int shift = 3 + prandom_u32_state(random) % 12;
	size_t size = (1UL << shift) + (prandom_u32_state(random) & ((1U << shift) - 1));

	return min_t(size_t, round_up(size, sizeof(u32)), 32 << 10);
}

static size_t random_align(struct rnd_state *random)
{
	return 1UL << (2 + prandom_u32_state(random) % (PAGE_SHIFT - 1));
}

static void __percpu *timed_alloc(struct thread *thread, enum pp_caller_id who, size_t size,
				  size_t align)
{
	void __percpu *ptr;
	unsigned long flags = 0;
	unsigned int bucket;
	u64 start, took;

	if (who == PP_ATOMIC)
		local_irq_save(flags);
	start = ktime_get_ns();
	ptr = pp_alloc(who, size, align, __GFP_NOWARN);
	took = ktime_get_ns() - start;
	if (who == PP_ATOMIC)
		local_irq_restore(flags);

	bucket = took ? min_t(unsigned int, ilog2(took), MAX_BUCKETS - 1) : 0;
	thread->latency[who][bucket]++;
	if (ptr)
		thread->served[who]++;
	else
		thread->failed[who]++;
	return ptr;
}

static void take(struct thread *thread, struct area *area)
{
	enum pp_caller_id who = prandom_u32_state(&thread->random) % PP_CALLERS;
	size_t align = random_align(&thread->random);
	unsigned int cpu;

	area->size = random_size(&thread->random);
	area->ptr = timed_alloc(thread, who, area->size, align);
	if (!area->ptr)
		return;
	for_each_possible_cpu(cpu)
		thread->misaligned += !IS_ALIGNED((uintptr_t)per_cpu_ptr(area->ptr, cpu), align);
	thread->not_zero += !zeroed(area);
	area->pattern = new_pattern();
	fill(area);
	/* The sabotage: one stray write, as a second owner of the area would do it. */
	if (pp_sabotage && !thread->spoiled) {
		*(u32 *)per_cpu_ptr(area->ptr, cpumask_last(cpu_possible_mask)) ^= 1;
		thread->spoiled = true;
	}
}

static void give_back(struct thread *thread, struct area *area)
{
	thread->checked++;
	thread->corrupt += !intact(area);
	free_percpu(area->ptr);
	area->ptr = NULL;
}

static int blow(void *data)
{
	struct thread *thread = data;
	unsigned int i;

	/* Whoever counts the seconds comes first. */
	set_user_nice(current, MAX_NICE);
	while (!READ_ONCE(abated)) {
		struct area *area = &thread->slots[prandom_u32_state(&thread->random) % SLOTS];

		if (area->ptr)
			give_back(thread, area);
		else
			take(thread, area);
		cond_resched();
	}
	for (i = 0; i < SLOTS; i++)
		if (thread->slots[i].ptr)
			give_back(thread, &thread->slots[i]);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static unsigned int start_threads(struct thread *threads)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		prandom_seed_state(&threads[i].random, pp_seed + i);
		threads[i].task = kthread_run(blow, &threads[i], "percpu_probe/%u", i);
		if (IS_ERR(threads[i].task))
			break;
	}
	return i;
}

static void add_up(struct thread *sum, const struct thread *thread)
{
	unsigned int who, bucket;

	for (who = 0; who < PP_CALLERS; who++) {
		sum->served[who] += thread->served[who];
		sum->failed[who] += thread->failed[who];
		for (bucket = 0; bucket < MAX_BUCKETS; bucket++)
			sum->latency[who][bucket] += thread->latency[who][bucket];
	}
	sum->checked += thread->checked;
	sum->corrupt += thread->corrupt;
	sum->not_zero += thread->not_zero;
	sum->misaligned += thread->misaligned;
}

static void report_callers(const struct thread *sum)
{
	unsigned int who, bucket;
	bool all_served = true;

	for (who = 0; who < PP_CALLERS; who++) {
		const char *name = pp_callers[who].name;

		pp_counter(sum->served[who] + sum->failed[who], "%s_calls", name);
		pp_counter(sum->failed[who], "%s_failures", name);
		for (bucket = 0; bucket < MAX_BUCKETS; bucket++)
			if (sum->latency[who][bucket])
				pp_counter(sum->latency[who][bucket], "%s_latency_log2ns_%u", name,
					   bucket);
		all_served &= sum->served[who] > 0;
	}
	pp_witness("every_caller_served", all_served);
}

static void report(const struct thread *sum)
{
	report_callers(sum);
	pp_counter(sum->checked, "areas_checked");
	pp_counter(sum->corrupt, "areas_corrupt");
	pp_counter(sum->not_zero, "areas_not_zero");
	pp_counter(sum->misaligned, "units_misaligned");
	pp_witness("areas_checked", sum->checked);
	pp_part("patterns", !sum->corrupt, "%lu of %lu areas corrupt", sum->corrupt, sum->checked);
	pp_part("zeroed", !sum->not_zero, "%lu areas not zeroed", sum->not_zero);
	pp_part("alignment", !sum->misaligned, "%lu units misaligned", sum->misaligned);
}

static int run(void)
{
	/* The last one is the sum of the others. */
	struct thread *threads = kvcalloc(THREADS + 1, sizeof(*threads), GFP_KERNEL);
	unsigned int i, started;

	if (!threads)
		return -ENOMEM;
	pp_watch_start();
	started = start_threads(threads);
	schedule_timeout_uninterruptible((pp_seconds ?: SECONDS) * HZ);
	WRITE_ONCE(abated, true);
	for (i = 0; i < started; i++) {
		kthread_stop(threads[i].task);
		add_up(&threads[THREADS], &threads[i]);
	}
	pp_watch_stop();

	pp_witness("threads_started", started == THREADS);
	pp_witness("chunks_created", atomic_read(&pp_watch.chunks_created));
	report(&threads[THREADS]);
	pp_watch_report();
	kvfree(threads);
	return 0;
}

const struct pp_workload pp_storm = {
	.name = "storm",
	.parts = 3,
	.run = run,
};
