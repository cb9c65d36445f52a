/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control channel between the host and the agent, in full. The host's side is harness/machine/channel.py.
 *
 * The channel is the virtio-serial port named PORT_NAME. Both directions carry frames; all integers are
 * little-endian and unsigned unless said otherwise:
 *
 *   u32 length     bytes that follow, at most FRAME_MAX
 *   u32 id         chosen by the host; an answer repeats it (0 in HELLO)
 *   u8  type       one of enum frame_type
 *   ... payload
 *
 * host to guest
 *   PING           no payload; answered at once by PONG, also while commands run
 *   RUN            u32 timeout in ms, u32 limit, u32 argc, argc strings, each ended by NUL
 *   READ           u32 timeout in ms, u32 limit, path ended by NUL
 *   WRITE          u32 timeout in ms, u32 limit, path ended by NUL, content to the end of the frame
 *   POWEROFF       no payload, no answer: the guest powers off
 *   SEED           bytes; the kernel's random numbers begin anew with them; answered by PONG
 *   SAY            text; the agent says it in the kernel's log; answered by PONG
 *   POKE           path ended by NUL, content to the end of the frame; the agent itself writes it, at once, to
 *                  a file that is there and never blocks
 * guest to host
 *   HELLO          u32 PROTOCOL_VERSION; sent once, when the agent is ready
 *   PONG           no payload
 *   DONE           u8 enum how, i32 value, u32 length and bytes of stdout, u32 length and bytes of stderr,
 *                  u8 1 if either was cut at `limit` bytes
 *
 * READ and WRITE are children of the agent like any command, so that a file that blocks cannot block the
 * agent; what was read is the child's stdout, and value is 0 or an errno, as it is after POKE. They are
 * answered as soon as they are done, commands when they have ended. When a timeout expires the agent asks
 * the kernel for its blocked tasks and held locks (sysrq w and d), kills the command's session leader and
 * group, and answers HOW_TIMEOUT whether or not the command could be killed.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#define PORT_NAME "harness.agent"
#define PROTOCOL_VERSION 3u
#define FRAME_MAX (64u << 20)

enum frame_type {
	PING = 1,
	RUN,
	READ,
	WRITE,
	POWEROFF,
	SEED,
	SAY,
	POKE,
	HELLO = 64,
	PONG,
	DONE,
};

enum how {
	HOW_EXIT,	/* value: exit code; 127 when the program could not be started */
	HOW_SIGNAL,	/* value: signal number */
	HOW_TIMEOUT,	/* value: 0 */
};

#endif
