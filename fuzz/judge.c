/* SPDX-License-Identifier: Apache-2.0 */
/* See judge.h. */
#include "fuzz/judge.h"

#include "fuzz/fuzz.h"

#define PATTERN_BYTES 65521u

/* What the streams carry: bytes that repeat only after a prime number of them. */
static const uint8_t *pattern(uint64_t offset, size_t *length)
{
	static uint8_t bytes[PATTERN_BYTES];
	size_t at = (size_t)(offset % PATTERN_BYTES);

	if (bytes[0] == 0)
		for (uint32_t i = 0; i < PATTERN_BYTES; i++)
			bytes[i] = (uint8_t)((i + 1) * 2654435761u >> 23 | 1);
	if (*length > PATTERN_BYTES - at)
		*length = PATTERN_BYTES - at;
	return bytes + at;
}

void judge_fill(uint8_t *to, uint64_t offset, size_t length)
{
	while (length > 0) {
		size_t count = length;
		const uint8_t *from = pattern(offset, &count);

		memcpy(to, from, count);
		to += count;
		offset += count;
		length -= count;
	}
}

static bool matches(const uint8_t *bytes, uint64_t offset, size_t length)
{
	while (length > 0) {
		size_t count = length;
		const uint8_t *want = pattern(offset, &count);

		if (memcmp(bytes, want, count) != 0)
			return false;
		bytes += count;
		offset += count;
		length -= count;
	}
	return true;
}

static void raise_limit(struct judge *j)
{
	uint64_t left = STREAM_OFFSET_MAX - j->consumed;
	uint64_t limit = j->consumed + (left < j->limit_bytes ? left : j->limit_bytes);

	if (limit > j->limit)
		j->limit = limit;
}

void judge_init(struct judge *j, uint64_t receive_limit_bytes, uint64_t peer_limit)
{
	memset(j, 0, sizeof *j);
	ranges_init(&j->ahead, j->ahead_storage, RANGES_HELD_MAX + 2);
	j->limit_bytes = receive_limit_bytes;
	j->fin = NO_FIN;
	j->peer_limit = peer_limit;
	raise_limit(j);
}

void judge_consumed(struct judge *j, uint64_t length)
{
	j->consumed += length;
	HOLDS(j->consumed <= j->contiguous);
	raise_limit(j);
}

void judge_strange(struct judge *j, uint64_t start, uint64_t end)
{
	bool none = j->strange.start == j->strange.end;

	if (none || start < j->strange.start)
		j->strange.start = start;
	if (none || end > j->strange.end)
		j->strange.end = end;
}

void judge_read(struct judge *j, const uint8_t *bytes, size_t length)
{
	uint64_t start = j->consumed, end = start + length, before = end, behind;

	if (j->strange.start < end && j->strange.end > start) {
		before = j->strange.start > start ? j->strange.start : start;
		behind = j->strange.end < end ? j->strange.end : end;
		HOLDS(matches(bytes + (behind - start), behind, end - behind));
	}
	HOLDS(matches(bytes, start, before - start));
	judge_consumed(j, length);
}

void judge_id(struct judge *j, uint16_t id)
{
	int16_t ahead = (int16_t)(uint16_t)(id - (uint16_t)j->highest_serial);
	int64_t serial = j->ids_count == 0 ? id : j->highest_serial + ahead;

	HOLDS(id != PATH_ID_NONE);
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		HOLDS(!j->path[i].known || j->path[i].id != id);
	HOLDS(j->ids_count == 0 || ahead > -64);
	for (unsigned i = 0; i < j->ids_count && i < IDS_MAX; i++)
		HOLDS(j->serials[i] != serial);
	if (j->ids_count == 0 || ahead > 0)
		j->highest_serial = serial;
	j->serials[j->ids_count++ % IDS_MAX] = serial;
}

bool judge_complete(const struct judge *j)
{
	return j->contiguous == j->fin && j->finished && j->sent_top == j->written + 1;
}

/* --- frames out of bytes --- */

static size_t fill(uint8_t *to, unsigned *have, size_t want, const uint8_t *bytes, size_t length)
{
	size_t count = want - *have < length ? want - *have : length;

	memcpy(to + *have, bytes, count);
	*have += (unsigned)count;
	return count;
}

/* Reads on in a head; the number of bytes used. *bad: it cannot be one. */
static size_t read_head(struct reader *r, const uint8_t *bytes, size_t length, bool *bad)
{
	bool data = r->head_have >= FRAME_HEADER_BYTES;
	size_t used = fill(r->head, &r->head_have, data ? FRAME_DATA_HEAD_BYTES : FRAME_HEADER_BYTES,
			   bytes, length);
	struct frame_data frame;

	*bad = false;
	if (!data && r->head_have == FRAME_HEADER_BYTES) {
		*bad = frame_header_decode(r->head, &r->header) < 0;
		r->inside = !*bad && r->header.type != FRAME_DATA;
		r->payload_have = 0;
	} else if (r->head_have == FRAME_DATA_HEAD_BYTES) {
		*bad = frame_data_decode(&r->header, r->head + FRAME_HEADER_BYTES, &frame) < 0;
		r->inside = !*bad;
		r->at = *bad ? 0 : frame.offset;
		r->end = *bad ? 0 : frame.offset + frame.length;
	}
	return used;
}

