// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent: one poll loop over the control channel and the pipes of the commands that run. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/random.h>

#include "agent.h"
#include "job.h"
#include "protocol.h"

#define PORTS "/sys/class/virtio-ports"
#define MAX_JOBS 16

static int port = -1;
static struct job *jobs[MAX_JOBS];

/* Open the port whose name in sysfs is PORT_NAME: there is no udev to make links. */
static int open_port(void)
{
	char path[sizeof(PORTS) + 300], name[64];
	DIR *folder = opendir(PORTS);
	struct dirent *entry;
	int found = -1;

	while (folder && found < 0 && (entry = readdir(folder))) {
		ssize_t n = -1;
		int fd;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			n = read(fd, name, sizeof(name) - 1);
			close(fd);
		}
		if (n <= 0)
			continue;
		name[n] = '\0';
		if (strcmp(strtok(name, "\n"), PORT_NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		found = open(path, O_RDWR | O_CLOEXEC);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void write_all(const void *data, size_t length)
{
	const uint8_t *at = data;

	while (length) {
		ssize_t n = write(port, at, length);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			say("cannot write to the host: %s", strerror(errno));
			_exit(1);
		}
		at += n;
		length -= n;
	}
}

static void send_frame(uint32_t id, uint8_t type, const void *payload, uint32_t length)
{
	struct __attribute__((packed)) {
		uint32_t length, id;
		uint8_t type;
	} head = { length + 5, id, type };

	write_all(&head, sizeof(head));
	write_all(payload, length);
}

static void send_done(struct job *job)
{
	struct __attribute__((packed)) {
		uint32_t length, id;
		uint8_t type, how;
		int32_t value;
	} head = { 5 + 5 + 4 + job->out.used + 4 + job->err.used + 1, job->id, DONE, job->how, job->value };
	uint8_t cut = job->out.cut || job->err.cut;

	write_all(&head, sizeof(head));
	write_all(&job->out.used, 4);
	write_all(job->out.data, job->out.used);
	write_all(&job->err.used, 4);
	write_all(job->err.data, job->err.used);
	write_all(&cut, 1);
}

static void refuse(uint32_t id, const char *why)
{
	struct job job = { .id = id, .how = HOW_EXIT, .value = 127 };

	job.err.data = (uint8_t *)why;
	job.err.used = strlen(why);
	send_done(&job);
}

/* Without a child, which takes a restored guest under TCG longer than most trials. */
static void poke(uint32_t id, const uint8_t *payload, uint32_t length)
{
	const uint8_t *end = memchr(payload, '\0', length);
	struct job job = { .id = id, .how = HOW_EXIT, .value = EINVAL };
	int fd = end ? open((const char *)payload, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	if (end)
		job.value = fd < 0 || write(fd, end + 1, payload + length - end - 1) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	send_done(&job);
}

/* Guests that were restored from one state would otherwise draw the same random numbers. */
static void seed(const uint8_t *bytes, uint32_t length)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[64];
	} entropy = { .info = { .entropy_count = 8 * sizeof(entropy.bytes), .buf_size = sizeof(entropy.bytes) } };
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	memcpy(entropy.info.buf, bytes, length < sizeof(entropy.bytes) ? length : sizeof(entropy.bytes));
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &entropy.info) || ioctl(fd, RNDRESEEDCRNG))
		say("cannot seed the random numbers: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void handle(uint32_t id, uint8_t type, const uint8_t *payload, uint32_t length)
{
	int slot = 0;

	switch (type) {
	case PING:
		send_frame(id, PONG, NULL, 0);
		break;
	case POWEROFF:
		power_off();
	case SEED:
		seed(payload, length);
		send_frame(id, PONG, NULL, 0);
		break;
	case SAY:
		say("%.*s", (int)length, (const char *)payload);
		send_frame(id, PONG, NULL, 0);
		break;
	case POKE:
		poke(id, payload, length);
		break;
	case RUN:
	case READ:
	case WRITE:
		while (slot < MAX_JOBS && jobs[slot])
			slot++;
		if (slot == MAX_JOBS)
			refuse(id, "too many commands at once");
		else if (!(jobs[slot] = job_start(id, type, payload, length)))
			refuse(id, strerror(errno));
		break;
	default:
		say("unknown frame type %u", type);
	}
}

/* Take what the port has to give and handle every frame that is complete. */
static void receive(void)
{
	static uint8_t *buffer;
	static size_t used, size;
	uint32_t length, id;
	ssize_t n;

	if (size - used < 65536) {
		size += 65536 + size / 2;
		buffer = realloc(buffer, size);
		if (!buffer) {
			say("out of memory");
			_exit(1);
		}
	}
	n = read(port, buffer + used, size - used);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* The host's end is closed: nobody will ever talk to this guest again. */
		say("the host is gone: powering off");
		power_off();
	}
	used += n;
	while (used >= 9) {
		memcpy(&length, buffer, 4);
		memcpy(&id, buffer + 4, 4);
		if (length < 5 || length > FRAME_MAX) {
			say("a frame of %u bytes: the channel is out of step", length);
			_exit(1);
		}
		if (used < length + 4)
			return;
		handle(id, buffer[8], buffer + 9, length - 5);
		used -= length + 4;
		memmove(buffer, buffer + length + 4, used);
	}
}

static void on_child(int signal)
{
	(void)signal;
}

/* Wait for something to do; SIGCHLD can only arrive inside ppoll(), so none is missed. */
static void wait_for_work(void)
{
	struct pollfd fds[1 + 2 * MAX_JOBS] = { { .fd = port, .events = POLLIN } };
	struct timespec tick = { 0, 200 * 1000 * 1000 };
	sigset_t none;
	int n = 1, busy = 0;

	for (int i = 0; i < MAX_JOBS; i++) {
		if (!jobs[i])
			continue;
		busy = 1;
		fds[n++] = (struct pollfd){ .fd = jobs[i]->out.fd, .events = POLLIN };
		fds[n++] = (struct pollfd){ .fd = jobs[i]->err.fd, .events = POLLIN };
	}
	sigemptyset(&none);
	ppoll(fds, n, busy ? &tick : NULL, &none);
	if (fds[0].revents)
		receive();
}

void serve(void)
{
	uint32_t version = PROTOCOL_VERSION;
	struct sigaction action = { .sa_handler = on_child };
	sigset_t child;

	for (int tries = 0; (port = open_port()) < 0; tries++) {
		if (tries == 500) {
			say("no virtio-serial port is named " PORT_NAME);
			return;
		}
		usleep(10 * 1000);
	}
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	send_frame(0, HELLO, &version, sizeof(version));
	for (;;) {
		wait_for_work();
		jobs_reap(jobs, MAX_JOBS);
		for (int i = 0; i < MAX_JOBS; i++) {
			if (!jobs[i] || !job_finished(jobs[i]))
				continue;
			send_done(jobs[i]);
			job_free(jobs[i]);
			jobs[i] = NULL;
		}
	}
}
