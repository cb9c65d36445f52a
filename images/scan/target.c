// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own iSCSI target (LIO), set up through configfs: RAM disks as the LUNs of one portal group. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "scan.h"

#define CONFIG "/sys/kernel/config"
#define TARGET CONFIG "/target"
#define BACKSTORES TARGET "/core/rd_mcp_0"
#define FABRIC TARGET "/iscsi"
#define GROUP FABRIC "/" TARGET_NAME "/tpgt_1"
#define PAGES "rd_pages=16"

static bool is(const char *fault, const struct options *o)
{
	return !strcmp(o->fault, fault);
}

static bool add_lun(int number)
{
	char lun[512], disk[256];

	if (!make_folder(BACKSTORES "/d%d", number) || !write_to(PAGES, BACKSTORES "/d%d/control", number) ||
	    !write_to("1", BACKSTORES "/d%d/enable", number) || !make_folder(GROUP "/lun/lun_%d", number))
		return false;
	snprintf(disk, sizeof(disk), BACKSTORES "/d%d", number);
	snprintf(lun, sizeof(lun), GROUP "/lun/lun_%d/disk", number);
	if (!symlink(disk, lun))
		return true;
	obstacle("LUN %d cannot be exported: %s", number, strerror(errno));
	return false;
}

/* Everybody may log in to everything; with the fault, nobody who is not listed, and nobody is. */
static bool set_access(const struct options *o)
{
	const char *all = is("login-refused", o) ? "0" : "1";

	return write_to("0", GROUP "/attrib/authentication") &&
	       write_to(all, GROUP "/attrib/generate_node_acls") &&
	       write_to("0", GROUP "/attrib/demo_mode_write_protect");
}

bool target_setup(const struct options *o)
{
	int luns = o->luns - is("few-luns", o);

	if (is("no-configfs", o))
		umount(CONFIG);
	if (access(TARGET, F_OK)) {
		obstacle("no target: the kernel has no " TARGET);
		return false;
	}
	if (!make_folder(FABRIC) || !make_folder(BACKSTORES) || !make_folder(FABRIC "/" TARGET_NAME) ||
	    !make_folder(GROUP) || !set_access(o))
		return false;
	for (int i = 0; i < luns; i++)
		if (!add_lun(i))
			return false;
	if (!is("no-portal", o) && !make_folder(GROUP "/np/" TARGET_ADDRESS ":%d", TARGET_PORT))
		return false;
	return is("no-target", o) || write_to("1", GROUP "/enable");
}

/* Count the LUNs of the group that have a disk behind them. */
int target_exported(void)
{
	DIR *folder = opendir(GROUP "/lun");
	struct dirent *entry;
	char path[512];
	int count = 0;

	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), GROUP "/lun/%.64s/disk", entry->d_name);
		count += !access(path, F_OK);
	}
	if (folder)
		closedir(folder);
	return count;
}
