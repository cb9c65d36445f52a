// SPDX-License-Identifier: GPL-2.0-only
/* Hangs: of a task, of a CPU, of RCU, of a workqueue. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "sins.h"

static DEFINE_MUTEX(bridge);
static DECLARE_COMPLETION(godot);

/* Jiffies stand still where interrupts are off on the CPU that counts them. */
static noinline void spin_in_place(unsigned int seconds)
{
	u64 end = ktime_get_mono_fast_ns() + (u64)seconds * NSEC_PER_SEC;

	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

static int wait_at_bridge(void *data)
{
	mutex_lock(&bridge);
	mutex_unlock(&bridge);
	return 0;
}

static void commit_hung_mutex(void)
{
	mutex_lock(&bridge);
	sins_thread(wait_at_bridge, "traveller", -1);
	msleep_interruptible(14 * MSEC_PER_SEC);
	mutex_unlock(&bridge);
}

static int wait_for_godot(void *data)
{
	wait_for_completion(&godot);
	return 0;
}

static void commit_hung_completion(void)
{
	sins_thread(wait_for_godot, "vladimir", -1);
	msleep_interruptible(12 * MSEC_PER_SEC);
	complete(&godot);
}

static int spin_without_preemption(void *data)
{
	preempt_disable();
	spin_in_place(18);
	preempt_enable();
	return 0;
}

static void commit_soft_lockup(void)
{
	sins_thread(spin_without_preemption, "dervish", 1);
	msleep_interruptible(19 * MSEC_PER_SEC);
}

static void spin_in_softirq(void)
{
	spin_in_place(18);
}

static void commit_soft_lockup_softirq(void)
{
	sins_in_softirq(spin_in_softirq);
}

static int spin_without_interrupts(void *data)
{
	local_irq_disable();
	spin_in_place(24);
	local_irq_enable();
	return 0;
}

static void commit_hard_lockup(void)
{
	sins_thread(spin_without_interrupts, "hermit", 1);
	msleep_interruptible(26 * MSEC_PER_SEC);
}

static int spin_as_reader(void *data)
{
	rcu_read_lock();
	spin_in_place(14);
	rcu_read_unlock();
	return 0;
}

static void commit_rcu_stall(void)
{
	sins_thread(spin_as_reader, "reader", 1);
	synchronize_rcu();
	msleep_interruptible(15 * MSEC_PER_SEC);
}

static void commit_rcu_stall_expedited(void)
{
	sins_thread(spin_as_reader, "reader", 1);
	msleep_interruptible(100);
	synchronize_rcu_expedited();
	msleep_interruptible(15 * MSEC_PER_SEC);
}

static void commit_rcu_stall_irqs_off(void)
{
	sins_thread(spin_without_interrupts, "hermit", 1);
	synchronize_rcu();
	msleep_interruptible(26 * MSEC_PER_SEC);
}

static void hog_worker(struct work_struct *work)
{
	preempt_disable();
	spin_in_place(20);
	preempt_enable();
}

static void do_little(struct work_struct *work)
{
}

static DECLARE_WORK(hog_work, hog_worker);
static DECLARE_WORK(little_work, do_little);

static void commit_workqueue_lockup(void)
{
	schedule_work_on(1, &hog_work);
	msleep_interruptible(200);
	schedule_work_on(1, &little_work);
	msleep_interruptible(24 * MSEC_PER_SEC);
}

static void be_called(void *data)
{
}

static void commit_csd_lock(void)
{
	sins_thread(spin_without_interrupts, "hermit", 1);
	msleep_interruptible(100);
	smp_call_function_single(1, be_called, NULL, 1);
	msleep_interruptible(2 * MSEC_PER_SEC);
}

const struct sin hang_sins[] = {
	{ "hung-mutex", commit_hung_mutex },
	{ "hung-completion", commit_hung_completion },
	{ "soft-lockup", commit_soft_lockup },
	{ "soft-lockup-softirq", commit_soft_lockup_softirq },
	{ "hard-lockup", commit_hard_lockup },
	{ "rcu-stall", commit_rcu_stall },
	{ "rcu-stall-expedited", commit_rcu_stall_expedited },
	{ "rcu-stall-irqs-off", commit_rcu_stall_irqs_off },
	{ "workqueue-lockup", commit_workqueue_lockup },
	{ "csd-lock", commit_csd_lock },
	{}
};
