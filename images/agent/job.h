/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a child has written to one of its pipes so far. */
struct output {
	int fd;			/* -1 once it is at its end */
	uint8_t *data;
	uint32_t used, size, limit;
	bool cut;		/* there was more than `limit` */
};

struct job {
	uint32_t id;
	pid_t pid;
	bool reaped, killed;
	bool tells;		/* on `err`, as an i32, when it has done what it is there for */
	int64_t deadline;	/* ns of CLOCK_MONOTONIC: first the command's, then that of its killing */
	uint8_t how;
	int32_t value;
	struct output out, err;
};

/* Start a child for a RUN, READ or WRITE frame; NULL (and errno) if the frame is malformed or fork fails. */
struct job *job_start(uint32_t id, uint8_t type, const uint8_t *payload, uint32_t length);

/* Collect every child that has ended. */
void jobs_reap(struct job **jobs, int count);

/* Take what the pipes hold; true once the answer to the host is ready. */
bool job_finished(struct job *job);

void job_free(struct job *job);

#endif
