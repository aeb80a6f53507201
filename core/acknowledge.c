/* SPDX-License-Identifier: Apache-2.0 */
/* When an ACK is due on a path, what it says, and what the peer's says to us. */
#include <errno.h>

#include "core/session_internal.h"

#define ACK_EVERY_BYTES (4 * FRAME_PAYLOAD_MAX)
#define ACK_DELAY_MIN_NS (1 * NS_PER_MS)
#define ACK_DELAY_MAX_NS (10 * NS_PER_MS)

void acknowledge_arrived(struct session *s, struct path *p, uint64_t bytes, bool urgent, time_ns now)
{
	(void)s;
	if (!p->ack_due) {
		p->ack_due = true;
		p->ack_since = now;
		p->ack_bytes = 0;
	}
	p->ack_bytes += bytes;
	if (urgent)
		p->ack_urgent = true;
}

/* At the latest every srtt/4. */
time_ns acknowledge_deadline(const struct path *p)
{
	time_ns delay_ns = p->health.srtt_ns / 4;

	if (!p->ack_due)
		return TIME_NEVER;
	if (delay_ns < ACK_DELAY_MIN_NS)
		delay_ns = ACK_DELAY_MIN_NS;
	if (delay_ns > ACK_DELAY_MAX_NS)
		delay_ns = ACK_DELAY_MAX_NS;
	return p->ack_since + delay_ns;
}

bool acknowledge_due(const struct session *s, const struct path *p, time_ns now)
{
	(void)s;
	return p->ack_due && (p->ack_urgent || p->ack_bytes >= ACK_EVERY_BYTES ||
			      now >= acknowledge_deadline(p));
}

void acknowledge_window(struct session *s, time_ns now)
{
	uint64_t limit = receive_buffer_limit(&s->receive);

	if (s->receive.fin_offset != FIN_UNKNOWN)
		return;
	if (limit - s->limit_announced < s->receive.limit_bytes / 4)
		return;
	/* On every path: the one that is quickest is not known for this direction. */
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->sender.paths[i];

		if (p != NULL && p->health.state != HEALTH_DOWN)
			acknowledge_arrived(s, p, 0, true, now);
	}
}

/* How far the limit is beyond what the program has consumed, rounded up; 0: further than can be told. */
static uint32_t window_units(const struct session *s)
{
	uint64_t bytes = session_receive_promised(s);
	uint64_t units = bytes / WINDOW_UNIT_BYTES + (bytes % WINDOW_UNIT_BYTES > 0);

	return units <= WINDOW_UNITS_MAX ? (uint32_t)units : 0;
}

size_t acknowledge_encode(const struct session *s, const struct path *p, uint8_t *out, size_t capacity,
			  time_ns now)
{
	struct frame_ack ack = {
		.cumulative = receive_buffer_cumulative(&s->receive),
		.receive_limit = receive_buffer_limit(&s->receive),
		.range_credit = RANGE_CREDIT,
	};

	(void)p;
	ack.window_units = window_units(s);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *other = s->sender.paths[i];
		struct ack_path *evidence = &ack.paths[ack.path_count];
		uint64_t age_us;

		if (other == NULL)
			continue;
		age_us = (uint64_t)(now - other->received_at) / (uint64_t)NS_PER_US;
		evidence->path_id = other->id;
		evidence->received_bytes = other->received_bytes;
		evidence->age_us = age_us < UINT32_MAX ? (uint32_t)age_us : UINT32_MAX;
		ack.path_count++;
	}
	for (unsigned i = 0; i < s->receive.ahead.count && ack.range_count < ACK_RANGES_MAX; i++)
		ack.ranges[ack.range_count++] = s->receive.ahead.at[i];
	return frame_ack_encode(out, capacity, &ack);
}

void acknowledge_written(struct session *s, struct path *p)
{
	p->ack_due = p->ack_urgent = false;
	p->ack_bytes = 0;
	s->limit_announced = receive_buffer_limit(&s->receive);
}

static struct path *find_path(const struct session *s, uint16_t id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (s->sender.paths[i] != NULL && s->sender.paths[i]->id == id)
			return s->sender.paths[i];
	return NULL;
}

int acknowledge_received(struct session *s, const struct frame_ack *ack, time_ns now)
{
	struct sender *sender = &s->sender;
	uint64_t window_bytes = (uint64_t)ack->window_units * WINDOW_UNIT_BYTES;

	/* Paths first: what is proven must be known before bytes are called missing. */
	for (unsigned i = 0; i < ack->path_count; i++) {
		struct path *p = find_path(s, ack->paths[i].path_id);
		bool valid = true;

		if (p == NULL)
			continue;
		session_evidence(s, p, ack->paths[i].received_bytes,
				 (time_ns)ack->paths[i].age_us * NS_PER_US, now, &valid);
		if (!valid)
			return -EPROTO;
	}
	if (ack->receive_limit > sender->peer_limit)
		sender->peer_limit = ack->receive_limit;
	if (ack->window_units > 0 && ack->receive_limit > window_bytes &&
	    ack->receive_limit - window_bytes > s->peer_consumed)
		s->peer_consumed = ack->receive_limit - window_bytes;
	sender->peer_credit = ack->range_credit;
	for (unsigned i = 0; i < ack->range_count; i++)
		if (sender_acknowledge_range(sender, ack->ranges[i].start, ack->ranges[i].end) < 0)
			return -EPROTO;
	return sender_acknowledge(sender, &s->stock, ack->cumulative);
}
