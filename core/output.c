/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes for a carrier: what is half written, control frames, then the chunks the scheduler gives. */
#include <assert.h>
#include <string.h>

#include "core/scheduler.h"
#include "core/session_internal.h"

static bool wants_control(const struct session *s, const struct path *p, time_ns now)
{
	if (p->work != NULL && p->work->out.control_sent < p->work->out.control_length)
		return true;
	return p->notes_count > 0 || (!p->closing && (acknowledge_due(s, p, now) || p->ping_due));
}

static bool wants_data(struct session *s, const struct path *p, time_ns now)
{
	struct chunk chunk;

	return s->state == SESSION_OPEN && scheduler_next(&s->sender, p, now, &chunk);
}

struct path *session_next_writer(struct session *s, time_ns now)
{
	struct path *best = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->sender.paths[i];

		if (p == NULL || !p->roomy || p->close_sent)
			continue;
		if (session_path_halved(p) || wants_control(s, p, now))
			return p;
	}
	/* Data goes first where it arrives first. */
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *p = s->sender.paths[i];

		if (p == NULL || !p->roomy || p->close_sent || !wants_data(s, p, now))
			continue;
		if (best == NULL || health_arrival_ns(&p->health, FRAME_CHUNK_MIN) <
				    health_arrival_ns(&best->health, FRAME_CHUNK_MIN))
			best = p;
	}
	return best;
}

/* End of the real bytes of a frame: without the FIN's phantom. */
static uint64_t bytes_end(const struct session *s, const struct path_frame *frame)
{
	uint64_t end = s->sender.buffer.end;

	return frame->end < end ? frame->end : end;
}

static unsigned frame_iov(const struct session *s, const struct path *p, struct path_frame *frame,
			  bool half, struct iovec *iov, unsigned max)
{
	uint64_t end = bytes_end(s, frame);
	unsigned used = 0;

	if (frame->head_sent < sizeof frame->head && max > 0) {
		iov[used].iov_base = frame->head + frame->head_sent;
		iov[used++].iov_len = sizeof frame->head - frame->head_sent;
	}
	if (frame->at >= end || used == max)
		return used;
	if (half && p->work->out.tail != NULL) {
		iov[used].iov_base = p->work->out.tail + (frame->at - p->work->out.tail_start);
		iov[used++].iov_len = (size_t)(end - frame->at);
		return used;
	}
	return used + send_buffer_read(&s->sender.buffer, frame->at, end, iov + used, max - used);
}

/* Builds anew the control frames that go with this write, none of which has begun to be written. */
static void plan_control(struct session *s, struct path *p, bool with_data, time_ns now)
{
	size_t capacity = sizeof p->work->control, length = 0;

	p->work->out.control_ack = p->work->out.control_ping = p->work->out.control_elicits = false;
	if (!p->closing && (acknowledge_due(s, p, now) || (with_data && p->ack_due))) {
		length += acknowledge_encode(s, p, p->work->control, capacity, now);
		p->work->out.control_ack = true;
	}
	if (!p->closing && p->ping_due) {
		struct frame_ping ping = { .token = (uint64_t)now, .padding = PROBE_PADDING_MAX };

		length += frame_ping_encode(p->work->control + length, capacity - length, &ping);
		p->work->out.control_ping = p->work->out.control_elicits = true;
	}
	for (unsigned i = 0; i < p->notes_count; i++) {
		memcpy(p->work->control + length, p->notes[i].bytes, p->notes[i].length);
		length += p->notes[i].length;
	}
	p->work->out.control_notes = p->notes_count;
	p->work->out.control_length = (unsigned)length;
}

static void plan_frame(struct session *s, const struct chunk *chunk, struct path_frame *frame)
{
	uint64_t end = s->sender.buffer.end;
	bool fin = chunk->end > end;
	struct frame_data data = {
		.offset = chunk->start,
		.length = (uint32_t)((fin ? end : chunk->end) - chunk->start),
		.fin = fin,
	};

	frame->start = frame->at = chunk->start;
	frame->end = chunk->end;
	frame->head_sent = 0;
	frame->duplicate_bytes = flight_bytes(&s->sender.flight, chunk->start, chunk->end, FLIGHT_SENT);
	(void)frame_data_encode(frame->head, sizeof frame->head, &data);
}

static unsigned plan_data(struct session *s, struct path *p, struct iovec *iov, unsigned max,
			  time_ns now)
{
	uint64_t budget = scheduler_backlog_bytes(p), bytes = 0;
	unsigned used = 0;

	p->work->out.frames_count = 0;
	while (p->work->out.frames_count < PATH_FRAMES_MAX && bytes < budget && max - used >= 3) {
		struct path_frame *frame = &p->work->frames[p->work->out.frames_count];
		struct chunk chunk;

		if (!scheduler_next(&s->sender, p, now, &chunk))
			break;
		plan_frame(s, &chunk, frame);
		if (scheduler_sent(&s->sender, p, &chunk) < 0)
			break;
		used += frame_iov(s, p, frame, false, iov + used, max - used);
		bytes += chunk.end - chunk.start + FRAME_DATA_HEAD_BYTES;
		p->work->out.frames_count++;
	}
	return used;
}

