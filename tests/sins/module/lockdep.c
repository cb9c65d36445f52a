// SPDX-License-Identifier: GPL-2.0-only
/* What lockdep itself gives up over, and the checks inside the locks. */
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "sins.h"

struct many {
	struct lock_class_key key;
	struct lockdep_map map;
};

static struct many *make_many(unsigned int count)
{
	struct many *many = vzalloc(count * sizeof(*many));
	unsigned int i;

	for (i = 0; many && i < count; i++) {
		lockdep_register_key(&many[i].key);
		lockdep_init_map(&many[i].map, "many", &many[i].key, 0);
	}
	return many;
}

static void take(struct many *one)
{
	lock_acquire(&one->map, 0, 0, 0, 1, NULL, _THIS_IP_);
}

static void leave(struct many *one)
{
	lock_release(&one->map, _THIS_IP_);
}

static noinline void use_too_many_keys(void)
{
	const unsigned int count = 9000;
	struct many *many = make_many(count);
	unsigned int i;

	for (i = 0; many && debug_locks && i < count; i++) {
		take(&many[i]);
		leave(&many[i]);
	}
}

static noinline void dig_too_deep(void)
{
	const unsigned int count = MAX_LOCK_DEPTH + 2;
	struct many *many = make_many(count);
	unsigned int i;

	for (i = 0; many && debug_locks && i < count; i++)
		take(&many[i]);
}

static noinline void nest_too_deep(void)
{
	struct many *many = make_many(1);

	lock_acquire(&many->map, MAX_LOCKDEP_SUBCLASSES, 0, 0, 1, NULL, _THIS_IP_);
	barrier();
}

static noinline void use_bent_mutex(void)
{
	static DEFINE_MUTEX(bent);

	bent.magic = NULL;
	mutex_lock(&bent);
	mutex_unlock(&bent);
}

static noinline void use_bent_rwsem(void)
{
	static DECLARE_RWSEM(bent);

	bent.magic = NULL;
	down_read(&bent);
	up_read(&bent);
}

static noinline void take_foreign_spinlock(void)
{
	static DEFINE_SPINLOCK(foreign);

	foreign.rlock.magic = 0;
	spin_lock(&foreign);
	spin_unlock(&foreign);
}

/* The owner is a lie: a true recursion would never come back. */
static noinline void take_own_spinlock(void)
{
	static DEFINE_SPINLOCK(own);

	own.rlock.owner = current;
	spin_lock(&own);
	spin_unlock(&own);
}

static noinline void leave_foreign_spinlock(void)
{
	static DEFINE_SPINLOCK(lent);

	spin_lock(&lent);
	lent.rlock.owner = &init_task;
	spin_unlock(&lent);
}

static noinline void take_foreign_rwlock(void)
{
	static DEFINE_RWLOCK(foreign);

	foreign.magic = 0;
	read_lock(&foreign);
	read_unlock(&foreign);
}

static noinline void lie_about_irqs(void)
{
	unsigned long flags;

	raw_local_irq_save(flags);
	raw_local_irq_restore(flags);
	raw_local_irq_restore(flags);
}

static noinline void lose_a_pinned_lock(void)
{
	static DEFINE_SPINLOCK(pinned);
	struct pin_cookie cookie;

	spin_lock(&pinned);
	cookie = lockdep_pin_lock(&pinned);
	spin_unlock(&pinned);
	(void)cookie;
}

const struct sin lockdep_sins[] = {
	{ "many-keys", use_too_many_keys },
	{ "lock-depth", dig_too_deep },
	{ "subclass", nest_too_deep },
	{ "mutex-magic", use_bent_mutex },
	{ "rwsem-magic", use_bent_rwsem },
	{ "spin-magic", take_foreign_spinlock },
	{ "spin-recursion", take_own_spinlock },
	{ "spin-owner", leave_foreign_spinlock },
	{ "rwlock-magic", take_foreign_rwlock },
	{ "irq-restore", lie_about_irqs },
	{ "pinned", lose_a_pinned_lock },
	{}
};
