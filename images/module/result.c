// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results: exact figures for the host in debugfs, KTAP for a person on the console.
 *
 * Only the task that loads the module, or runs what that prepared, writes here, so nothing is
 * locked. The file `result` appears when it is complete; its last line is the workload's token, and
 * a result that did not fit has none.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "percpu_probe.h"

#define TEXT_SIZE (256 << 10)

static struct debugfs_blob_wrapper blob;
static struct dentry *folder;
static char *text;
static size_t used;
static bool overflow;
static bool ready = true;
static const struct pp_workload *running;
static unsigned int part, parts_not_ok;

static __printf(1, 0) void add_va(const char *fmt, va_list args)
{
	size_t room = TEXT_SIZE - used;
	int wanted = vsnprintf(text + used, room, fmt, args);

	if (wanted >= room)
		overflow = true;
	else
		used += wanted;
}

static __printf(1, 2) void add(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_va(fmt, args);
	va_end(args);
}

int pp_result_open(const struct pp_workload *workload)
{
	text = vzalloc(TEXT_SIZE);
	if (!text)
		return -ENOMEM;
	running = workload;
	folder = debugfs_create_dir("percpu_probe", NULL);
	add("workload %s\n", workload->name);
	pr_info("KTAP version 1\n");
	pr_info("1..1\n");
	pr_info("    KTAP version 1\n");
	pr_info("    # Subtest: %s\n", workload->name);
	pr_info("    1..%u\n", workload->parts);
	return 0;
}

/* Tell whoever waits for it that the workload has begun to watch: a file named "ready" appears. */
void pp_result_ready(void)
{
	debugfs_create_bool("ready", 0444, folder, &ready);
}

void pp_result_unready(void)
{
	debugfs_lookup_and_remove("ready", folder);
}

void pp_result_finish(int error)
{
	bool ended = !error && !overflow && part == running->parts;

	if (error)
		pp_note("%s ended early: error %d", running->name, error);
	if (overflow)
		pp_note("%s has more results than fit", running->name);
	if (ended)
		add("token %s complete\n", running->name);
	pr_info("%sok 1 %s\n", ended && !parts_not_ok ? "" : "not ", running->name);

	blob.data = text;
	blob.size = used;
	debugfs_create_blob("result", 0444, folder, &blob);
}

ssize_t pp_result_read(char __user *buffer, size_t size, loff_t *at)
{
	return simple_read_from_buffer(buffer, size, at, text, used);
}

void pp_result_close(void)
{
	debugfs_remove(folder);
	vfree(text);
}

void pp_counter(u64 value, const char *fmt, ...)
{
	va_list args;

	add("counter ");
	va_start(args, fmt);
	add_va(fmt, args);
	va_end(args);
	add(" %llu\n", value);
}

void pp_note(const char *fmt, ...)
{
	va_list args;

	add("note ");
	va_start(args, fmt);
	add_va(fmt, args);
	va_end(args);
	add("\n");
}

void pp_witness(const char *name, bool seen)
{
	add("witness %s %d\n", name, seen);
}

/* Figures over time: those bins that are not empty, as MILLISECONDS:FIGURE. */
void pp_series(const char *name, atomic_t *bins, unsigned int count, unsigned int bin_ms)
{
	unsigned int i;

	add("series %s", name);
	for (i = 0; i < count; i++)
		if (atomic_read(&bins[i]))
			add(" %u:%d", i * bin_ms, atomic_read(&bins[i]));
	add("\n");
}

/* The symbol names alone: offsets and module names differ from build to build. */
static void add_symbol(const void *address)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", address);
	add("%.*s", (int)strcspn(name, " "), name);
}

void pp_path(const char *label, unsigned long count, const unsigned long *stack, unsigned int depth)
{
	unsigned int i;

	add("path %s %lu ", label, count);
	for (i = 0; i < depth; i++) {
		if (i)
			add(";");
		add_symbol((void *)stack[i]);
	}
	add("\n");
}

void pp_part(const char *name, bool ok, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_info("    # %s: %pV\n", name, &vaf);
	va_end(args);
	pr_info("    %sok %u %s\n", ok ? "" : "not ", ++part, name);
	parts_not_ok += !ok;
}
