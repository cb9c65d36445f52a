/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_H
#define AGENT_H

/* Print one line on the kernel's console, through its log. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Make the kernel do what a sysrq key does. */
void sysrq(char key);

/* Power off at once; does not return. */
void power_off(void) __attribute__((noreturn));

/* Serve the host on the control channel; returns only on an error, which it has told the console. */
void serve(void);

#endif
