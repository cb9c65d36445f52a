// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into iscsid, this refuses exactly prctl(PR_SET_IO_FLUSHER), as a kernel before v5.6 does. Every
 * other prctl() goes to the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PR_SET_IO_FLUSHER 57

int prctl(int option, ...)
{
	unsigned long arguments[4];
	va_list args;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_IO_FLUSHER) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}
