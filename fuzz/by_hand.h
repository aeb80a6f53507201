/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine without a thread, turned by hand: its clock stands until it is told to go on, its random
 * numbers are the same each time, and how many descriptors it may have is for the caller to say.
 */
#ifndef HAWSER_FUZZ_BY_HAND_H
#define HAWSER_FUZZ_BY_HAND_H

#include "driver/engine.h"

/* The engine's table of descriptors, as far as accept4 and socket fill it. */
struct by_hand_table {
	unsigned open, most;    /* at `most` both fail with `error` */
	int error;
	bool inotify;           /* there is one */
	unsigned accepted;      /* all that came in by a door */
	/* how often something asked for room: somebody waited at a door, a socket was wanted, or the guests were many */
	unsigned crowded;
};

extern struct by_hand_table by_hand_table;

struct engine *by_hand_begin(void);
time_ns by_hand_now(void);
/* Turns until nothing is to be done, which must come soon: what goes on for ever at one time is a spin. */
void by_hand_rest(void);
/* Time passes, with a rest at each deadline. */
void by_hand_pass(time_ns duration_ns);
/* Nothing may be left: no session that lives, no block, promise, timer or descriptor. */
void by_hand_end(void);

/* A socket that is not the engine's. */
int by_hand_socket(int family, int type);

#endif
