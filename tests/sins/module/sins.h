/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SINS_H
#define SINS_H

#include <linux/compiler.h>

/*
 * A sin, by name, and the function that commits it in the context of whoever
 * writes the name to /proc/sins. The function that a maintainer would blame is
 * never inlined, and nothing that it calls is called last.
 */
struct sin {
	const char *name;
	void (*commit)(void);
};

/* A number that the compiler does not know. */
static inline long hidden(long number)
{
	OPTIMIZER_HIDE_VAR(number);
	return number;
}

/* Each ends with an empty entry. */
extern const struct sin lock_sins[];
extern const struct sin lockirq_sins[];
extern const struct sin lockdep_sins[];
extern const struct sin atomic_sins[];
extern const struct sin memory_sins[];
extern const struct sin raw_sins[];
extern const struct sin alloc_sins[];
extern const struct sin fault_sins[];
extern const struct sin object_sins[];
extern const struct sin hang_sins[];
extern const struct sin race_sins[];

/* The last buffer written to /proc/sins: an address of user space. */
extern const char __user *sins_user_buffer;

/* Run a function once and wait for it: in a hard or soft interrupt. */
void sins_in_hardirq(void (*function)(void));
void sins_in_softirq(void (*function)(void));

/* Run a function in a thread of that name, bound to a CPU unless it is -1. */
struct task_struct *sins_thread(int (*function)(void *data), const char *name, int cpu);

#endif
