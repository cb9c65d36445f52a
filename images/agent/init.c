// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of the guest: mounts what programs expect, starts the agent and reaps orphans. The agent is a child
 * so that its death is not the kernel's: the host then sees its port close while the kernel lives on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

static const struct {
	const char *type, *path;
} mounts[] = {
	{ "proc", "/proc" },	   { "sysfs", "/sys" },
	{ "devtmpfs", "/dev" },	   { "debugfs", "/sys/kernel/debug" },
	{ "tmpfs", "/tmp" },	   { "tracefs", "/sys/kernel/tracing" },
	{ "tmpfs", "/run" },	   { "configfs", "/sys/kernel/config" },
	{ "cgroup2", "/sys/fs/cgroup" },
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		say("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

void say(const char *format, ...)
{
	char line[256] = "<4>agent: ";
	size_t used = strlen(line);
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		dprintf(STDERR_FILENO, "%s", line + 3);
	if (fd >= 0)
		close(fd);
}

void sysrq(char key)
{
	char text[] = { key, '\0' };

	write_file("/proc/sysrq-trigger", text);
}

void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	say("cannot power off: %s", strerror(errno));
	for (;;)
		pause();
}

static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		/* Which of these a kernel has is its config's affair; EBUSY is devtmpfs mounted by the kernel. */
		mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL);
	}
}

/* Copy the value of `name=` on the kernel's command line; 0 if it is not there. */
static int boot_argument(const char *name, char *value, size_t size)
{
	static char line[4096];
	size_t length = strlen(name);
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	line[n] = '\0';
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (strncmp(word, name, length) || word[length] != '=')
			continue;
		snprintf(value, size, "%s", word + length + 1);
		return 1;
	}
	return 0;
}

static pid_t start_agent(void)
{
	struct sched_param priority = { .sched_priority = 1 };
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Pings must be answered under any load, and the OOM killer must look elsewhere. */
	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority);
	write_file("/proc/self/oom_score_adj", "-1000");
	serve();
	_exit(1);
}

/* An interactive shell on the serial console, with job control; `size` is "ROWSxCOLUMNS" of the user's terminal. */
static pid_t start_shell(const char *size)
{
	struct winsize window = { 0 };
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	setsid();
	fd = open("/dev/ttyS0", O_RDWR);
	if (fd < 0) {
		say("cannot open /dev/ttyS0: %s", strerror(errno));
		_exit(1);
	}
	ioctl(fd, TIOCSCTTY, 1);
	if (sscanf(size, "%hux%hu", &window.ws_row, &window.ws_col) == 2)
		ioctl(fd, TIOCSWINSZ, &window);
	for (int target = 0; target < 3; target++)
		dup2(fd, target);
	if (fd > 2)
		close(fd);
	execl("/bin/sh", "-sh", (char *)NULL);
	say("cannot start /bin/sh: %s", strerror(errno));
	_exit(1);
}

int main(void)
{
	pid_t agent, shell = -1;
	char size[32];

	umask(022);
	mount_all();
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 1);
	if (chdir("/"))
		say("cannot enter /: %s", strerror(errno));
	agent = start_agent();
	if (boot_argument("agent.shell", size, sizeof(size)))
		shell = start_shell(size);
	for (;;) {
		int status;
		pid_t pid = wait(&status);

		if (pid < 0)
			pause();
		if (pid == shell && pid > 0)
			power_off();
		if (pid == agent && pid > 0)
			say("the agent is gone (wait status 0x%x); the kernel lives on", status);
	}
}
