/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: run in order, stopped and moved at will, never ahead of their time. */
#include "driver/timers.h"

#include "test/test.h"

#define MANY 1000

static struct {
	struct timer timer;
	unsigned ran;
} many[MANY];
static time_ns last_at;
static unsigned total;

static void expired(struct timer *t, time_ns now)
{
	CHECK(t->at <= now);
	CHECK(t->at >= last_at);
	CHECK(!timer_started(t));
	last_at = t->at;
	((unsigned *)(void *)((char *)t + sizeof *t))[0]++;
	total++;
}

static uint32_t seed = 1;

static uint32_t next_random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void in_order(void)
{
	struct timers ts;
	unsigned stopped = 0;

	timers_init(&ts);
	CHECK_EQ(timers_next(&ts), TIME_NEVER);
	for (int i = 0; i < MANY; i++) {
		many[i].timer.expired = expired;
		CHECK_EQ(timers_set(&ts, &many[i].timer, next_random() % 5000), 0);
	}
	for (int i = 0; i < MANY; i += 3)        /* moved */
		CHECK_EQ(timers_set(&ts, &many[i].timer, next_random() % 5000), 0);
	for (int i = 0; i < MANY; i += 7) {
		timers_stop(&ts, &many[i].timer);
		timers_stop(&ts, &many[i].timer);
		stopped++;
	}
	for (time_ns now = 0; now <= 5000; now += 100) {
		timers_run(&ts, now);
		CHECK(timers_next(&ts) > now);
	}
	CHECK_EQ(total, MANY - stopped);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(many[i].ran, i % 7 ? 1 : 0);
	CHECK_EQ(timers_next(&ts), TIME_NEVER);
	timers_fini(&ts);
}

static struct timers again_ts;
static unsigned again_ran;

static void again(struct timer *t, time_ns now)
{
	again_ran++;
	CHECK_EQ(timers_set(&again_ts, t, now - 1), 0);
}

/* One that starts itself for the past runs once in a turn. */
static void no_loop(void)
{
	struct timer t = { .expired = again };

	timers_init(&again_ts);
	CHECK_EQ(timers_set(&again_ts, &t, 5), 0);
	CHECK_EQ(timers_run(&again_ts, 4), 0);
	CHECK_EQ(timers_run(&again_ts, 5), 1);
	CHECK_EQ(timers_run(&again_ts, 5), 1);
	CHECK_EQ(again_ran, 2);
	CHECK_EQ(timers_set(&again_ts, &t, TIME_NEVER), 0);
	CHECK(!timer_started(&t));
	timers_fini(&again_ts);
}

int main(void)
{
	RUN(in_order);
	RUN(no_loop);
	return 0;
}