static void frame_done(struct reader *r)
{
	r->head_have = 0;
	r->inside = false;
}

/* --- what the peer says --- */

static struct judged_path *path_of(struct judge *j, uint16_t id)
{
	for (unsigned i = 0; i < JUDGE_PATHS; i++)
		if (j->path[i].known && j->path[i].id == id)
			return &j->path[i];
	return NULL;
}

static enum verdict data_begins(struct judge *j, struct reader *r)
{
	uint64_t top = j->ahead.count > 0 ? j->ahead.at[j->ahead.count - 1].end : j->contiguous;

	if (r->end > j->limit || r->end > j->fin)
		return VERDICT_VIOLATION;
	if (!(r->header.flags & FRAME_FLAG_FIN))
		return VERDICT_FINE;
	if (r->end < top || (j->fin != NO_FIN && j->fin != r->end))
		return VERDICT_VIOLATION;
	j->fin = r->end;
	return VERDICT_FINE;
}

static enum verdict data_goes_on(struct judge *j, struct reader *r, uint64_t length)
{
	uint64_t start = r->at < j->contiguous ? j->contiguous : r->at, end = r->at + length;

	r->at = end;
	if (start >= end)
		return VERDICT_FINE;
	/* The end came meanwhile, by another path. */
	if (end > j->fin)
		return VERDICT_VIOLATION;
	HOLDS(ranges_add(&j->ahead, start, end) == 0);
	j->contiguous = ranges_covered_until(&j->ahead, j->contiguous);
	ranges_trim_below(&j->ahead, j->contiguous);
	if (j->ahead.count > RANGES_HELD_MAX)
		return VERDICT_VIOLATION;
	if (j->discard)
		judge_consumed(j, j->contiguous - j->consumed);
	return VERDICT_FINE;
}

static enum verdict ack_came(struct judge *j, const struct reader *r)
{
	struct frame_ack ack;
	uint64_t claimed;

	if (frame_ack_decode(r->payload, r->header.length, &ack) < 0)
		return VERDICT_VIOLATION;
	for (unsigned i = 0; i < ack.path_count; i++) {
		const struct judged_path *p = path_of(j, ack.paths[i].path_id);

		if (p != NULL && ack.paths[i].received_bytes > p->out_bytes)
			return VERDICT_VIOLATION;
	}
	if (ack.receive_limit > j->peer_limit)
		j->peer_limit = ack.receive_limit;
	claimed = ack.receive_limit - (uint64_t)ack.window_units * WINDOW_UNIT_BYTES;
	if (ack.window_units > 0 && claimed < ack.receive_limit && claimed > j->peer_consumed)
		j->peer_consumed = claimed;
	if (ack.cumulative > j->sent_top)
		return VERDICT_VIOLATION;
	if (ack.range_count > 0 && ack.ranges[ack.range_count - 1].end > j->sent_top)
		return VERDICT_VIOLATION;
	return VERDICT_FINE;
}

static enum verdict close_came(struct judge *j, struct reader *r)
{
	struct frame_close close;

	if (frame_close_decode(r->payload, r->header.length, &close) < 0)
		return VERDICT_VIOLATION;
	r->over = true;
	if (close.reason != REASON_DONE)
		return VERDICT_FINE;
	if (!judge_complete(j))
		return VERDICT_VIOLATION;
	j->over = true;
	return VERDICT_FINE;
}

static enum verdict control_came(struct judge *j, struct reader *r)
{
	union {
		struct frame_ping ping;
		struct frame_pong pong;
		struct frame_mode mode;
		struct frame_reset reset;
	} frame;
	int error = 0;

	switch (r->header.type) {
	case FRAME_ACK:
		return ack_came(j, r);
	case FRAME_CLOSE:
		return close_came(j, r);
	case FRAME_PING:
		error = frame_ping_decode(r->payload, r->header.length, &frame.ping);
		break;
	case FRAME_PONG:
		error = frame_pong_decode(r->payload, r->header.length, &frame.pong);
		break;
	case FRAME_MODE:
		error = frame_mode_decode(r->payload, r->header.length, &frame.mode);
		break;
	case FRAME_RESET:
		error = frame_reset_decode(r->payload, r->header.length, &frame.reset);
		r->over = j->over = error == 0;
		if (error == 0 && frame.reset.consumed <= j->written)
			j->peer_consumed = frame.reset.consumed;
		break;
	default:
		error = frame_known(&r->header) ? -1 : 0;
		break;
	}
	return error < 0 ? VERDICT_VIOLATION : VERDICT_FINE;
}

static enum verdict body_came(struct judge *j, struct reader *r, const uint8_t **bytes, size_t *length)
{
	enum verdict verdict = VERDICT_FINE;
	size_t count;

