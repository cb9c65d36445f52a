// SPDX-License-Identifier: GPL-2.0-or-later
/* The probe module, loaded by a child: it counts until the child gets a signal (images/module/scan.c). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define MODULE "/percpu_probe.ko"
#define READY "/sys/kernel/debug/percpu_probe/ready"
#define PATIENCE 10

static pid_t watcher = -1;

static void load(const char *parameters)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	_exit(fd < 0 || syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0);
}

static bool report_end(int status)
{
	int error = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	obstacle("the probe module does not watch: %s", error ? strerror(error) : how_it_ended(status));
	watcher = -1;
	return false;
}

bool watch_start(const struct fabric *fabric, const struct options *o)
{
	int64_t deadline = now_ms() + PATIENCE * 1000;
	char parameters[128];
	int status;

	snprintf(parameters, sizeof(parameters), "workload=scan scanner=%s sabotage=%d", fabric->scanner,
		 o->sabotage);
	watcher = fork();
	if (!watcher)
		load(parameters);
	while (access(READY, F_OK)) {
		if (waitpid(watcher, &status, WNOHANG) == watcher)
			return report_end(status);
		if (now_ms() >= deadline) {
			obstacle("the probe module was not ready after %d s", PATIENCE);
			return false;
		}
		usleep(10 * 1000);
	}
	return true;
}

/* The module ends its watch, and its child is then ended by the signal: that is how it should be. */
bool watch_stop(void)
{
	int status;

	if (watcher < 0)
		return false;
	kill(watcher, SIGTERM);
	if (!wait_for(watcher, PATIENCE, &status)) {
		obstacle("the probe module did not end its watch within %d s", PATIENCE);
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return report_end(status);
	return true;
}
