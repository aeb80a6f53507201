/* SPDX-License-Identifier: Apache-2.0 */
/* The sending side of a connection: windows, loss and its repair. See carrier.h. */
#include "sim/carrier.h"

#include <assert.h>
#include <errno.h>

#include "sim/world.h"

#define RTO_FIRST_NS  (1 * NS_PER_S)
#define RTO_LEAST_NS  (200 * NS_PER_MS)
#define RTO_MOST_NS   (120 * NS_PER_S)
#define PROBE_LEAST_NS (10 * NS_PER_MS)
#define RETRIES_MAX   15u

static struct segment *segment_at(struct carrier_end *e, uint64_t number)
{
	return &e->store->segments[number % CARRIER_SEGMENTS];
}

static uint64_t stream_end(const struct carrier_end *e)
{
	return e->end + e->fin;
}

static time_ns timeout_ns(const struct carrier_end *e)
{
	time_ns rto = e->srtt_ns == 0 ? RTO_FIRST_NS : e->srtt_ns + 4 * e->rttvar_ns;

	if (rto < RTO_LEAST_NS)
		rto = RTO_LEAST_NS;
	for (unsigned i = 0; i < e->backoff && rto < RTO_MOST_NS; i++)
		rto *= 2;
	return rto < RTO_MOST_NS ? rto : RTO_MOST_NS;
}

/* Progress was made or sending began: the clock starts afresh. */
static void restart_timer(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];
	time_ns rto = timeout_ns(e), probe = 2 * e->srtt_ns;

	e->probe_next = false;
	if (e->segment_first == e->segment_end && e->next == stream_end(e)) {
		e->timer_at = TIME_NEVER;
		return;
	}
	if (e->segment_first < e->segment_end && e->backoff == 0 && e->lost_count == 0 &&
	    e->srtt_ns > 0) {
		if (probe < PROBE_LEAST_NS)
			probe = PROBE_LEAST_NS;
		if (probe < rto) {
			e->probe_next = true;
			rto = probe;
		}
	}
	carrier_arm(w, c, h, w->now + rto);
}

static void transmit(struct world *w, struct carrier *c, unsigned h, struct segment *segment)
{
	struct carrier_end *e = &c->end[h];
	bool fin = segment->end > e->end;
	struct packet packet = {
		.type = PACKET_DATA,
		.fin = fin,
		.sequence = segment->start,
		.length = (uint32_t)(segment->end - fin - segment->start),
		.stamp = w->now,
	};

	segment->sent_at = w->now;
	carrier_emit(w, c, h, &packet);
}

static bool repair_one(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];

	if (e->lost_hint < e->segment_first)
		e->lost_hint = e->segment_first;
	while (e->lost_hint < e->segment_end && !segment_at(e, e->lost_hint)->lost)
		e->lost_hint++;
	assert(e->lost_hint < e->segment_end);
	struct segment *segment = segment_at(e, e->lost_hint);
	if (e->flight_bytes > 0 &&
	    e->flight_bytes + (segment->end - segment->start) > e->congestion_bytes)
		return false;
	segment->lost = false;
	e->lost_count--;
	e->flight_bytes += segment->end - segment->start;
	transmit(w, c, h, segment);
	return true;
}

static bool send_new(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];
	uint64_t limit = e->end < e->window_end ? e->end : e->window_end;
	uint64_t length = e->next < limit ? limit - e->next : 0;
	bool fin;

	if (length > w->plan.packet_bytes)
		length = w->plan.packet_bytes;
	fin = e->fin && e->next <= e->end && e->next + length == e->end;
	if (length + fin == 0 || e->segment_end - e->segment_first == CARRIER_SEGMENTS)
		return false;
	if (e->flight_bytes > 0 && e->flight_bytes + length > e->congestion_bytes)
		return false;
	struct segment *segment = segment_at(e, e->segment_end++);
	*segment = (struct segment){ .start = e->next, .end = e->next + length + fin };
	e->next = segment->end;
	e->flight_bytes += length + fin;
	transmit(w, c, h, segment);
	return true;
}

void carrier_output(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];
	bool idle = e->segment_first == e->segment_end;

	if (!e->open || !e->established)
		return;
	while (e->lost_count > 0 && repair_one(w, c, h))
		;
	while (e->lost_count == 0 && send_new(w, c, h))
		;
	if (e->timer_at == TIME_NEVER || (idle && e->segment_first < e->segment_end))
		restart_timer(w, c, h);
}

static void sample_rtt(struct carrier_end *e, time_ns rtt_ns)
{
	time_ns difference = e->srtt_ns > rtt_ns ? e->srtt_ns - rtt_ns : rtt_ns - e->srtt_ns;

	if (rtt_ns < 1000)
		rtt_ns = 1000;
	if (e->srtt_ns == 0) {
		e->srtt_ns = rtt_ns;
		e->rttvar_ns = rtt_ns / 2;
		return;
	}
	e->rttvar_ns += (difference - e->rttvar_ns) / 4;
	e->srtt_ns += (rtt_ns - e->srtt_ns) / 8;
}

