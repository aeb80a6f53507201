/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: a binary heap. */
#include "driver/timers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TIMERS_FIRST 64u

void timers_init(struct timers *ts)
{
	*ts = (struct timers){ 0 };
}

void timers_fini(struct timers *ts)
{
	free(ts->at);
	*ts = (struct timers){ 0 };
}

int timers_reserve(struct timers *ts, size_t more)
{
	size_t capacity = ts->capacity ? ts->capacity : TIMERS_FIRST;

	while (capacity - ts->count < more)
		capacity *= 2;
	if (capacity == ts->capacity)
		return 0;
	struct timer **at = reallocarray(ts->at, capacity, sizeof *at);
	if (!at)
		return -ENOMEM;
	ts->at = at;
	ts->capacity = capacity;
	return 0;
}

static void put(struct timers *ts, size_t place, struct timer *t)
{
	ts->at[place] = t;
	t->place = place + 1;
}

/* t goes to `place` or nearer to the top. */
static void sift_up(struct timers *ts, size_t place, struct timer *t)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (ts->at[parent]->at <= t->at)
			break;
		put(ts, place, ts->at[parent]);
		place = parent;
	}
	put(ts, place, t);
}

/* t goes to `place` or further from the top. */
static void sift_down(struct timers *ts, size_t place, struct timer *t)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= ts->count)
			break;
		if (child + 1 < ts->count && ts->at[child + 1]->at < ts->at[child]->at)
			child++;
		if (t->at <= ts->at[child]->at)
			break;
		put(ts, place, ts->at[child]);
		place = child;
	}
	put(ts, place, t);
}

static void settle(struct timers *ts, size_t place, struct timer *t)
{
	if (place > 0 && ts->at[(place - 1) / 2]->at > t->at)
		sift_up(ts, place, t);
	else
		sift_down(ts, place, t);
}

int timers_set(struct timers *ts, struct timer *t, time_ns at)
{
	assert(t->expired);
	if (at == TIME_NEVER) {
		timers_stop(ts, t);
		return 0;
	}
	if (!timer_started(t)) {
		int error = timers_reserve(ts, 1);

		if (error < 0)
			return error;
		t->at = at;
		ts->count++;
		sift_up(ts, ts->count - 1, t);
		return 0;
	}
	assert(ts->at[t->place - 1] == t);
	t->at = at;
	settle(ts, t->place - 1, t);
	return 0;
}

void timers_stop(struct timers *ts, struct timer *t)
{
	if (!timer_started(t))
		return;
	size_t place = t->place - 1;
	assert(place < ts->count && ts->at[place] == t);
	t->place = 0;
	ts->count--;
	if (place < ts->count)
		settle(ts, place, ts->at[ts->count]);
}

time_ns timers_next(const struct timers *ts)
{
	return ts->count ? ts->at[0]->at : TIME_NEVER;
}

size_t timers_run(struct timers *ts, time_ns now)
{
	size_t ran = 0, most = ts->count;

	/* One that starts itself again for a moment that is past already waits for the next turn. */
	while (ran < most && ts->count > 0 && ts->at[0]->at <= now) {
		struct timer *t = ts->at[0];

		timers_stop(ts, t);
		t->expired(t, now);
		ran++;
	}
	return ran;
}
