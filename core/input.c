/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from a carrier: cut into frames, each frame acted on, stream bytes put where they belong. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/session_internal.h"

int session_broken(struct session *s, int error, time_ns now)
{
	if (error == -EPROTO)
		session_reset(s, REASON_PROTOCOL_ERROR, now);
	return error;
}

/* Delivery in order went on, or stopped because bytes are missing: keeps the longest wait. */
static void note_progress(struct session *s, bool advanced, time_ns now)
{
	if (advanced && s->waiting_at != TIME_NEVER && now - s->waiting_at > s->longest_gap_ns)
		s->longest_gap_ns = now - s->waiting_at;
	if (s->receive.ahead.count == 0)
		s->waiting_at = TIME_NEVER;
	else if (advanced || s->waiting_at == TIME_NEVER)
		s->waiting_at = now;
}

/* Who only receives hears of round trips by its carrier alone. */
static time_ns round_trip_ns(const struct health *h)
{
	return h->report.known && h->report.rtt_ns > h->srtt_ns ? h->report.rtt_ns : h->srtt_ns;
}

void session_count_arrived(struct session *s, struct path *p, uint64_t bytes, bool advanced,
			   time_ns now)
{
	p->stream_bytes_received += bytes;
	window_arrived(&s->window, round_trip_ns(&p->health));
	note_progress(s, advanced, now);
}

int session_stored(struct session *s, struct path *p, uint64_t start, uint64_t end, time_ns now)
{
	uint64_t before = s->receive.contiguous;
	int error;

	if (start == end)
		return 0;
	error = receive_buffer_arrived(&s->receive, start, end);
	if (error < 0)
		return error;
	session_count_arrived(s, p, end - start, s->receive.contiguous > before, now);
	if (s->discard && session_readable(s) > 0)
		session_receive_consume(s, session_readable(s), now);
	return 0;
}

/* Stream bytes of a DATA frame that were read elsewhere: copies what is missing. in.at says how far that went. */
static int store(struct session *s, struct path *p, const uint8_t *bytes, size_t length, time_ns now)
{
	uint64_t end = p->work->in.at + length;

	while (p->work->in.at < end) {
		uint64_t at = p->work->in.at, start = at, stop = end;
		struct iovec iov;
		int used, error;

		if (!receive_buffer_wanted(&s->receive, &start, &stop))
			start = stop = end;
		p->duplicate_bytes_received += start - at;
		s->duplicate_received += start - at;
		bytes += start - at;
		p->work->in.at = start;
		if (start == stop)
			continue;
		used = receive_buffer_place(&s->receive, &s->stock, start, stop, &iov, 1);
		if (used < 0)
			return used;
		memcpy(iov.iov_base, bytes, iov.iov_len);
		error = session_stored(s, p, start, start + iov.iov_len, now);
		if (error < 0)
			return error;
		bytes += iov.iov_len;
		p->work->in.at += iov.iov_len;
	}
	return 0;
}

static int begin_data(struct session *s, struct path *p, time_ns now)
{
	struct frame_data data;
	int error = frame_data_decode(&p->work->in.frame, p->work->in.header + FRAME_HEADER_BYTES, &data);

	if (error < 0)
		return error;
	error = receive_buffer_check(&s->receive, data.offset, data.offset + data.length);
	if (error < 0)
		return error;
	if (data.fin) {
		error = receive_buffer_finish(&s->receive, data.offset + data.length);
		if (error < 0)
			return error;
	}
	expect_began(p, &data);
	p->work->in.at = data.offset;
	p->work->in.end = data.offset + data.length;
	p->work->in.bulk = data.length >= BULK_FRAME_BYTES;
	path_quiet_from(s, p, now);
	return 0;
}

void session_data_arrived(struct session *s, struct path *p, uint64_t bytes, time_ns now)
{
	bool complete = s->receive.contiguous == s->receive.fin_offset;

	acknowledge_arrived(s, p, bytes, false, now);
	if (p->work->in.at == p->work->in.end) {
		p->work->in.header_have = 0;
		p->work->in.in_payload = false;
		if (complete)
			session_settle(s, now);
	}
}

static void pong(struct path *p, uint64_t token)
{
	uint8_t note[PATH_NOTE_BYTES];
	struct frame_pong frame = { .token = token };

	/* A peer that asks faster than it reads gets fewer answers; after our CLOSE it gets none. */
	if (!p->closing && p->notes_count < PATH_NOTES_MAX - 2)
		path_queue_note(p, note, frame_pong_encode(note, sizeof note, &frame));
}

static int closed(struct session *s, struct path *p, const struct frame_close *close, time_ns now)
{
	p->closed_by_peer = true;
	p->close_reason = close->reason;
	if (close->reason != REASON_DONE)
		return 0;
	/* The peer has all of ours and knows that we have all of its: the last acknowledgement. */
	if (s->receive.fin_offset == FIN_UNKNOWN || s->receive.contiguous != s->receive.fin_offset ||
	    !s->sender.buffer.finished ||
	    flight_top(&s->sender.flight) != send_buffer_end(&s->sender.buffer))
		return -EPROTO;
	s->peer_done = true;
	if (sender_acknowledge(&s->sender, &s->stock, send_buffer_end(&s->sender.buffer)) < 0)
		return -EPROTO;
	session_settle(s, now);
	return 0;
}

