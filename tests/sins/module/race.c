// SPDX-License-Identifier: GPL-2.0-only
/* Data races, for KCSAN; without it nothing is seen. */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kcsan-checks.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "sins.h"

static int guests;
static int guests_sum;

static noinline void let_in(void)
{
	guests++;
}

static noinline void count_in(void)
{
	guests_sum += guests;
}

static noinline void let_in_exclusively(void)
{
	ASSERT_EXCLUSIVE_WRITER(guests);
	guests_sum += READ_ONCE(guests);
}

static noinline void let_in_properly(void)
{
	WRITE_ONCE(guests, READ_ONCE(guests) + 1);
}

static void (*first)(void);
static void (*second)(void);

static void repeat(void (*function)(void))
{
	unsigned long end = jiffies + 4 * HZ;

	while (time_before(jiffies, end)) {
		function();
		cond_resched();
	}
}

static int run_first(void *data)
{
	repeat(first);
	return 0;
}

static int run_second(void *data)
{
	repeat(second);
	return 0;
}

static void race(void (*one)(void), void (*other)(void))
{
	first = one;
	second = other;
	sins_thread(run_first, "porter", 0);
	sins_thread(run_second, "clerk", 1);
	msleep_interruptible(6 * MSEC_PER_SEC);
}

static void commit_race(void)
{
	race(let_in, count_in);
}

static void commit_race_writers(void)
{
	race(let_in, let_in);
}

static void commit_race_assert(void)
{
	race(let_in_properly, let_in_exclusively);
}

const struct sin race_sins[] = {
	{ "race", commit_race },
	{ "race-writers", commit_race_writers },
	{ "race-assert", commit_race_assert },
	{}
};
