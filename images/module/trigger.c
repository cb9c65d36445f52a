// SPDX-License-Identifier: GPL-2.0-only
/*
 * What starts a workload that was only prepared: a task reads /dev/percpu_probe and waits, until
 * somebody writes "SABOTAGE SEED" to it; then the reader runs the workload, once, and reads its
 * result. A guest that is saved while the reader waits needs neither a new task nor a new program
 * to run it.
 *
 * A device, because nothing is locked while one is read: files hold more, and lockdep would see
 * the workload under it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "percpu_probe.h"

#define LATEST_US 4000

static DECLARE_WAIT_QUEUE_HEAD(readers);
static void (*run_prepared)(void);
static atomic_t told, runs;

/* Runs that start from one state differ by the CPU and the moment at which they begin. */
static void move_by_seed(void)
{
	struct rnd_state random;
	unsigned int late;

	prandom_seed_state(&random, pp_seed);
	set_cpus_allowed_ptr(current, cpumask_of(prandom_u32_state(&random) % num_online_cpus()));
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	late = prandom_u32_state(&random) % LATEST_US;
	usleep_range(late, late + 1);
}

static ssize_t run_and_answer(struct file *file, char __user *buffer, size_t size, loff_t *at)
{
	if (!*at) {
		if (wait_event_interruptible(readers, atomic_read(&told)))
			return -ERESTARTSYS;
		if (atomic_inc_return(&runs) > 1)
			return -EBUSY;
		move_by_seed();
		run_prepared();
	}
	return pp_result_read(buffer, size, at);
}

static ssize_t tell(struct file *file, const char __user *buffer, size_t size, loff_t *at)
{
	unsigned int sabotage, seed;
	char text[32] = "";

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, size))
		return -EFAULT;
	if (sscanf(text, "%u %u", &sabotage, &seed) != 2)
		return -EINVAL;
	if (atomic_read(&told))
		return -EBUSY;
	pp_sabotage = sabotage;
	pp_seed = seed;
	atomic_set_release(&told, 1);
	wake_up_interruptible(&readers);
	return size;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.read = run_and_answer,
	.write = tell,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "percpu_probe",
	.fops = &operations,
};

/* Returns 0, or a negative errno when there can be no device. */
int pp_trigger_open(void (*run)(void))
{
	run_prepared = run;
	return misc_register(&device);
}

void pp_trigger_close(void)
{
	misc_deregister(&device);
}
