// SPDX-License-Identifier: GPL-2.0-or-later
/* The disks that the kernel has found so far, and when. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scan.h"

#define BLOCK "/sys/block"
#define MAX_POINTS 512

static struct {
	long ms;
	int disks;
} points[MAX_POINTS];
static int used;

int disks_count(void)
{
	DIR *folder = opendir(BLOCK);
	struct dirent *entry;
	int count = 0;

	while (folder && (entry = readdir(folder)))
		count += !strncmp(entry->d_name, "sd", 2);
	if (folder)
		closedir(folder);
	return count;
}

/* Take so many disks away from the kernel. */
void disks_delete(int count)
{
	DIR *folder = opendir(BLOCK);
	struct dirent *entry;

	while (folder && count && (entry = readdir(folder))) {
		if (strncmp(entry->d_name, "sd", 2))
			continue;
		write_to("1", BLOCK "/%.32s/device/delete", entry->d_name);
		count--;
	}
	if (folder)
		closedir(folder);
}

/* Count the disks; where the number has changed note it, and tell the readers. */
int disks_poll(const struct options *o, int64_t since)
{
	int count = disks_count();

	if (used < MAX_POINTS && (!used || points[used - 1].disks != count)) {
		points[used].ms = now_ms() - since;
		points[used++].disks = count;
		progress("scan", count, o->luns);
	}
	readers_wake(count);
	return count;
}

/*
 * Wait until nothing has changed for a while, as sd finds out about disks on its own after the scan, and
 * return how many there are. As many as there are LUNs end the wait at once.
 */
int disks_settle(const struct options *o, int64_t since, int64_t quiet_ms)
{
	int64_t changed = now_ms();
	int last = -1, count;

	while ((count = disks_poll(o, since)) < o->luns && now_ms() < changed + quiet_ms) {
		if (count != last)
			changed = now_ms();
		last = count;
		usleep(50 * 1000);
	}
	return count;
}

void disks_report(void)
{
	printf("series disks");
	for (int i = 0; i < used; i++)
		printf(" %ld:%d", points[i].ms, points[i].disks);
	printf("\n");
}
