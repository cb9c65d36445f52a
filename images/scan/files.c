// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan.h"

bool write_to(const char *text, const char *format, ...)
{
	char path[4096];
	va_list args;
	ssize_t done;
	int fd;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	done = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (done < 0)
		obstacle("'%s' cannot be written to %s: %s", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done >= 0;
}

bool make_folder(const char *format, ...)
{
	char path[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (!mkdir(path, 0755) || errno == EEXIST)
		return true;
	obstacle("%s cannot be made: %s", path, strerror(errno));
	return false;
}

bool read_line(char *line, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	line[n < 0 ? 0 : n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (n < 0)
		obstacle("%s cannot be read: %s", path, strerror(errno));
	return n >= 0;
}

/* The last line of a log in which a program complains, by its name; empty where it does not. */
void last_line(char *line, size_t size, const char *path, const char *program)
{
	FILE *file = fopen(path, "re");
	char *read = NULL;
	size_t room = 0;

	line[0] = '\0';
	while (file && getline(&read, &room, file) > 0)
		if (!strncmp(read, program, strlen(program)))
			snprintf(line, size, "%s", read);
	line[strcspn(line, "\n")] = '\0';
	free(read);
	if (file)
		fclose(file);
}