unsigned session_plan(struct session *s, struct path *p, struct iovec *iov, unsigned max, time_ns now)
{
	bool with_data = !p->closing && s->state == SESSION_OPEN;
	unsigned used = 0;

	assert(max >= 8);
	if (s->work == NULL)
		return 0;
	p->work->out.frames_count = 0;
	p->work->out.planned = true;
	if (p->work->out.halved)
		used += frame_iov(s, p, &p->work->out.half, true, iov, max);
	if (p->work->out.control_sent == 0)
		plan_control(s, p, with_data && p->ack_due && wants_data(s, p, now), now);
	if (p->work->out.control_sent < p->work->out.control_length && used < max) {
		iov[used].iov_base = p->work->control + p->work->out.control_sent;
		iov[used++].iov_len = p->work->out.control_length - p->work->out.control_sent;
	}
	if (with_data && max - used >= 3)
		used += plan_data(s, p, iov + used, max - used, now);
	return used;
}

static size_t least(size_t a, uint64_t b)
{
	return a < b ? a : (size_t)b;
}

/* Takes what was written of this frame off length; true when the frame is whole. */
static bool frame_wrote(const struct session *s, struct path *p, struct path_frame *frame,
			size_t *length)
{
	size_t head = least(*length, sizeof frame->head - frame->head_sent), body;

	frame->head_sent += (unsigned)head;
	*length -= head;
	body = least(*length, bytes_end(s, frame) - frame->at);
	frame->at += body;
	*length -= body;
	p->stream_bytes_sent += body;
	return frame->head_sent == sizeof frame->head && frame->at == bytes_end(s, frame);
}

static void half_wrote(struct session *s, struct path *p, size_t *length)
{
	if (!frame_wrote(s, p, &p->work->out.half, length))
		return;
	p->work->out.halved = false;
	if (p->work->out.tail != NULL)
		stock_give(&s->stock, p->work->out.tail);
	p->work->out.tail = NULL;
}

static void control_wrote(struct session *s, struct path *p, size_t *length, time_ns now)
{
	size_t count = least(*length, p->work->out.control_length - p->work->out.control_sent);

	if (p->work->out.control_sent == 0 && count > 0) {
		/* It has begun: what it says is said. */
		p->notes_count -= p->work->out.control_notes;
		memmove(p->notes, p->notes + p->work->out.control_notes,
			p->notes_count * sizeof p->notes[0]);
		p->work->out.control_notes = 0;
		if (p->work->out.control_ack)
			acknowledge_written(s, p);
		if (p->work->out.control_ping)
			path_pinged(s, p, now);
	}
	p->work->out.control_sent += (unsigned)count;
	*length -= count;
	if (p->work->out.control_sent < p->work->out.control_length && p->work->out.control_sent > 0)
		return;
	if (p->work->out.control_sent > 0 && p->closing && p->notes_count == 0)
		p->close_sent = true;
	p->work->out.control_sent = p->work->out.control_length = 0;
}

/* One planned frame has begun to be written, or is taken back. */
static void frames_wrote(struct session *s, struct path *p, size_t length)
{
	for (unsigned i = 0; i < p->work->out.frames_count; i++) {
		struct path_frame *frame = &p->work->frames[i];
		struct chunk chunk = { frame->start, frame->end };

		if (length == 0) {
			scheduler_undo(&s->sender, p, &chunk);
			continue;
		}
		if (flight_mark(&s->sender.flight, chunk.start, chunk.end, FLIGHT_SENT) < 0)
			(void)flight_mark(&s->sender.flight, s->sender.flight.base, chunk.end, FLIGHT_SENT);
		p->duplicate_bytes_sent += frame->duplicate_bytes;
		s->sender.duplicate_bytes += frame->duplicate_bytes;
		if (!frame_wrote(s, p, frame, &length)) {
			assert(!p->work->out.halved);
			p->work->out.half = *frame;
			p->work->out.halved = true;
		}
	}
	p->work->out.frames_count = 0;
}

void session_wrote(struct session *s, struct path *p, size_t length, time_ns now)
{
	size_t left = length;
	bool elicits;

	if (p->work == NULL)
		return;
	p->work->out.planned = false;
	elicits = p->work->out.halved && length > 0;
	if (p->work->out.halved)
		half_wrote(s, p, &left);
	if (left > 0 && p->work->out.control_elicits)
		elicits = true;
	control_wrote(s, p, &left, now);
	if (left > 0 && p->work->out.frames_count > 0) {
		elicits = true;
		path_quiet_from(s, p, now);
	}
	frames_wrote(s, p, left);
	if (length > 0)
		health_sent(&p->health, length, elicits, now);
	if (s->sender.mode == MODE_CONVERGE)
		scheduler_date(&s->sender, now);
}

bool session_path_last(const struct path *p)
{
	const struct path_work *w = p->work;

	return w != NULL && p->closing && w->out.control_length > 0 && p->notes_count == w->out.control_notes;
}

bool session_path_halved(const struct path *p)
{
	return p->work != NULL && p->work->out.halved;
}

bool session_path_done(const struct session *s, const struct path *p)
{
	(void)s;
	return p->close_sent && !session_path_halved(p);
}
