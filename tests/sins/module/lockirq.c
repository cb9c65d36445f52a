// SPDX-License-Identifier: GPL-2.0-only
/* Locks that interrupts and processes share; raw and sleeping locks nested; RCU. */
#include <linux/irqflags.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "sins.h"

static DEFINE_SPINLOCK(bell);
static DEFINE_SPINLOCK(door);
static DEFINE_RWLOCK(guests);
static DEFINE_RAW_SPINLOCK(clapper);

static noinline void ring_bell(void)
{
	spin_lock(&bell);
	spin_unlock(&bell);
}

static noinline void count_guests(void)
{
	read_lock(&guests);
	read_unlock(&guests);
}

static noinline void polish_bell(void)
{
	spin_lock(&bell);
	spin_unlock(&bell);
}

static noinline void seat_guests(void)
{
	write_lock(&guests);
	write_unlock(&guests);
}

static noinline void paint_door(void)
{
	spin_lock(&door);
	spin_unlock(&door);
}

static noinline void answer_door(void)
{
	unsigned long flags;

	spin_lock_irqsave(&bell, flags);
	spin_lock(&door);
	spin_unlock(&door);
	spin_unlock_irqrestore(&bell, flags);
}

static noinline void answer_door_bh(void)
{
	spin_lock_bh(&bell);
	spin_lock(&door);
	spin_unlock(&door);
	spin_unlock_bh(&bell);
}

static void commit_state_hardirq(void)
{
	polish_bell();
	sins_in_hardirq(ring_bell);
}

static void commit_state_hardirq_on(void)
{
	sins_in_hardirq(ring_bell);
	polish_bell();
}

static void commit_state_softirq(void)
{
	polish_bell();
	sins_in_softirq(ring_bell);
}

static void commit_state_softirq_read(void)
{
	seat_guests();
	sins_in_softirq(count_guests);
}

static void commit_irq_order(void)
{
	sins_in_hardirq(ring_bell);
	paint_door();
	answer_door();
}

static void commit_softirq_order(void)
{
	sins_in_softirq(ring_bell);
	paint_door();
	answer_door_bh();
}

static void commit_irq_inversion(void)
{
	paint_door();
	answer_door();
	sins_in_hardirq(ring_bell);
}

static void commit_softirq_inversion(void)
{
	paint_door();
	answer_door_bh();
	sins_in_softirq(ring_bell);
}

static noinline void swing_clapper(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&clapper, flags);
	spin_lock(&door);
	spin_unlock(&door);
	raw_spin_unlock_irqrestore(&clapper, flags);
}

static noinline void read_under_clapper(void)
{
	raw_spin_lock(&clapper);
	read_lock(&guests);
	read_unlock(&guests);
	raw_spin_unlock(&clapper);
}

static int __rcu *menu;
static LIST_HEAD(dishes);

static noinline void read_menu(void)
{
	if (rcu_dereference(menu))
		pr_info("sins: a menu\n");
}

static noinline void change_menu(void)
{
	if (rcu_dereference_protected(menu, lockdep_is_held(&bell)))
		pr_info("sins: a menu\n");
}

struct dish {
	struct list_head next;
};

static noinline void list_dishes(void)
{
	struct dish *dish;

	list_for_each_entry_rcu(dish, &dishes, next)
		pr_info("sins: a dish\n");
}

static noinline void wait_while_reading(void)
{
	rcu_read_lock_sched();
	synchronize_rcu();
	rcu_read_unlock_sched();
}

const struct sin lockirq_sins[] = {
	{ "state-hardirq", commit_state_hardirq },
	{ "state-hardirq-on", commit_state_hardirq_on },
	{ "state-softirq", commit_state_softirq },
	{ "state-softirq-read", commit_state_softirq_read },
	{ "irq-order", commit_irq_order },
	{ "softirq-order", commit_softirq_order },
	{ "irq-inversion", commit_irq_inversion },
	{ "softirq-inversion", commit_softirq_inversion },
	{ "wait-context", swing_clapper },
	{ "wait-context-read", read_under_clapper },
	{ "rcu-dereference", read_menu },
	{ "rcu-protected", change_menu },
	{ "rcu-list", list_dishes },
	{ "rcu-wait", wait_while_reading },
	{}
};
