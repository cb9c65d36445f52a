// SPDX-License-Identifier: GPL-2.0-or-later
/* The result on standard output, and how far it is for who looks at PROGRESS. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scan.h"

#define PROGRESS "/run/scan.progress"
#define PREPARED "/run/scan.prepared"
#define OBSTACLE "obstacle "

static bool met_obstacle;

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

void obstacle(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *at = text; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = ' ';
	printf(OBSTACLE "%s\n", text);
	met_obstacle = true;
}

bool hindered(void)
{
	return met_obstacle;
}

void counter(const char *name, long value)
{
	printf("counter %s %ld\n", name, value);
}

void witness(const char *name, bool seen)
{
	printf("witness %s %d\n", name, seen);
}

void progress(const char *phase, int done, int total)
{
	int fd = open(PROGRESS, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	dprintf(fd, "%s %d %d\n", phase, done, total);
	close(fd);
}

/* From here on, the result goes where the scans find it; false if there is no room for it. */
bool prepared_begin(void)
{
	if (freopen(PREPARED, "w", stdout))
		return true;
	perror("scan: " PREPARED);
	return false;
}

/* Repeat what was said when the guest was prepared; false if there was an obstacle. */
bool prepared_repeat(void)
{
	FILE *file = fopen(PREPARED, "re");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		obstacle("the guest was not prepared for a scan");
	while (file && getline(&line, &room, file) > 0) {
		fputs(line, stdout);
		met_obstacle |= !strncmp(line, OBSTACLE, strlen(OBSTACLE));
	}
	free(line);
	if (file)
		fclose(file);
	return !met_obstacle;
}
