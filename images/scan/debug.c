// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The debug fabric: a host of scsi_debug, scanned by whoever makes it (scsi_mod.scan=sync), which is a child
 * of a child, as with iscsid.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define DRIVER "/sys/bus/pseudo/drivers/scsi_debug"
#define SCANNER "scanner"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

static bool setup(const struct options *o)
{
	char luns[16];

	snprintf(luns, sizeof(luns), "%d", o->luns - !strcmp(o->fault, "few-luns"));
	if (access(DRIVER, F_OK)) {
		obstacle("no target: the kernel has no scsi_debug");
		return false;
	}
	return write_to(luns, DRIVER "/max_luns");
}

static int exported(const struct options *o)
{
	char line[32];

	(void)o;
	return read_line(line, sizeof(line), DRIVER "/max_luns") ? atoi(line) : 0;
}

static bool nothing_to_start(const struct options *o)
{
	(void)o;
	return true;
}

static pid_t scan(const struct options *o)
{
	pid_t pid = fork();
	int status = -1;

	if (pid < 0)
		obstacle("the scanner cannot be forked: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_NAME, SCANNER);
	if (o->flusher && prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		_exit(1);
	pid = fork();
	if (!pid)
		_exit(!write_to("1", DRIVER "/add_host"));
	waitpid(pid, &status, 0);
	_exit(status ? 1 : 0);
}

static bool alive(void)
{
	return true;
}

static bool scanning(void)
{
	return false;
}

static bool ended(int status)
{
	if (status)
		obstacle("the host cannot be added (%s)", how_it_ended(status));
	return !status;
}

static void stop(void)
{
}

const struct fabric debug_fabric = {
	.name = "debug",
	.scanner = SCANNER,
	.setup = setup,
	.exported = exported,
	.start = nothing_to_start,
	.scan = scan,
	.alive = alive,
	.scanning = scanning,
	.ended = ended,
	.stop = stop,
};
