// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The load: readers that, as udev's workers do, read each new disk once. Each sits in a cgroup of its own that
 * is nested deep, with the io controller on. So its first read of a disk makes a blkg on every level, each
 * with a percpu area that is allocated with GFP_NOWAIT (blkg_lookup_create() in block/blk-cgroup.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define CGROUPS "/sys/fs/cgroup"
#define MAX_READERS 256
#define BLOCK_SIZE 4096
#define DAWDLE_US 1000

static pid_t readers[MAX_READERS];
static int running;
static int *seen;	/* disks so far, shared with the readers */

/* The cgroup of a reader's that is nested `depth` deep: /sys/fs/cgroup/rN/d/d... */
static const char *cgroup(int number, int depth)
{
	static char path[4096];
	size_t used = snprintf(path, sizeof(path), CGROUPS "/r%d", number);

	while (--depth > 0)
		used += snprintf(path + used, sizeof(path) - used, "/d");
	return path;
}

/* Make the cgroups of a reader and pass the io controller down to the last; false on an obstacle. */
static bool nest(int number, int depth)
{
	for (int level = 1; level <= depth; level++) {
		if (!make_folder("%s", cgroup(number, level)))
			return false;
		if (level < depth && !write_to("+io", "%s/cgroup.subtree_control", cgroup(number, level)))
			return false;
	}
	return true;
}

bool readers_prepare(const struct options *o)
{
	if (!o->width)
		return true;
	if (o->width > MAX_READERS) {
		obstacle("%d readers are more than %d", o->width, MAX_READERS);
		return false;
	}
	if (!write_to("+io", CGROUPS "/cgroup.subtree_control"))
		return false;
	for (int number = 0; number < o->width; number++)
		if (!nest(number, o->depth))
			return false;
	return true;
}

/* The name of the n-th disk as sd_format_disk_name() in drivers/scsi/sd.c makes it: sda to sdz, sdaa ... */
static void disk_name(char *name, size_t size, int number)
{
	char letters[8];
	int at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (number++; number > 0; number = (number - 1) / 26)
		letters[--at] = 'a' + (number - 1) % 26;
	snprintf(name, size, "/dev/sd%s", letters + at);
}

/* Wait for readers_wake(); sleeping, not asking again and again, leaves the processors to the scan. */
static void wait_for_disk(int number)
{
	int there;

	while ((there = __atomic_load_n(seen, __ATOMIC_ACQUIRE)) <= number)
		syscall(SYS_futex, seen, FUTEX_WAIT, there, NULL, NULL, 0);
}

static void read_every_disk(unsigned int seed)
{
	void *buffer = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[32];

	for (int disk = 0;; disk++) {
		int fd;

		wait_for_disk(disk);
		usleep(rand_r(&seed) % DAWDLE_US);
		disk_name(name, sizeof(name), disk);
		/* devtmpfs is a little later than sysfs. */
		while ((fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC)) < 0)
			usleep(3 * 1000);
		if (pread(fd, buffer, BLOCK_SIZE, 0) < 0)
			dprintf(STDERR_FILENO, "%s: %s\n", name, strerror(errno));
		close(fd);
	}
}

bool readers_start(const struct options *o)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (running = 0; running < o->width; running++) {
		readers[running] = fork();
		if (readers[running] < 0) {
			obstacle("reader %d cannot be forked: %s", running, strerror(errno));
			return false;
		}
		if (!readers[running]) {
			prctl(PR_SET_NAME, "reader");
			if (!write_to("0", "%s/cgroup.procs", cgroup(running, o->depth)))
				_exit(1);
			read_every_disk((unsigned int)o->seed + running);
		}
	}
	return true;
}

/* Tell the readers how many disks there are. */
void readers_wake(int disks)
{
	if (!running || disks <= *seen)
		return;
	__atomic_store_n(seen, disks, __ATOMIC_RELEASE);
	syscall(SYS_futex, seen, FUTEX_WAKE, running, NULL, NULL, 0);
}

void readers_stop(void)
{
	for (int i = 0; i < running; i++)
		kill(readers[i], SIGKILL);
	for (int i = 0; i < running; i++)
		waitpid(readers[i], NULL, 0);
	running = 0;
}