static void segment_done(struct carrier_end *e, struct segment *segment)
{
	e->delivered += !segment->sacked;
	if (segment->lost)
		e->lost_count--;
	else if (!segment->sacked)
		e->flight_bytes -= segment->end - segment->start;
	segment->lost = false;
}

static void note_selective(struct carrier_end *e, uint64_t start, uint64_t end)
{
	uint64_t low = e->segment_first, high = e->segment_end;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (segment_at(e, middle)->end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < e->segment_end; low++) {
		struct segment *segment = segment_at(e, low);

		if (segment->start < start || segment->end > end)
			break;
		segment_done(e, segment);
		segment->sacked = true;
		if (segment->end > e->sacked_top)
			e->sacked_top = segment->end;
	}
}

static void slow_down(struct carrier_end *e, const struct world *w)
{
	uint64_t least = 2 * (uint64_t)w->plan.packet_bytes;

	if (e->acked < e->recovery_end)
		return;
	e->recovery_end = e->next;
	e->threshold_bytes = e->congestion_bytes / 10 * 7;
	if (e->threshold_bytes < least)
		e->threshold_bytes = least;
	e->congestion_bytes = e->threshold_bytes;
}

/* Sent well before something that has arrived, and below it: lost. */
static void find_lost(struct carrier_end *e, const struct world *w, time_ns delivered_stamp)
{
	for (uint64_t i = e->segment_first; i < e->segment_end; i++) {
		struct segment *segment = segment_at(e, i);

		if (segment->start >= e->sacked_top)
			break;
		if (segment->sacked || segment->lost ||
		    segment->sent_at + e->srtt_ns / 4 >= delivered_stamp)
			continue;
		segment->lost = true;
		e->lost_count++;
		e->flight_bytes -= segment->end - segment->start;
		if (i < e->lost_hint)
			e->lost_hint = i;
		slow_down(e, w);
	}
}

static void grow(struct carrier_end *e, const struct world *w, uint64_t bytes)
{
	if (e->congestion_bytes >= 2 * (uint64_t)w->plan.send_kernel_bytes)
		return;
	if (e->congestion_bytes < e->threshold_bytes)
		e->congestion_bytes += bytes;
	else
		e->congestion_bytes += w->plan.packet_bytes * bytes / e->congestion_bytes + 1;
}

void carrier_output_acked(struct world *w, struct carrier *c, unsigned h,
			  const struct packet *packet)
{
	struct carrier_end *e = &c->end[h];
	uint64_t before = e->acked;
	bool opened = packet->window_end > e->window_end;

	if (packet->acknowledged > e->next)
		return;
	if (opened)
		e->window_end = packet->window_end;
	if (packet->stamp > 0)
		sample_rtt(e, w->now - packet->stamp);
	while (e->segment_first < e->segment_end &&
	       segment_at(e, e->segment_first)->end <= packet->acknowledged)
		segment_done(e, segment_at(e, e->segment_first++));
	if (packet->acknowledged > e->acked) {
		e->acked = packet->acknowledged;
		e->backoff = 0;
		grow(e, w, e->acked - before);
	}
	if (packet->selective_end > packet->selective_start)
		note_selective(e, packet->selective_start, packet->selective_end);
	if (e->sacked_top > e->acked)
		find_lost(e, w, packet->stamp);
	if (e->acked > before || opened)
		restart_timer(w, c, h);
	carrier_output(w, c, h);
	if (e->wants_room && carrier_writable(w, c, h)) {
		e->wants_room = false;
		carrier_signal(w, c, h, false, true);
	}
	if (!e->attached)
		carrier_settle(w, c);
}

void carrier_output_timer(struct world *w, struct carrier *c, unsigned h)
{
	struct carrier_end *e = &c->end[h];

	if (e->segment_first == e->segment_end) {
		/* The window is closed: asks whether it still is. */
		struct packet probe = { .type = PACKET_DATA,
					.sequence = e->acked,
					.stamp = w->now };

		if (e->next < stream_end(e))
			carrier_emit(w, c, h, &probe);
		else if (e->attached)
			return;
		if (e->backoff < RETRIES_MAX)
			e->backoff++;
		carrier_arm(w, c, h, w->now + timeout_ns(e));
		return;
	}
	if (e->probe_next) {
		e->probe_next = false;
		transmit(w, c, h, segment_at(e, e->segment_end - 1));
		carrier_arm(w, c, h, w->now + timeout_ns(e));
		return;
	}
	if (++e->backoff > RETRIES_MAX) {
		carrier_break(w, c, h, ETIMEDOUT);
		return;
	}
	for (uint64_t i = e->segment_first; i < e->segment_end; i++) {
		struct segment *segment = segment_at(e, i);

		if (!segment->sacked && !segment->lost) {
			segment->lost = true;
			e->lost_count++;
			e->flight_bytes -= segment->end - segment->start;
		}
	}
	e->lost_hint = e->segment_first;
	e->threshold_bytes = e->congestion_bytes / 2 + w->plan.packet_bytes;
	e->congestion_bytes = w->plan.packet_bytes;
	e->recovery_end = e->next;
	(void)repair_one(w, c, h);
	carrier_arm(w, c, h, w->now + timeout_ns(e));
}