static int act(struct session *s, struct path *p, time_ns now)
{
	const uint8_t *payload = p->work->payload;
	size_t length = p->work->in.frame.length;
	union {
		struct frame_ack ack;
		struct frame_ping ping;
		struct frame_pong pong;
		struct frame_mode mode;
		struct frame_reset reset;
		struct frame_close close;
	} frame;

	p->work->in.streak = 0;
	switch (p->work->in.frame.type) {
	case FRAME_ACK:
		if (frame_ack_decode(payload, length, &frame.ack) < 0 ||
		    acknowledge_received(s, &frame.ack, now) < 0)
			return -EPROTO;
		session_settle(s, now);
		return 0;
	case FRAME_PING:
		if (frame_ping_decode(payload, length, &frame.ping) < 0)
			return -EPROTO;
		pong(p, frame.ping.token);
		acknowledge_arrived(s, p, 0, true, now);
		return 0;
	case FRAME_PONG:
		return frame_pong_decode(payload, length, &frame.pong);
	case FRAME_MODE:
		if (frame_mode_decode(payload, length, &frame.mode) < 0)
			return -EPROTO;
		session_set_mode(s, (enum session_mode)frame.mode.mode, now);
		return 0;
	case FRAME_RESET:
		if (frame_reset_decode(payload, length, &frame.reset) < 0)
			return -EPROTO;
		if (frame.reset.consumed <= s->sender.buffer.end)
			s->peer_consumed = frame.reset.consumed;
		p->closed_by_peer = true;
		p->close_reason = frame.reset.reason;
		session_reset(s, (enum reason)frame.reset.reason, now);
		return 0;
	case FRAME_CLOSE:
		if (frame_close_decode(payload, length, &frame.close) < 0)
			return -EPROTO;
		return closed(s, p, &frame.close, now);
	default:
		/* Optional and unknown is skipped; a handshake frame has no place here. */
		return frame_known(&p->work->in.frame) ? -EPROTO : 0;
	}
}

static size_t take(uint8_t *to, unsigned *have, size_t want, const uint8_t *bytes, size_t length)
{
	size_t count = want - *have < length ? want - *have : length;

	memcpy(to + *have, bytes, count);
	*have += (unsigned)count;
	return count;
}

/* Reads on in the header. Sets in_payload when it is whole. */
static int input_header(struct session *s, struct path *p, const uint8_t **bytes, size_t *length,
			time_ns now)
{
	size_t want = FRAME_HEADER_BYTES, count;

	if (p->work->in.header_have >= FRAME_HEADER_BYTES)
		want = FRAME_DATA_HEAD_BYTES;
	count = take(p->work->in.header, &p->work->in.header_have, want, *bytes, *length);
	*bytes += count;
	*length -= count;
	if (p->work->in.header_have == FRAME_HEADER_BYTES && want == FRAME_HEADER_BYTES) {
		if (frame_header_decode(p->work->in.header, &p->work->in.frame) < 0)
			return -EPROTO;
		if (p->work->in.frame.type == FRAME_DATA)
			return 0;
		p->work->in.in_payload = true;
		p->work->in.payload_have = 0;
	} else if (p->work->in.header_have == FRAME_DATA_HEAD_BYTES) {
		p->work->in.in_payload = true;
		if (begin_data(s, p, now) < 0)
			return -EPROTO;
		if (p->work->in.at == p->work->in.end)
			session_data_arrived(s, p, 0, now);
	}
	return 0;
}

static int input_control(struct session *s, struct path *p, const uint8_t **bytes, size_t *length,
			 time_ns now)
{
	size_t count;
	int error;

	if (frame_known(&p->work->in.frame)) {
		count = take(p->work->payload, &p->work->in.payload_have, p->work->in.frame.length, *bytes,
			     *length);
	} else {
		/* Skipped, whatever its length. */
		count = p->work->in.frame.length - p->work->in.payload_have;
		count = count < *length ? count : *length;
		p->work->in.payload_have += (unsigned)count;
	}
	*bytes += count;
	*length -= count;
	if (p->work->in.payload_have < p->work->in.frame.length)
		return 0;
	error = act(s, p, now);
	p->work->in.header_have = 0;
	p->work->in.in_payload = false;
	return error;
}

static int input_data(struct session *s, struct path *p, const uint8_t **bytes, size_t *length,
		      time_ns now)
{
	uint64_t before = p->work->in.at, left = p->work->in.end - p->work->in.at;
	int error = store(s, p, *bytes, left < *length ? (size_t)left : *length, now);
	size_t count = (size_t)(p->work->in.at - before);

	*bytes += count;
	*length -= count;
	if (count > 0 && error != -EPROTO)
		session_data_arrived(s, p, count, now);
	return error;
}

int session_input(struct session *s, struct path *p, const uint8_t **bytes, size_t *length, time_ns now)
{
	while (*length > 0 && s->state < SESSION_CLOSED && !p->closed_by_peer) {
		int error;

		if (!p->work->in.in_payload) {
			error = input_header(s, p, bytes, length, now);
			if (error == 0 && p->work->in.in_payload && p->work->in.frame.type != FRAME_DATA &&
			    p->work->in.frame.length == 0)
				error = input_control(s, p, bytes, length, now);
		} else if (p->work->in.frame.type == FRAME_DATA) {
			error = input_data(s, p, bytes, length, now);
		} else {
			error = input_control(s, p, bytes, length, now);
		}
		if (error < 0)
			return session_broken(s, error, now);
	}
	return 0;
}
