// SPDX-License-Identifier: GPL-2.0-only
/* Sins against the order and the life of locks, in process context. */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "sins.h"

static DEFINE_MUTEX(till);
static DEFINE_MUTEX(vault);
static DEFINE_MUTEX(safe);
static DECLARE_RWSEM(purse);
static DEFINE_SPINLOCK(tally);

struct coin {
	struct mutex edge; /* guards nothing */
	spinlock_t face; /* guards nothing */
};

static struct coin *mint_coin(void)
{
	struct coin *coin = kzalloc(sizeof(*coin), GFP_KERNEL | __GFP_NOFAIL);

	mutex_init(&coin->edge);
	spin_lock_init(&coin->face);
	return coin;
}

static noinline void open_till(void)
{
	mutex_lock(&till);
	mutex_lock(&vault);
	mutex_unlock(&vault);
	mutex_unlock(&till);
}

static noinline void open_vault(void)
{
	mutex_lock(&vault);
	mutex_lock(&till);
	mutex_unlock(&till);
	mutex_unlock(&vault);
}

static void commit_circular_2(void)
{
	open_till();
	open_vault();
}

static noinline void fill_purse(void)
{
	mutex_lock(&vault);
	down_read(&purse);
	up_read(&purse);
	mutex_unlock(&vault);
}

static noinline void audit_purse(void)
{
	down_write(&purse);
	mutex_lock(&till);
	mutex_unlock(&till);
	up_write(&purse);
}

static void commit_circular_3(void)
{
	open_till();
	fill_purse();
	audit_purse();
}

static noinline void stack_coins(struct coin *coin)
{
	down_read(&purse);
	mutex_lock(&coin->edge);
	mutex_lock_nested(&safe, SINGLE_DEPTH_NESTING);
	mutex_unlock(&safe);
	mutex_unlock(&coin->edge);
	up_read(&purse);
}

static noinline void lock_safe_behind_till(void)
{
	mutex_lock_nested(&safe, SINGLE_DEPTH_NESTING);
	mutex_lock(&till);
	mutex_unlock(&till);
	mutex_unlock(&safe);
}

static noinline void empty_till(void)
{
	mutex_lock(&till);
	down_write(&purse);
	up_write(&purse);
	mutex_unlock(&till);
}

/* Four classes: one by its member's name, one with a subclass. */
static void commit_circular_4(void)
{
	stack_coins(mint_coin());
	lock_safe_behind_till();
	empty_till();
}

static bool refill_locks;

static void refill(struct work_struct *work)
{
	if (!refill_locks) {
		/* Who flushes work that is done already tells lockdep nothing. */
		msleep(50);
		return;
	}
	mutex_lock(&till);
	mutex_unlock(&till);
}

static DECLARE_WORK(refill_work, refill);

static noinline void refill_now(void)
{
	schedule_work(&refill_work);
	flush_work(&refill_work);
}

static void take_till_and_return(struct work_struct *work)
{
	mutex_lock(&till);
}

static DECLARE_WORK(leaking_work, take_till_and_return);

static void commit_work_leak(void)
{
	schedule_work(&leaking_work);
	flush_work(&leaking_work);
}

/* Waits for the work under a lock that the work, from its second run on, takes. */
static void commit_circular_work(void)
{
	mutex_lock(&till);
	refill_now();
	mutex_unlock(&till);
	refill_locks = true;
	refill_now();
}

static noinline void weigh_coins(struct coin *one, struct coin *other)
{
	spin_lock(&one->face);
	spin_lock(&other->face);
	spin_unlock(&other->face);
	spin_unlock(&one->face);
}

static void commit_recursive(void)
{
	weigh_coins(mint_coin(), mint_coin());
}

static noinline void count_purse_twice(void)
{
	down_read(&purse);
	down_read(&purse);
	up_read(&purse);
	up_read(&purse);
}

static noinline void leave_vault_twice(void)
{
	mutex_lock(&vault);
	mutex_unlock(&vault);
	mutex_unlock(&vault);
}

static noinline void leave_tally_unasked(void)
{
	preempt_disable();
	spin_unlock(&tally);
}

static noinline void contend_unasked(void)
{
	lock_contended(&vault.dep_map, _THIS_IP_);
	barrier();
}

static noinline void melt_held_coin(void)
{
	struct coin *coin = mint_coin();

	mutex_lock(&coin->edge);
	kfree(coin);
}

static noinline void mint_over_held_coin(void)
{
	struct coin *coin = mint_coin();

	mutex_lock(&coin->edge);
	mutex_init(&coin->edge);
}

static noinline void keep_vault(void)
{
	mutex_lock(&vault);
}

static noinline void keep_till_and_purse(void)
{
	mutex_lock(&till);
	down_read(&purse);
}

static int take_vault_and_leave(void *data)
{
	mutex_lock(&vault);
	return 0;
}

static void commit_still_held(void)
{
	sins_thread(take_vault_and_leave, "leaver", -1);
}

static noinline void nest_in_nothing(void)
{
	mutex_lock_nest_lock(&till, &vault);
	mutex_unlock(&till);
}

static noinline void use_raw_coin(void)
{
	struct coin *coin = kzalloc(sizeof(*coin), GFP_KERNEL | __GFP_NOFAIL);

	coin->face = __SPIN_LOCK_UNLOCKED(coin->face);
	memset(&coin->face.dep_map, 0, sizeof(coin->face.dep_map));
	spin_lock(&coin->face);
	spin_unlock(&coin->face);
	kfree(coin);
}

static noinline void need_vault_held(void)
{
	lockdep_assert_held(&vault);
}

const struct sin lock_sins[] = {
	{ "circular-2", commit_circular_2 },
	{ "circular-3", commit_circular_3 },
	{ "circular-4", commit_circular_4 },
	{ "circular-work", commit_circular_work },
	{ "work-leak", commit_work_leak },
	{ "recursive", commit_recursive },
	{ "recursive-read", count_purse_twice },
	{ "unlock-balance", leave_vault_twice },
	{ "unlock-balance-spin", leave_tally_unasked },
	{ "contention", contend_unasked },
	{ "lock-freed", melt_held_coin },
	{ "lock-reinit", mint_over_held_coin },
	{ "returning", keep_vault },
	{ "returning-2", keep_till_and_purse },
	{ "still-held", commit_still_held },
	{ "nested", nest_in_nothing },
	{ "non-static", use_raw_coin },
	{ "assert-held", need_vault_held },
	{}
};
