/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: a binary heap of timers, the earliest on top. */
#ifndef HAWSER_DRIVER_TIMERS_H
#define HAWSER_DRIVER_TIMERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/limits.h"

/*
 * Embedded in what waits; all zero is a stopped timer. `expired` finds its owner with container_of.
 * It runs once for each start: the timer is stopped when it is called, and may be started again.
 */
struct timer {
	time_ns at;
	size_t place;           /* index in the heap + 1; 0: stopped */
	void (*expired)(struct timer *t, time_ns now);
};

/*
 *            at[0]                 each is no later than its children,
 *         at[1]   at[2]            at[i]'s are at[2i+1] and at[2i+2]
 */
struct timers {
	struct timer **at;
	size_t count, capacity;
};

void timers_init(struct timers *ts);
void timers_fini(struct timers *ts);

/* Makes sure `more` timers beyond the started ones can be started: 0 or -ENOMEM. */
int timers_reserve(struct timers *ts, size_t more);

/* Starts, or moves, a timer. TIME_NEVER stops it. 0; -ENOMEM: not started (never for one that was). */
int timers_set(struct timers *ts, struct timer *t, time_ns at);
void timers_stop(struct timers *ts, struct timer *t);

static inline bool timer_started(const struct timer *t)
{
	return t->place != 0;
}

/* When the first one expires; TIME_NEVER: none is started. */
time_ns timers_next(const struct timers *ts);

/*
 * Runs those that are due at `now`, earliest first, no more than were started before: a timer that
 * starts itself again for the past cannot hold the loop. Returns how many ran.
 */
size_t timers_run(struct timers *ts, time_ns now);

#endif
