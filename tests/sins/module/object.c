// SPDX-License-Identifier: GPL-2.0-only
/* Counters, lists and objects with a life of their own. */
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "sins.h"

struct lamp {
	struct list_head next;
	struct timer_list timer;
	struct work_struct work;
};

/* A street for each sin: a BUG() leaves it as it is. */
static noinline void add_lamp_twice(void)
{
	static LIST_HEAD(street);
	static struct lamp lamp;

	list_add(&lamp.next, &street);
	list_add(&lamp.next, &street);
}

static noinline void remove_lamp_twice(void)
{
	static LIST_HEAD(street);
	static struct lamp lamp;

	list_add(&lamp.next, &street);
	list_del(&lamp.next);
	list_del(&lamp.next);
}

static noinline void remove_bent_lamp(void)
{
	static LIST_HEAD(street);
	static struct lamp lamp;
	static struct lamp other;

	list_add(&lamp.next, &street);
	list_add(&other.next, &street);
	lamp.next.prev = &lamp.next;
	list_del(&lamp.next);
}

static noinline void drop_below_zero(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_dec(&count);
}

static noinline void raise_from_zero(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static noinline void underflow(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	if (refcount_dec_and_test(&count))
		pr_info("sins: gone\n");
}

static void lamp_expires(struct timer_list *timer)
{
}

static noinline void free_lit_lamp(void)
{
	struct lamp *lit = kzalloc(sizeof(*lit), GFP_KERNEL | __GFP_NOFAIL);

	timer_setup(&lit->timer, lamp_expires, 0);
	mod_timer(&lit->timer, jiffies + 1000 * HZ);
	kfree(lit);
	barrier();
}

static noinline void set_up_lit_lamp(void)
{
	static struct lamp lamp;

	timer_setup(&lamp.timer, lamp_expires, 0);
	mod_timer(&lamp.timer, jiffies + 1000 * HZ);
	timer_setup(&lamp.timer, lamp_expires, 0);
}

static noinline void get_unborn_kobject(void)
{
	static struct kobject unborn;

	kobject_get(&unborn);
	barrier();
}

static noinline void make_entry_twice(void)
{
	static const struct proc_ops nothing;

	proc_create("sins_twice", 0, NULL, &nothing);
	proc_create("sins_twice", 0, NULL, &nothing);
	remove_proc_entry("sins_twice", NULL);
}

const struct sin object_sins[] = {
	{ "list-double-add", add_lamp_twice },
	{ "list-double-del", remove_lamp_twice },
	{ "list-bent", remove_bent_lamp },
	{ "refcount-dec", drop_below_zero },
	{ "refcount-inc", raise_from_zero },
	{ "refcount-underflow", underflow },
	{ "odebug-free", free_lit_lamp },
	{ "odebug-init", set_up_lit_lamp },
	{ "kobject-unborn", get_unborn_kobject },
	{ "proc-twice", make_entry_twice },
	{}
};
