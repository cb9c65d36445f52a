// SPDX-License-Identifier: GPL-2.0-or-later
/* The iSCSI fabric: LIO as the target, open-iscsi as the initiator, both in this guest. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scan.h"

#define ISCSID_LOG "/run/iscsid.log"
#define ISCSIADM_LOG "/run/iscsiadm.log"
#define INITIATOR "InitiatorName=iqn.1993-08.org.debian:01:guest\n"
#define START_SECONDS 30
#define DISCOVERY_SECONDS 60
/* include/iscsi_err.h of open-iscsi */
#define ISCSI_ERR_LOGIN 5
#define ISCSI_ERR_NO_OBJS_FOUND 21
#define ISCSI_ERR_LOGIN_AUTH_FAILED 24

static pid_t iscsid = -1;
static int iscsid_status;

static bool loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);

	if (!up)
		obstacle("the loopback interface does not come up: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return up;
}

/* Where the versions of open-iscsi keep their files and locks. */
static bool make_folders(void)
{
	static const char *const folders[] = { "/etc/iscsi", "/var", "/var/lib", "/var/lib/iscsi",
					       "/run/lock",  "/run/lock/iscsi" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!make_folder("%s", folders[i]))
			return false;
	return true;
}

static bool setup(const struct options *o)
{
	return loopback_up() && make_folders() && write_to(INITIATOR, "/etc/iscsi/initiatorname.iscsi") &&
	       target_setup(o);
}

static int exported(const struct options *o)
{
	(void)o;
	return target_exported();
}

static bool portal_answers(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(TARGET_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	inet_pton(AF_INET, TARGET_ADDRESS, &address.sin_addr);
	answers = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (!answers)
		obstacle("no portal: nobody answers at " TARGET_ADDRESS ":%d: %s", TARGET_PORT, strerror(errno));
	if (fd >= 0)
		close(fd);
	return answers;
}

static bool alive(void)
{
	char said[200];

	if (iscsid < 0 || waitpid(iscsid, &iscsid_status, WNOHANG) != iscsid)
		return iscsid > 0;
	iscsid = -1;
	last_line(said, sizeof(said), ISCSID_LOG, "iscsid:");
	obstacle("iscsid is dead (%s): %s", how_it_ended(iscsid_status), said);
	return false;
}

/* iscsiadm talks to iscsid through a socket of this name, and would try to start another iscsid without it. */
static bool iscsid_listens(void)
{
	int64_t deadline = now_ms() + START_SECONDS * 1000;
	char line[256];
	bool listens = false;

	while (!listens && now_ms() < deadline && alive()) {
		FILE *sockets = fopen("/proc/net/unix", "re");

		while (sockets && fgets(line, sizeof(line), sockets))
			listens |= strstr(line, "@ISCSIADM_ABSTRACT_NAMESPACE") != NULL;
		if (sockets)
			fclose(sockets);
		usleep(20 * 1000);
	}
	if (!listens && iscsid > 0)
		obstacle("time out: iscsid was not ready after %d s", START_SECONDS);
	return listens;
}

static bool discover(void)
{
	char *argv[] = { "iscsiadm", "-m", "discovery", "-t", "st", "-p", TARGET_ADDRESS, NULL };
	pid_t pid = start(ISCSIADM_LOG, "", argv);
	char said[200];
	int status;

	if (pid < 0)
		return false;
	if (!wait_for(pid, DISCOVERY_SECONDS, &status)) {
		end(pid, SIGKILL);
		obstacle("time out: the discovery was not done after %d s", DISCOVERY_SECONDS);
		return false;
	}
	last_line(said, sizeof(said), ISCSIADM_LOG, "iscsiadm:");
	if (WIFEXITED(status) && WEXITSTATUS(status) == ISCSI_ERR_NO_OBJS_FOUND)
		obstacle("no target: the portal offers none: %s", said);
	else if (status)
		obstacle("the discovery failed (%s): %s", how_it_ended(status), said);
	return !status;
}

static bool start_all(const struct options *o)
{
	char *argv[] = { "iscsid", "-f", NULL };

	if (!portal_answers())
		return false;
	iscsid = start(ISCSID_LOG, o->preload, argv);
	if (iscsid < 0 || !iscsid_listens() || !discover())
		return false;
	if (!strcmp(o->fault, "iscsid-dead"))
		kill(iscsid, SIGKILL);
	if (!strcmp(o->fault, "time-out"))
		kill(iscsid, SIGSTOP);
	return true;
}

static pid_t scan(const struct options *o)
{
	char *argv[] = { "iscsiadm", "-m", "node", "-T", TARGET_NAME, "--login", NULL };

	(void)o;
	return start(ISCSIADM_LOG, "", argv);
}

/* iscsid scans in a child, and iscsiadm need not wait for it. */
static bool scanning(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (processes && !found && (entry = readdir(processes))) {
		char path[300], name[32], state;
		int parent;
		FILE *stat;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		if (fscanf(stat, "%*d (%31[^)]) %c %d", name, &state, &parent) == 3)
			found = parent == iscsid && state != 'Z' && !strcmp(name, "iscsid");
		fclose(stat);
	}
	if (processes)
		closedir(processes);
	return found;
}

static bool ended(int status)
{
	char said[200];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (!alive())
		return false;
	last_line(said, sizeof(said), ISCSIADM_LOG, "iscsiadm:");
	if (code == ISCSI_ERR_LOGIN || code == ISCSI_ERR_LOGIN_AUTH_FAILED)
		obstacle("the target refused the login: %s", said);
	else if (code)
		obstacle("the login failed (%s): %s", how_it_ended(status), said);
	return !code;
}

static void stop(void)
{
	end(iscsid, SIGKILL);
	iscsid = -1;
}

const struct fabric iscsi_fabric = {
	.name = "iscsi",
	.scanner = "iscsid",
	.setup = setup,
	.exported = exported,
	.start = start_all,
	.scan = scan,
	.alive = alive,
	.scanning = scanning,
	.ended = ended,
	.stop = stop,
};
