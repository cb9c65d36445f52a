// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands: children with their output collected, bounded in size and in time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "job.h"
#include "protocol.h"

#define NS_PER_MS 1000000ll
#define KILL_MS 1000

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * NS_PER_MS + t.tv_nsec;
}

static int copy(int from, int to)
{
	static char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(to, buffer + done, n - done);
			if (m < 0)
				return errno;
		}
	}
	return n < 0 ? errno : 0;
}

static int read_to_stdout(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : copy(fd, STDOUT_FILENO);
}

static int write_content(const char *path, const uint8_t *data, uint32_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0)
		return errno;
	while (length) {
		ssize_t n = write(fd, data, length);

		if (n < 0)
			return errno;
		data += n;
		length -= n;
	}
	return close(fd) ? errno : 0;
}

/* In the child: do what READ and WRITE ask, and say how that went where commands have their stderr. */
static void read_or_write(uint8_t type, const char *path, const uint8_t *end)
{
	const uint8_t *content = (const uint8_t *)path + strlen(path) + 1;
	int32_t value = type == READ ? read_to_stdout(path) : write_content(path, content, end - content);

	_exit(write(STDERR_FILENO, &value, sizeof(value)) == sizeof(value) ? value : EIO);
}

/* In the child: become the command. `payload` has been checked: its strings end inside the frame. */
static int run_command(const uint8_t *payload)
{
	uint32_t argc;
	char **argv;

	memcpy(&argc, payload, 4);
	payload += 4;
	argv = calloc(argc + 1, sizeof(*argv));
	if (!argv)
		return ENOMEM;
	for (uint32_t i = 0; i < argc; i++) {
		argv[i] = (char *)payload;
		payload += strlen(argv[i]) + 1;
	}
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	return 127;
}

static bool well_formed(uint8_t type, const uint8_t *payload, uint32_t length)
{
	const uint8_t *at = payload + (type == RUN ? 12 : 8), *end = payload + length;
	uint32_t strings = 1;

	if (type == RUN && length >= 12)
		memcpy(&strings, payload + 8, 4);
	if (at >= end || !strings)
		return false;
	for (; strings; strings--) {
		at = memchr(at, '\0', end - at);
		if (!at++)
			return false;
	}
	return true;
}

static void run_child(const int out[2], const int err[2], uint8_t type, const uint8_t *payload, uint32_t length)
{
	int null = open("/dev/null", O_RDONLY), fd = open("/proc/self/oom_score_adj", O_WRONLY);
	sigset_t none;

	setsid();
	if (fd >= 0 && write(fd, "0", 1) == 1)
		close(fd);
	dup2(null, STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (type != RUN)
		read_or_write(type, (const char *)payload + 8, payload + length);
	_exit(run_command(payload + 8));
}

struct job *job_start(uint32_t id, uint8_t type, const uint8_t *payload, uint32_t length)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	uint32_t timeout, limit;
	struct job *job;

	if (!well_formed(type, payload, length)) {
		errno = EINVAL;
		return NULL;
	}
	memcpy(&timeout, payload, 4);
	memcpy(&limit, payload + 4, 4);
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	*job = (struct job){ .id = id, .pid = -1, .tells = type != RUN, .deadline = now() + timeout * NS_PER_MS };
	if (!pipe2(out, O_CLOEXEC) && !pipe2(err, O_CLOEXEC))
		job->pid = fork();
	if (!job->pid)
		run_child(out, err, type, payload, length);
	close(out[1]);
	close(err[1]);
	if (job->pid < 0) {
		close(out[0]);
		close(err[0]);
		free(job);
		return NULL;
	}
	job->out = (struct output){ .fd = out[0], .limit = limit };
	job->err = (struct output){ .fd = err[0], .limit = limit };
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	return job;
}

void jobs_reap(struct job **jobs, int count)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < count; i++) {
			if (!jobs[i] || jobs[i]->pid != pid)
				continue;
			jobs[i]->reaped = true;
			if (jobs[i]->killed)
				continue;
			jobs[i]->how = WIFEXITED(status) ? HOW_EXIT : HOW_SIGNAL;
			jobs[i]->value = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
		}
	}
}

static void keep(struct output *output, const uint8_t *data, uint32_t length)
{
	uint32_t room = output->limit - output->used;

	if (length > room) {
		output->cut = true;
		length = room;
	}
	if (output->used + length > output->size) {
		uint32_t size = output->used + length + output->size / 2;
		uint8_t *grown = realloc(output->data, size);

		if (!grown) {
			output->cut = true;
			return;
		}
		output->data = grown;
		output->size = size;
	}
	memcpy(output->data + output->used, data, length);
	output->used += length;
}

static void drain(struct output *output)
{
	static uint8_t buffer[65536];

	/* A bounded number of reads: a command that never stops writing must not keep the host's pings waiting. */
	for (int turns = 16; turns && output->fd >= 0; turns--) {
		ssize_t n = read(output->fd, buffer, sizeof(buffer));

		if (n > 0) {
			keep(output, buffer, n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(output->fd);
			output->fd = -1;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

/* Its end as a process may take longer than all that it did: nobody waits for that. */
static bool has_told(struct job *job)
{
	int32_t value;

	if (!job->tells || job->killed || job->err.used != sizeof(value))
		return false;
	memcpy(&value, job->err.data, sizeof(value));
	job->how = HOW_EXIT;
	job->value = value;
	job->err.used = 0;
	return true;
}

bool job_finished(struct job *job)
{
	/* Whether it had ended is asked first: then all that it wrote is in the pipes. */
	bool reaped = job->reaped, told;

	drain(&job->err);
	told = has_told(job);
	drain(&job->out);
	if (told)
		return true;
	if (reaped || now() < job->deadline)
		return reaped;
	if (job->killed)
		return true;
	sysrq('w');
	sysrq('d');
	kill(-job->pid, SIGKILL);
	kill(job->pid, SIGKILL);
	job->killed = true;
	job->how = HOW_TIMEOUT;
	job->deadline = now() + KILL_MS * NS_PER_MS;
	return false;
}

void job_free(struct job *job)
{
	if (job->out.fd >= 0)
		close(job->out.fd);
	if (job->err.fd >= 0)
		close(job->err.fd);
	free(job->out.data);
	free(job->err.data);
	free(job);
}
