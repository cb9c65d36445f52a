/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan: a SCSI scan in a guest, with readers that empty percpu's spare pages meanwhile; and before it, what
 * the guest needs for as many scans as there will be.
 *
 * It measures and judges nothing. Its standard output is a result in the form that harness/workload/result.py
 * describes; what keeps it from measuring is an `obstacle` there, and then the token is missing.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
	const char *workload;	/* name in the result */
	const char *fabric;	/* iscsi or debug */
	const char *fault;	/* what is broken on purpose, for tests of this program; none */
	const char *preload;	/* library that iscsid is started with; empty for none */
	int luns;		/* to be offered and found */
	int width, depth;	/* readers, and how deep the cgroup of each is nested; width 0: no readers */
	int patience;		/* seconds that logging in and scanning may take together */
	bool flusher;		/* the scanner of the debug fabric sets PR_SET_IO_FLUSHER */
	bool sabotage;		/* delete two disks before they are counted: the positive control */
	bool prepare;		/* make the LUNs and the readers' cgroups, and scan nothing */
	int seed;		/* of how long each reader dawdles before it reads a disk */
};

/* What differs between the kinds of SCSI. Each function returns false when it has told an obstacle. */
struct fabric {
	const char *name;
	const char *scanner;			/* comm of the task that scans, and of its parent */
	bool (*setup)(const struct options *o);	/* make the LUNs and offer them */
	int (*exported)(const struct options *o);	/* LUNs that are offered now */
	bool (*start)(const struct options *o);	/* whatever else has to run before the scan */
	pid_t (*scan)(const struct options *o);	/* start the scan: a child that ends with it; -1 on error */
	bool (*alive)(void);			/* is everything that start() started still there? */
	bool (*scanning)(void);			/* does the scan go on behind the child's back? */
	bool (*ended)(int status);		/* the child has ended: was that as it should be? */
	void (*stop)(void);
};

extern const struct fabric iscsi_fabric, debug_fabric;

/* target.c */
bool target_setup(const struct options *o);
int target_exported(void);

#define TARGET_ADDRESS "127.0.0.1"
#define TARGET_PORT 3260
#define TARGET_NAME "iqn.2003-01.org.linux-iscsi.guest:disks"

/* readers.c */
bool readers_prepare(const struct options *o);
bool readers_start(const struct options *o);
void readers_wake(int disks);
void readers_stop(void);

/* watch.c: the probe module counts as long as it watches. */
bool watch_start(const struct fabric *fabric, const struct options *o);
bool watch_stop(void);

/* disks.c */
void disks_delete(int count);
bool disks_settle(const struct fabric *fabric, const struct options *o, int64_t since, int *found);
int disks_poll(const struct options *o, int64_t since);
void disks_report(void);

/* report.c */
int64_t now_ms(void);
void obstacle(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool hindered(void);
void counter(const char *name, long value);
void witness(const char *name, bool seen);
void progress(const char *phase, int done, int total);
bool prepared_begin(void);
bool prepared_repeat(void);

/* files.c; paths are printf formats where there are arguments to them. All but last_line() tell an obstacle. */
bool write_to(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool make_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool read_line(char *line, size_t size, const char *path);
void last_line(char *line, size_t size, const char *path, const char *program);

/* child.c */
pid_t start(const char *log, const char *preload, char *const argv[]);
bool wait_for(pid_t pid, int seconds, int *status);
void end(pid_t pid, int signal);
const char *how_it_ended(int status);

#endif