	if (r->header.type == FRAME_DATA) {
		count = r->end - r->at < *length ? (size_t)(r->end - r->at) : *length;
		if (!matches(*bytes, r->at, count))
			judge_strange(j, r->at, r->at + count);
		verdict = data_goes_on(j, r, count);
		if (r->at == r->end)
			frame_done(r);
	} else {
		count = fill(r->payload, &r->payload_have, r->header.length, *bytes, *length);
		if (r->payload_have == r->header.length) {
			frame_done(r);
			verdict = control_came(j, r);
		}
	}
	*bytes += count;
	*length -= count;
	return verdict;
}

enum verdict judge_heard(struct judge *j, struct judged_path *p, const uint8_t *bytes, size_t length)
{
	struct reader *r = &p->in;
	enum verdict verdict = VERDICT_FINE;

	p->in_bytes += length;
	while (length > 0 && verdict == VERDICT_FINE && !r->over && !j->over) {
		size_t used;
		bool bad;

		if (r->inside) {
			verdict = body_came(j, r, &bytes, &length);
			continue;
		}
		used = read_head(r, bytes, length, &bad);
		bytes += used;
		length -= used;
		if (bad)
			return VERDICT_VIOLATION;
		if (!r->inside)
			continue;
		if (r->header.type == FRAME_DATA) {
			verdict = data_begins(j, r);
			if (r->at == r->end)
				frame_done(r);
		} else if (r->header.length == 0) {
			frame_done(r);
			verdict = control_came(j, r);
		}
	}
	return verdict;
}

/* --- what the session says --- */

static void wrote_ack(struct judge *j, struct judged_path *p)
{
	uint64_t received = j->contiguous + (j->contiguous == j->fin);
	struct frame_ack ack;

	HOLDS(frame_ack_decode(p->out.payload, p->out.header.length, &ack) == 0);
	HOLDS(ack.cumulative <= received && ack.cumulative >= p->told_cumulative);
	HOLDS(ack.receive_limit <= j->limit && ack.receive_limit >= p->told_limit);
	for (unsigned i = 0; i < ack.range_count; i++)
		HOLDS(ack.ranges[i].end <= j->contiguous ||
		      ranges_contains(&j->ahead, ack.ranges[i].start < j->contiguous ?
				      j->contiguous : ack.ranges[i].start, ack.ranges[i].end));
	for (unsigned i = 0; i < ack.path_count; i++) {
		const struct judged_path *of = path_of(j, ack.paths[i].path_id);

		HOLDS(of == NULL || ack.paths[i].received_bytes <= of->in_bytes);
	}
	p->told_cumulative = ack.cumulative;
	p->told_limit = ack.receive_limit;
}

static void wrote_control(struct judge *j, struct judged_path *p)
{
	struct reader *r = &p->out;
	struct frame_reset reset;
	struct frame_close close;

	switch (r->header.type) {
	case FRAME_ACK:
		wrote_ack(j, p);
		break;
	case FRAME_RESET:
		HOLDS(frame_reset_decode(r->payload, r->header.length, &reset) == 0);
		HOLDS(reset.consumed <= j->consumed);
		p->last_reason = reset.reason;
		r->over = true;
		break;
	case FRAME_CLOSE:
		HOLDS(frame_close_decode(r->payload, r->header.length, &close) == 0);
		HOLDS(close.reason != REASON_DONE || judge_complete(j));
		p->last_reason = close.reason;
		r->over = true;
		break;
	case FRAME_PING:
	case FRAME_PONG:
	case FRAME_MODE:
		break;
	default:
		HOLDS(!"a frame that a session sends");
	}
	p->last_type = r->header.type;
}

static void wrote_data_head(struct judge *j, struct judged_path *p)
{
	const struct reader *r = &p->out;
	bool fin = r->header.flags & FRAME_FLAG_FIN;

	HOLDS(r->end <= j->written && r->end <= j->peer_limit);
	HOLDS(!fin || (j->finished && r->end == j->written));
	if (r->end + fin > j->sent_top)
		j->sent_top = r->end + fin;
	p->last_type = FRAME_DATA;
}

void judge_wrote(struct judge *j, struct judged_path *p, const uint8_t *bytes, size_t length)
{
	struct reader *r = &p->out;

	p->out_bytes += length;
	while (length > 0) {
		size_t used;
		bool bad;

		HOLDS(!r->over);
		if (!r->inside) {
			used = read_head(r, bytes, length, &bad);
			HOLDS(!bad);
			if (r->inside && r->header.type == FRAME_DATA) {
				wrote_data_head(j, p);
				if (r->at == r->end)
					frame_done(r);
			}
		} else if (r->header.type == FRAME_DATA) {
			used = r->end - r->at < length ? (size_t)(r->end - r->at) : length;
			HOLDS(matches(bytes, r->at, used));
			r->at += used;
			if (r->at == r->end)
				frame_done(r);
		} else {
			used = fill(r->payload, &r->payload_have, r->header.length, bytes, length);
			if (r->payload_have == r->header.length) {
				frame_done(r);
				wrote_control(j, p);
			}
		}
		bytes += used;
		length -= used;
	}
}
