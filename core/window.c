/* SPDX-License-Identifier: Apache-2.0 */
/* The size of windows; see window.h. */
#include "core/window.h"

/* No round is shorter: programs are woken, and peers acknowledge, no more often than some times in it. */
#define ROUND_MIN_NS    (10 * NS_PER_MS)
/* What a lossy path has under way is copied to the others when it is overdue, 5 ms at the least. */
#define SLACK_NS        (5 * NS_PER_MS)
#define SLACK_BYTES_MAX (UINT64_C(2) << 20)

/* Above what a window can be and what a round trip lasts; their product is still a number. */
#define ROUND_BYTES_MAX (UINT64_C(1) << 33)
#define ROUND_US_MAX    (UINT64_C(1) << 30)

/* Above all that a window can be, and twice it is still a number. */
#define BYTES_MAX (UINT64_C(1) << 62)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whole blocks: growth by less is not worth asking for. */
static uint64_t round_up(uint64_t bytes)
{
	return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

void window_init(struct window *w, uint64_t start_bytes, uint64_t most_bytes, time_ns now)
{
	if (start_bytes == 0 || start_bytes > most_bytes)
		start_bytes = most_bytes;
	*w = (struct window){ .start_bytes = start_bytes, .most_bytes = most_bytes };
	window_rest(w, 0, 0, now);
}

void window_arrived(struct window *w, time_ns rtt_ns)
{
	if (rtt_ns > w->rtt_ns)
		w->rtt_ns = rtt_ns;
}

static void begin_round(struct window *w, uint64_t consumed, uint64_t arrived, time_ns now)
{
	w->round_from = consumed;
	w->arrived_from = arrived;
	w->round_at = now;
	w->rtt_ns = ROUND_MIN_NS;
}

/* Of what a round brought that took longer than a round trip, the part of one. */
static uint64_t per_round_trip(const struct window *w, uint64_t bytes, time_ns now)
{
	uint64_t took_us = (uint64_t)((now - w->round_at) / NS_PER_US), rtt_us = (uint64_t)(w->rtt_ns / NS_PER_US);

	if (took_us <= rtt_us)
		return bytes;
	return smaller(bytes, ROUND_BYTES_MAX) * smaller(rtt_us, ROUND_US_MAX) / took_us;
}

bool window_consumed(struct window *w, uint64_t consumed, uint64_t arrived, time_ns now)
{
	uint64_t bytes = smaller(consumed - w->round_from, arrived - w->arrived_from), wish;

	bytes = per_round_trip(w, smaller(bytes, BYTES_MAX / 4), now);
	wish = bytes;
	/* A peer that is faster from round to round will be so in the next. */
	if (bytes > w->before_bytes)
		wish += bytes - w->before_bytes;
	wish = smaller(round_up(2 * wish), w->most_bytes);
	if (now - w->round_at >= w->rtt_ns) {
		w->before_bytes = bytes;
		begin_round(w, consumed, arrived, now);
	}
	if (wish <= w->wish_bytes)
		return false;
	w->wish_bytes = wish;
	return true;
}

void window_rest(struct window *w, uint64_t consumed, uint64_t arrived, time_ns now)
{
	w->wish_bytes = w->start_bytes;
	w->before_bytes = 0;
	begin_round(w, consumed, arrived, now);
}

/* Also of a rate and a time that nobody can have: at most BYTES_MAX. */
static uint64_t in_time(uint64_t rate_bytes, time_ns time)
{
	uint64_t us = (uint64_t)(time / NS_PER_US), bytes;

	if (__builtin_mul_overflow(rate_bytes, us, &bytes))
		return BYTES_MAX;
	return smaller(bytes / (uint64_t)(NS_PER_S / NS_PER_US), BYTES_MAX);
}

uint64_t window_for_paths(uint64_t rate_bytes, time_ns rtt_ns, bool several)
{
	uint64_t slack = several ? smaller(2 * in_time(rate_bytes, SLACK_NS), SLACK_BYTES_MAX) : 0;

	return round_up(2 * smaller(in_time(rate_bytes, rtt_ns), BYTES_MAX / 4) + slack);
}
