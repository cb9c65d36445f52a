// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prepares a guest for scans, or does one scan in a guest that was prepared. Arguments are NAME=VALUE, each a
 * field of struct options.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define POLL_US (50 * 1000)
#define SABOTAGED 2

static struct options options = {
	.workload = "scan", .fabric = "iscsi", .fault = "none", .preload = "", .luns = 193,
	.width = 32,	    .depth = 16,       .patience = 180, .flusher = true,
};

static const struct {
	const char *name;
	const char **text;
	int *number;
	bool *flag;
} arguments[] = {
	{ .name = "workload", .text = &options.workload }, { .name = "fabric", .text = &options.fabric },
	{ .name = "fault", .text = &options.fault },	   { .name = "preload", .text = &options.preload },
	{ .name = "luns", .number = &options.luns },	   { .name = "width", .number = &options.width },
	{ .name = "depth", .number = &options.depth },	   { .name = "patience", .number = &options.patience },
	{ .name = "flusher", .flag = &options.flusher },   { .name = "sabotage", .flag = &options.sabotage },
	{ .name = "prepare", .flag = &options.prepare },   { .name = "seed", .number = &options.seed },
};

static bool take(const char *argument)
{
	const char *value = strchr(argument, '=');

	for (size_t i = 0; value && i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		size_t length = strlen(arguments[i].name);

		if ((size_t)(value - argument) != length || strncmp(argument, arguments[i].name, length))
			continue;
		if (arguments[i].text)
			*arguments[i].text = value + 1;
		else if (arguments[i].number)
			*arguments[i].number = strtoul(value + 1, NULL, 10);
		else
			*arguments[i].flag = atoi(value + 1);
		return true;
	}
	fprintf(stderr, "scan: '%s' is no argument\n", argument);
	return false;
}

/* `since` is where the disks' time begins, which is that of the module's figures. */
static bool watch_the_scan(const struct fabric *fabric, pid_t pid, int64_t since)
{
	int64_t deadline = now_ms() + options.patience * 1000ll;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		disks_poll(&options, since);
		if (!fabric->alive()) {
			end(pid, SIGKILL);
			return false;
		}
		if (now_ms() >= deadline) {
			end(pid, SIGKILL);
			obstacle("time out: the scan was not done after %d s", options.patience);
			return false;
		}
		usleep(POLL_US);
	}
	return fabric->ended(status);
}

static bool all_exported(const struct fabric *fabric)
{
	int exported = fabric->exported(&options);

	witness("all_luns_exported", exported == options.luns);
	if (exported != options.luns)
		obstacle("too few LUNs: only %d of %d are exported", exported, options.luns);
	return exported == options.luns;
}

/* What there is of the result then is the first part of that of each scan. */
static int prepare(const struct fabric *fabric)
{
	int64_t began = now_ms();

	if (!prepared_begin())
		return 1;
	if (fabric->setup(&options) && readers_prepare(&options))
		counter("setup_ms", now_ms() - began);
	return 0;
}

static void scan(const struct fabric *fabric)
{
	int64_t watched, scanned;
	int found;
	pid_t pid;

	if (!prepared_repeat() || !watch_start(fabric, &options))
		return;
	watched = now_ms();
	if (!readers_start(&options))
		return;
	progress("login", 0, options.luns);
	if (!fabric->start(&options))
		return;
	scanned = now_ms();
	counter("login_ms", scanned - watched);
	pid = fabric->scan(&options);
	if (pid < 0 || !watch_the_scan(fabric, pid, watched))
		return;
	counter("scan_ms", now_ms() - scanned);
	if (!disks_settle(fabric, &options, watched, &found))
		return;
	if (options.sabotage) {
		disks_delete(SABOTAGED);
		found = disks_poll(&options, watched);
	}
	if (!all_exported(fabric))
		return;
	counter("disks_wanted", options.luns);
	counter("disks_found", found);
	disks_report();
}

int main(int argc, char *argv[])
{
	const struct fabric *fabric;

	for (int i = 1; i < argc; i++)
		if (!take(argv[i]))
			return 2;
	fabric = strcmp(options.fabric, debug_fabric.name) ? &iscsi_fabric : &debug_fabric;
	if (options.prepare)
		return prepare(fabric);
	printf("workload %s\n", options.workload);
	scan(fabric);
	readers_stop();
	fabric->stop();
	if (watch_stop() && !hindered())
		printf("token %s complete\n", options.workload);
	return 0;
}
