// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/sins: the name of a sin written there is committed at once, in the
 * context of the writer. Only for guests that may die.
 */
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "sins.h"

static const struct sin *const books[] = {
#ifdef CONFIG_PROVE_LOCKING
	lock_sins, lockirq_sins, lockdep_sins,
#endif
	atomic_sins, memory_sins, raw_sins, alloc_sins, fault_sins, object_sins, hang_sins, race_sins,
};

const char __user *sins_user_buffer;

static void (*interrupting)(void);

static void hardirq_entry(struct irq_work *work)
{
	interrupting();
}

static DEFINE_IRQ_WORK(hardirq_work, hardirq_entry);

void sins_in_hardirq(void (*function)(void))
{
	interrupting = function;
	irq_work_queue(&hardirq_work);
	irq_work_sync(&hardirq_work);
}

static void softirq_entry(struct timer_list *timer)
{
	interrupting();
}

static DEFINE_TIMER(softirq_timer, softirq_entry);

void sins_in_softirq(void (*function)(void))
{
	interrupting = function;
	mod_timer(&softirq_timer, jiffies + 1);
	while (timer_pending(&softirq_timer))
		cond_resched();
	timer_delete_sync(&softirq_timer);
}

struct task_struct *sins_thread(int (*function)(void *data), const char *name, int cpu)
{
	struct task_struct *task = kthread_create(function, NULL, "%s", name);

	if (IS_ERR(task))
		return NULL;
	if (cpu >= 0)
		kthread_bind(task, cpu);
	wake_up_process(task);
	return task;
}

static const struct sin *find_sin(const char *name)
{
	const struct sin *sin;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(books); i++)
		for (sin = books[i]; sin->name; sin++)
			if (!strcmp(sin->name, name))
				return sin;
	return NULL;
}

static ssize_t commit(struct file *file, const char __user *buffer, size_t size, loff_t *where)
{
	char name[32] = "";
	const struct sin *sin;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buffer, size))
		return -EFAULT;
	sin = find_sin(strim(name));
	if (!sin)
		return -ENOENT;
	sins_user_buffer = buffer;
	pr_info("sins: now %s\n", sin->name);
	sin->commit();
	return size;
}

static const struct proc_ops sins_ops = { .proc_write = commit };

static int __init sins_init(void)
{
	return proc_create("sins", 0200, NULL, &sins_ops) ? 0 : -ENOMEM;
}

static void __exit sins_exit(void)
{
	remove_proc_entry("sins", NULL);
}

module_init(sins_init);
module_exit(sins_exit);
MODULE_DESCRIPTION("Commits the programming mistakes that the kernel can detect, one at a time");
MODULE_LICENSE("GPL");
