// SPDX-License-Identifier: GPL-2.0-only
/* Warnings, bugs, oopses and panics. Not instrumented by KASAN: the hardware shall find them. */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/panic.h>
#include <linux/slab.h>

#include "sins.h"

static int sink;

static noinline void warn_plainly(void)
{
	WARN_ON(!hidden(0));
}

static noinline void warn_with_words(void)
{
	WARN(!hidden(0), "sins: %d coins are missing\n", 42);
}

static noinline void warn_once(void)
{
	WARN_ONCE(!hidden(0), "sins: the till is open\n");
}

static noinline void hit_bug(void)
{
	BUG_ON(!hidden(0));
}

static noinline void read_null(void)
{
	WRITE_ONCE(sink, READ_ONCE(*(int *)hidden(8)));
}

static noinline void write_null(void)
{
	WRITE_ONCE(*(int *)hidden(16), 1);
}

static noinline void call_null(void)
{
	void (*function)(void) = (void *)hidden(0);

	function();
	barrier();
}

static noinline void read_wild(void)
{
	WRITE_ONCE(sink, READ_ONCE(*(int *)hidden(0xffff900000000000UL)));
}

static noinline void read_noncanonical(void)
{
	WRITE_ONCE(sink, READ_ONCE(*(int *)hidden(0xdead4ead00000122UL)));
}

static noinline void write_constant(void)
{
	char *text = (char *)"constant";

	OPTIMIZER_HIDE_VAR(text);
	WRITE_ONCE(*text, 'C');
}

static noinline void run_data(void)
{
	static char data[16] __aligned(16) = "\xc3";
	void (*function)(void) = (void *)data;

	OPTIMIZER_HIDE_VAR(function);
	function();
	barrier();
}

static noinline void divide_by_zero(void)
{
	asm volatile("xorl %%edx, %%edx; idivl %1" : : "a"(1), "r"((int)hidden(0)) : "edx", "cc");
}

static noinline void run_no_opcode(void)
{
	/* "lock nop": the kernel's own "ud2" would be taken for a BUG() of unknown place. */
	asm volatile(".byte 0xf0, 0x90");
}

static noinline void step_on_int3(void)
{
	asm volatile("int3");
}

static noinline int dig_a_hole(int depth)
{
	char earth[512];

	if (hidden(0))
		return 0;
	earth[0] = depth;
	barrier_data(earth);
	return dig_a_hole(depth + 1) + earth[0];
}

static void commit_stack_overflow(void)
{
	WRITE_ONCE(sink, dig_a_hole(0));
}

static void commit_oops_hardirq(void)
{
	sins_in_hardirq(read_null);
}

static void commit_warn_softirq(void)
{
	sins_in_softirq(warn_plainly);
}

static int read_null_in_thread(void *data)
{
	read_null();
	return 0;
}

static void commit_oops_thread(void)
{
	sins_thread(read_null_in_thread, "sinner/7", -1);
}

static noinline void give_up(void)
{
	panic("sins: no way out, error %d", 42);
}

const struct sin fault_sins[] = {
	{ "warn", warn_plainly },
	{ "warn-words", warn_with_words },
	{ "warn-once", warn_once },
	{ "warn-softirq", commit_warn_softirq },
	{ "bug", hit_bug },
	{ "oops-null-read", read_null },
	{ "oops-null-write", write_null },
	{ "oops-null-call", call_null },
	{ "oops-wild", read_wild },
	{ "oops-gpf", read_noncanonical },
	{ "oops-readonly", write_constant },
	{ "oops-nx", run_data },
	{ "oops-divide", divide_by_zero },
	{ "oops-opcode", run_no_opcode },
	{ "oops-int3", step_on_int3 },
	{ "oops-stack", commit_stack_overflow },
	{ "oops-hardirq", commit_oops_hardirq },
	{ "oops-thread", commit_oops_thread },
	{ "panic", give_up },
	{}
};
