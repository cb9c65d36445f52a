// SPDX-License-Identifier: GPL-2.0-or-later
/* The disks that the kernel has found so far, and when. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scan.h"

#define BLOCK "/sys/block"
#define DEVICES "/sys/class/scsi_device"
#define MAX_POINTS 512

static struct {
	long ms;
	int disks;
} points[MAX_POINTS];
static int used;

static int entries(const char *path, const char *prefix)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0;

	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix));
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
	int count = entries(BLOCK, "sd");

	if (used < MAX_POINTS && (!used || points[used - 1].disks != count)) {
		points[used].ms = now_ms() - since;
		points[used++].disks = count;
		progress("scan", count, o->luns);
	}
	readers_wake(count);
	return count;
}

/*
 * The scan makes SCSI devices, and sd makes disks of them later and on its own. Wait until both have made all
 * that they will; false (and an obstacle) where that takes too long, as on a starved host: nothing is lost then.
 */
bool disks_settle(const struct fabric *fabric, const struct options *o, int64_t since, int *found)
{
	int64_t deadline = now_ms() + o->patience * 1000ll;

	while ((*found = disks_poll(o, since)) < o->luns) {
		if (!fabric->scanning() && *found >= entries(DEVICES, ""))
			break;
		if (now_ms() >= deadline) {
			obstacle("time out: the disks were not ready after %d s", o->patience);
			return false;
		}
		usleep(50 * 1000);
	}
	return true;
}

void disks_report(void)
{
	printf("series disks");
	for (int i = 0; i < used; i++)
		printf(" %ld:%d", points[i].ms, points[i].disks);
	printf("\n");
}
