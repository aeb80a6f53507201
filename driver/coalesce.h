/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that sends little and often: each send would cost a system call and a packet. When several came in
 * quick succession the next are left in the session's buffer, and the engine writes what has gathered:
 *
 *     sends      | | | | | | | | | | ||||||||||||||||||||||||||||||| |             |
 *     written    | | | | | | | |                   |               |    |          |
 *                ` each at once '   ` FLUSH_NS, or FRAME_PAYLOAD_MAX '      after a pause: at once
 *
 * Nothing waits longer than that and for the engine to wake, and what a call waits for, or the end, takes the rest
 * along. (Nagle's idea, RFC 896, with a clock in place of the peer's acknowledgement, which nobody may be there to
 * see.)
 */
#ifndef HAWSER_DRIVER_COALESCE_H
#define HAWSER_DRIVER_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "driver/timers.h"

struct endpoint;

/* All of it under ep->lock, but the timer. */
struct coalesce {
	struct timer flush;             /* the engine's; runs while sends may be left to it */
	time_ns sent_at;                /* the last send */
	uint32_t held_bytes;            /* left to it since it looked */
	uint8_t streak;                 /* small sends in quick succession, counted to STREAK_MIN */
	bool on;                        /* the timer runs */
};

void coalesce_init(struct coalesce *c);
/* A thread of the program, under ep->lock: so many bytes were put into the session. True: the engine will write them. */
bool coalesce_holds(struct endpoint *ep, size_t bytes);
/* The engine, under ep->lock: all that was to be written has been. */
void coalesce_look(struct endpoint *ep, time_ns now);
void coalesce_fini(struct endpoint *ep);

#endif
