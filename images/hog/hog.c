// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hog WORKLOAD SECONDS: processes that take memory until the OOM killer takes them, and others in their place.
 *
 * They start when the probe module says that it is ready for them, and end when it says so no more, or after so
 * many seconds. All of them are the OOM killer's first choice. Standard output gets a result in the form that
 * harness/workload/result.py describes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY "/sys/kernel/debug/percpu_probe/ready"
#define HOGS 8
#define SIZE (1ull << 40)
#define PAGE 4096
#define POLL_US (20 * 1000)

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Where there is no room even for that, the others have it. */
static void take_all(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	volatile char *memory;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || write(fd, "1000", 4) != 4)
		_exit(1);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	for (size_t at = 0; at < SIZE; at += PAGE)
		memory[at] = 1;
	_exit(1);
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (!pid)
		take_all();
	return pid;
}

int main(int argc, char **argv)
{
	const char *workload = argc > 1 ? argv[1] : "";
	time_t deadline = now() + (argc > 2 ? atoi(argv[2]) : 0);
	int running = 0, started = 0, killed = 0, status;

	printf("workload %s\n", workload);
	while (access(READY, F_OK) && now() < deadline)
		usleep(POLL_US);
	while (!access(READY, F_OK) && now() < deadline) {
		while (running < HOGS && start() > 0)
			running++, started++;
		usleep(POLL_US);
		while (waitpid(-1, &status, WNOHANG) > 0) {
			running--;
			killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		}
	}
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	printf("counter hogs_started %d\ncounter hogs_killed %d\ntoken %s complete\n", started, killed, workload);
	return 0;
}
