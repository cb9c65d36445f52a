// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

/* Start a program with both of its outputs at the end of a log; -1 (and an obstacle) if it cannot be forked. */
pid_t start(const char *log, const char *preload, char *const argv[])
{
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		obstacle("%s cannot be started: %s", argv[0], strerror(errno));
	if (pid)
		return pid;
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (preload[0])
		setenv("LD_PRELOAD", preload, 1);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Wait for a child; false if it has not ended after so many seconds. */
bool wait_for(pid_t pid, int seconds, int *status)
{
	int64_t deadline = now_ms() + seconds * 1000ll;

	while (waitpid(pid, status, WNOHANG) != pid) {
		if (now_ms() >= deadline)
			return false;
		usleep(20 * 1000);
	}
	return true;
}

void end(pid_t pid, int signal)
{
	int status;

	if (pid <= 0)
		return;
	kill(pid, signal);
	if (!wait_for(pid, 5, &status))
		kill(pid, SIGKILL);
}

const char *how_it_ended(int status)
{
	static char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
	return text;
}
