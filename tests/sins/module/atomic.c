// SPDX-License-Identifier: GPL-2.0-only
/* Sleeping where nobody may, and the contrary. */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "sins.h"

static DEFINE_SPINLOCK(hush);
static DEFINE_MUTEX(bed);

static noinline void allocate_under_hush(void)
{
	spin_lock(&hush);
	kfree(kmalloc(32, GFP_KERNEL));
	spin_unlock(&hush);
}

static noinline void nap_in_softirq(void)
{
	mutex_lock(&bed);
	mutex_unlock(&bed);
}

static void commit_sleep_softirq(void)
{
	sins_in_softirq(nap_in_softirq);
}

static noinline void sleep_with_irqs_off(void)
{
	local_irq_disable();
	might_sleep();
	local_irq_enable();
}

static noinline void schedule_under_hush(void)
{
	preempt_disable();
	/* It complains and then enables preemption itself (schedule_debug()). */
	schedule_timeout_uninterruptible(2);
}

static noinline void deny_sleep(void)
{
	cant_sleep();
}

static noinline void ask_for_the_cpu(void)
{
	pr_info("sins: on CPU %d\n", smp_processor_id());
}

static noinline void block_while_not_running(void)
{
	set_current_state(TASK_INTERRUPTIBLE);
	mutex_lock(&bed);
	mutex_unlock(&bed);
	__set_current_state(TASK_RUNNING);
}

const struct sin atomic_sins[] = {
	{ "sleep-spinlock", allocate_under_hush },
	{ "sleep-softirq", commit_sleep_softirq },
	{ "sleep-irqs-off", sleep_with_irqs_off },
	{ "schedule-atomic", schedule_under_hush },
	{ "cant-sleep", deny_sleep },
	{ "smp-processor-id", ask_for_the_cpu },
	{ "blocking-op", block_while_not_running },
	{}
};
