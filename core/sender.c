/* SPDX-License-Identifier: Apache-2.0 */
/* The sending direction; see sender.h. */
#include "core/sender.h"

#include <errno.h>

#include "core/window.h"

#define STRETCH_BYTES_MIN (2 * FRAME_PAYLOAD_MAX)
#define STRETCH_BYTES_MAX (32 * FRAME_PAYLOAD_MAX)
#define STRETCH_TIME_NS   (5 * NS_PER_MS)
/* A carrier's round trip that is shorter is the machine's own. */
#define NETWORK_RTT_NS    NS_PER_MS
/* A queue that our own bytes make may count for so much, in least round trips. */
#define QUEUE_ROUND_TRIPS 4

static time_ns longer(time_ns a, time_ns b)
{
	return a > b ? a : b;
}

uint64_t sender_reach(const struct sender *s)
{
	uint64_t end = s->buffer.end;

	if (end > s->peer_limit)
		return s->peer_limit;
	return send_buffer_end(&s->buffer);
}

int sender_acknowledge_range(struct sender *s, uint64_t start, uint64_t end)
{
	if (end > flight_top(&s->flight))
		return -EPROTO;
	if (start < s->flight.base)
		start = s->flight.base;
	if (start >= end)
		return 0;
	/* A full table forgets a selective acknowledgement: that costs a copy, never a byte. Who carried
	 * it no longer matters, and without that neighbours become one segment. */
	if (s->flight.count + SEGMENTS_SPARE < SEGMENTS_MAX &&
	    flight_mark(&s->flight, start, end, FLIGHT_ACKED) == 0)
		(void)flight_clear(&s->flight, start, end, ~(FLIGHT_ACKED | FLIGHT_SENT));
	return 0;
}

/* Keeps the bytes of frames that are half written on some path and are about to be freed. */
static void save_tails(struct sender *s, struct stock *stock, uint64_t *cumulative)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->paths[i];
		struct path_work *w = p != NULL ? p->work : NULL;
		uint64_t start, end;

		if (w == NULL || !w->out.halved || w->out.tail != NULL || p->health.state == HEALTH_DOWN)
			continue;
		start = w->out.half.at;
		end = w->out.half.end < s->buffer.end ? w->out.half.end : s->buffer.end;
		if (start >= end || start >= *cumulative)
			continue;
		w->out.tail = stock_take(stock);
		if (w->out.tail == NULL) {
			/* No memory to save it in: free no further than this until the next ACK. */
			*cumulative = start;
			continue;
		}
		w->out.tail_start = start;
		send_buffer_copy(&s->buffer, start, end, w->out.tail);
	}
}

int sender_acknowledge(struct sender *s, struct stock *stock, uint64_t cumulative)
{
	if (cumulative > flight_top(&s->flight))
		return -EPROTO;
	if (cumulative <= s->flight.base)
		return 0;
	save_tails(s, stock, &cumulative);
	flight_trim(&s->flight, cumulative);
	converge_trim(&s->converge, cumulative);
	sender_grow(s);
	int error = send_buffer_acknowledge(&s->buffer, stock, cumulative);
	/* A loan may be longer than all stretches together. */
	if (s->buffer.loans.count > 0)
		sender_extend(s);
	return error;
}

void sender_drop_loans(struct sender *s, struct stock *stock)
{
	uint64_t saved_until = UINT64_MAX;

	if (s->buffer.loans.dropped)
		return;
	if (s->buffer.loans.count > 0)
		save_tails(s, stock, &saved_until);
	if (saved_until == UINT64_MAX)
		loans_drop(&s->buffer.loans);
}

uint64_t sender_rate(const struct sender *s)
{
	uint64_t rate = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->paths[i] != NULL && health_usable(&s->paths[i]->health))
			rate += s->paths[i]->health.rate_bytes;
	return rate;
}

void sender_rest(struct sender *s)
{
	send_buffer_set_limit(&s->buffer, s->start_bytes);
}

/* Its round trips are the machine's own: a carrier within one host, or one that no cable slows down. */
static bool within_machine(const struct health *h)
{
	return h->report.known && h->report.rtt_ns < NETWORK_RTT_NS;
}

/*
 * Of one path without most of the queue that our own bytes make, which would grow with the buffer; but round trips that
 * vary need more than the least. At the rates of memory the least is enough.
 */
static time_ns lone_rtt_ns(const struct health *h)
{
	if (h->report.known && !within_machine(h))
		return h->report.rtt_ns < QUEUE_ROUND_TRIPS * h->rtt_min_ns ? h->report.rtt_ns :
									      QUEUE_ROUND_TRIPS * h->rtt_min_ns;
	if (h->report.known && h->report.rtt_min_ns > 0 && h->report.rtt_min_ns < h->rtt_min_ns)
		return h->report.rtt_min_ns;
	return h->rtt_min_ns;
}

void sender_grow(struct sender *s)
{
	time_ns queued_ns = 0, lone_ns = 0;
	bool network = false;
	unsigned paths = 0;
	uint64_t bytes;

	if (s->buffer.limit_bytes == s->most_bytes)
		return;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct health *h = s->paths[i] != NULL ? &s->paths[i]->health : NULL;

		/* Of use is what carries. */
		if (h == NULL || !health_usable(h) || health_outstanding(h) == 0)
			continue;
		lone_ns = longer(lone_ns, lone_rtt_ns(h));
		queued_ns = longer(queued_ns, h->srtt_ns);
		network |= !within_machine(h);
		paths++;
	}
	/*
	 * Of several with all of the queue: what a path delivers last holds up what the others have delivered meanwhile.
	 * Within the machine that is over before it matters.
	 */
	bool several = paths > 1 && network;
	bytes = window_for_paths(sender_rate(s), several ? queued_ns : lone_ns, several);
	/* With less than several carriers take in round trips not known yet, they would take copies before the rest. */
	if (bytes > s->most_bytes || (paths > 1 && s->mode == MODE_CONVERGE))
		bytes = s->most_bytes;
	if (bytes > s->buffer.limit_bytes)
		send_buffer_set_limit(&s->buffer, bytes);
}

void sender_extend(struct sender *s)
{
	uint64_t length_bytes = sender_rate(s) / (uint64_t)(NS_PER_S / STRETCH_TIME_NS);

	if (length_bytes > s->buffer.limit_bytes / 4)
		length_bytes = s->buffer.limit_bytes / 4;
	if (length_bytes > STRETCH_BYTES_MAX)
		length_bytes = STRETCH_BYTES_MAX;
	if (length_bytes < STRETCH_BYTES_MIN)
		length_bytes = STRETCH_BYTES_MIN;
	converge_extend(&s->converge, s->buffer.end, length_bytes);
}
