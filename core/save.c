/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions into images and out of them; see save.h. */
#include "core/save.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/bytes.h"
#include "core/image.h"
#include "core/session_internal.h"

static uint64_t duration(time_ns duration_ns)
{
	if (duration_ns < 0)
		return 0;
	return duration_ns <= IMAGE_DURATION_MAX ? (uint64_t)duration_ns : (uint64_t)TIME_NEVER;
}

static uint64_t age(time_ns since, time_ns now)
{
	return since == TIME_NEVER ? (uint64_t)TIME_NEVER : duration(now - since);
}

/* A wish that waits on some path only would be lost with it. */
static bool mode_wished(const struct session *s)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = s->sender.paths[i];

		for (unsigned n = 0; p != NULL && n < p->notes_count; n++)
			if (p->notes[n].bytes[0] == FRAME_MODE)
				return true;
	}
	return s->mode_wished;
}

static unsigned flags_of(const struct session *s)
{
	unsigned flags = 0;

	flags |= s->config.dialler ? IMAGE_DIALLER : 0;
	flags |= s->sender.overdue_off ? IMAGE_OVERDUE_OFF : 0;
	flags |= s->sender.buffer.finished ? IMAGE_SEND_FINISHED : 0;
	flags |= s->peer_done ? IMAGE_PEER_DONE : 0;
	flags |= s->discard ? IMAGE_DISCARD : 0;
	flags |= mode_wished(s) ? IMAGE_MODE_WISHED : 0;
	flags |= s->pathless_at != TIME_NEVER && s->pathless_ended ? IMAGE_PATHLESS_ENDED : 0;
	return flags;
}

static void freeze(const struct session *s, time_ns now, struct image_fixed *f)
{
	const struct sender *sender = &s->sender;

	*f = (struct image_fixed){
		.flags = flags_of(s),
		.kind = s->config.kind,
		.mode = sender->mode,
		.mode_wish = s->mode_wish,
		.state = s->state,
		.reason = s->reason,
		.highest_id = s->highest_id,
		.ids_seen = s->ids_seen,
		.send_limit_bytes = sender->most_bytes,
		.receive_limit_bytes = s->config.receive_limit_bytes,
		.resume_own_ns = duration(s->config.resume_timeout_ns),
		.resume_ns = duration(s->resume_timeout_ns),
		.orphan_ns = duration(s->config.orphan_timeout_ns),
		.probe_ns = duration(s->config.probe_interval_ns),
		.floor_ns = duration(sender->floor_ns),
		.finished_age_ns = s->state == SESSION_FINISHED ? age(s->finished_at, now) : 0,
		/* With paths: they are all lost from now on. */
		.pathless_age_ns = s->pathless_at == TIME_NEVER ? 0 : age(s->pathless_at, now),
		.waiting_age_ns = age(s->waiting_at, now),
		.longest_gap_ns = duration(s->longest_gap_ns),
		.peer_limit = sender->peer_limit,
		.peer_credit = sender->peer_credit,
		.start_bytes = s->config.start_bytes,
		.peer_consumed = s->peer_consumed,
		.limit_announced = s->limit_announced,
		.duplicate_sent = sender->duplicate_bytes,
		.duplicate_received = s->duplicate_received,
		.acknowledged = sender->buffer.acknowledged,
		.end = sender->buffer.end,
		.stretches_begin = sender->converge.begin,
		.consumed = s->receive.consumed,
		.contiguous = s->receive.contiguous,
		.fin_offset = s->receive.fin_offset,
	};
	memcpy(f->id, s->config.id, sizeof f->id);
}

static unsigned segment_flags(const struct flight_segment *segment)
{
	return (segment->carriers & FLIGHT_SENT ? IMAGE_SEGMENT_SENT : 0) |
	       (segment->carriers & FLIGHT_ACKED ? IMAGE_SEGMENT_ACKED : 0);
}

/*
 * The segments without their carriers, those that no longer differ as one; what is at the top and was
 * never sent is left out. Returns their number; out NULL: counts only.
 */
static unsigned put_segments(const struct flight *flight, uint8_t **out)
{
	unsigned count = flight->count, written = 0;

	while (count > 0 && segment_flags(&flight->at[count - 1]) == 0)
		count--;
	for (unsigned i = 0; i < count; i++) {
		unsigned flags = segment_flags(&flight->at[i]);

		if (i + 1 < count && segment_flags(&flight->at[i + 1]) == flags)
			continue;
		if (out != NULL)
			*out = put_u8(put_u64(*out, flight->at[i].end), (uint8_t)flags);
		written++;
	}
	return written;
}

/* The bytes of [start, end), which were received. */
static uint8_t *put_table(uint8_t *out, const struct block_table *table, uint64_t start, uint64_t end)
{
	while (start < end) {
		size_t length;
		const void *bytes = table_span(table, start, end - start, &length);

		assert(bytes != NULL);
		out = put_bytes(out, bytes, length);
		start += length;
	}
	return out;
}

/* The bytes that are not acknowledged, those on loan too. */
static uint8_t *put_sent(uint8_t *out, const struct send_buffer *b)
{
	uint64_t start = image_bytes_from(b->acknowledged, b->end);

	if (start < b->end)
		send_buffer_copy(b, start, b->end, out);
	return out + (b->end - start);
}

size_t session_save_bytes(const struct session *s)
{
	const struct send_buffer *b = &s->sender.buffer;
	const struct receive_buffer *r = &s->receive;
	uint64_t bytes = b->end - image_bytes_from(b->acknowledged, b->end) + r->contiguous - r->consumed +
			 ranges_bytes(&r->ahead);

	return (size_t)(IMAGE_HEAD_BYTES + IMAGE_FIXED_BYTES + SHA256_BYTES + bytes) +
	       put_segments(&s->sender.flight, NULL) * IMAGE_SEGMENT_BYTES +
	       s->sender.converge.count * IMAGE_STRETCH_BYTES + r->ahead.count * IMAGE_RANGE_BYTES;
}

int64_t session_save(const struct session *s, uint8_t *out, size_t capacity, time_ns now)
{
	const struct send_buffer *b = &s->sender.buffer;
	const struct receive_buffer *r = &s->receive;
	struct image_fixed fixed;
	size_t length = session_save_bytes(s);
	uint8_t *at = out;

	assert(s->staging == NULL || s->held.path != NULL);
	assert(b->space_end == b->end && s->sender.flight.base == b->acknowledged);
	assert(s->sender.most_bytes <= SAVE_WINDOW_MAX && s->config.receive_limit_bytes <= SAVE_WINDOW_MAX);
	assert(s->config.start_bytes <= SAVE_WINDOW_MAX);
	if (capacity < length)
		return -ENOBUFS;
	at = image_put_head(at, put_segments(&s->sender.flight, NULL), s->sender.converge.count, r->ahead.count,
			    length);
	freeze(s, now, &fixed);
	at = image_put_fixed(at, &fixed);
	put_segments(&s->sender.flight, &at);
	for (unsigned i = 0; i < s->sender.converge.count; i++)
		at = put_u64(at, s->sender.converge.at[i].end);
	for (unsigned i = 0; i < r->ahead.count; i++)
		at = put_u64(put_u64(at, r->ahead.at[i].start), r->ahead.at[i].end);
	at = put_sent(at, b);
	at = put_table(at, &r->table, r->consumed, r->contiguous);
	for (unsigned i = 0; i < r->ahead.count; i++)
		at = put_table(at, &r->table, r->ahead.at[i].start, r->ahead.at[i].end);
	assert(at + SHA256_BYTES == out + length);
	image_seal(out, length);
	return (int64_t)length;
}

static struct session_config config_of(const struct image_fixed *f)
{
	uint64_t kept = image_bytes_kept(f);
	struct session_config config = {
		.dialler = (f->flags & IMAGE_DIALLER) != 0,
		.kind = (enum session_kind)f->kind,
		.mode = (enum session_mode)f->mode,
		/* What was on loan lies in its own blocks from now on: there must be room for it. */
		.send_limit_bytes = kept > f->send_limit_bytes ? kept : f->send_limit_bytes,
		.receive_limit_bytes = f->receive_limit_bytes,
		.start_bytes = f->start_bytes,
		.resume_timeout_ns = (time_ns)f->resume_own_ns,
		.orphan_timeout_ns = (time_ns)f->orphan_ns,
		.probe_interval_ns = (time_ns)f->probe_ns,
		.suspect_floor_ns = (time_ns)f->floor_ns,
		.overdue_off = (f->flags & IMAGE_OVERDUE_OFF) != 0,
	};

	memcpy(config.id, f->id, sizeof config.id);
	return config;
}

int session_saved(const uint8_t *image, size_t length, struct session_saved *saved)
{
	struct image_opened opened;
	int error = image_open(image, length, &opened);
	uint16_t next_id;

	if (error < 0)
		return error;
	next_id = (uint16_t)(opened.fixed.ids_seen != 0 ? opened.fixed.highest_id + 1 : 0);
	*saved = (struct session_saved){
		.config = config_of(&opened.fixed),
		.blocks = opened.blocks + 1,    /* and one to work in */
		.state = (enum session_state)opened.fixed.state,
		.next_path_id = next_id == PATH_ID_NONE ? 0 : next_id,
	};
	return 0;
}

static time_ns ago(uint64_t age_ns, time_ns now)
{
	time_ns at;

	if (age_ns == (uint64_t)TIME_NEVER)
		return TIME_NEVER;
	return __builtin_sub_overflow(now, (time_ns)age_ns, &at) ? INT64_MIN : at;
}

static void thaw(struct session *s, const struct image_fixed *f, time_ns now)
{
	s->state = (enum session_state)f->state;
	s->reason = (enum reason)f->reason;
	s->resume_timeout_ns = (time_ns)f->resume_ns;
	s->finished_at = ago(f->finished_age_ns, now);
	s->pathless_at = ago(f->pathless_age_ns, now);
	s->pathless_ended = (f->flags & IMAGE_PATHLESS_ENDED) != 0;
	s->highest_id = (uint16_t)f->highest_id;
	s->ids_seen = f->ids_seen;
	s->peer_done = (f->flags & IMAGE_PEER_DONE) != 0;
	s->discard = (f->flags & IMAGE_DISCARD) != 0;
	s->mode_wished = (f->flags & IMAGE_MODE_WISHED) != 0;
	s->mode_wish = (enum session_mode)f->mode_wish;
	s->peer_consumed = f->peer_consumed;
	s->limit_announced = f->limit_announced;
	s->duplicate_received = f->duplicate_received;
	s->waiting_at = ago(f->waiting_age_ns, now);
	s->longest_gap_ns = (time_ns)f->longest_gap_ns;
	s->sender.peer_limit = f->peer_limit;
	s->sender.peer_credit = (unsigned)f->peer_credit;
	s->sender.duplicate_bytes = f->duplicate_sent;
}

/* Puts the bytes of [start, end) into the table. */
static void fill(struct session *s, struct block_table *table, uint64_t start, uint64_t end,
		 const uint8_t **bytes)
{
	int error = table_ensure(table, &s->stock, start, end);

	assert(error == 0);     /* the window was checked, the blocks were counted */
	while (start < end) {
		size_t length = 0;
		void *to = table_span(table, start, end - start, &length);

		take_bytes(bytes, to, length);
		start += length;
	}
}

static void load_sending(struct session *s, const struct image_opened *o, const uint8_t **bytes)
{
	const struct image_fixed *f = &o->fixed;
	struct send_buffer *b = &s->sender.buffer;
	struct flight *flight = &s->sender.flight;
	struct converge *converge = &s->sender.converge;
	const uint8_t *in = o->segment;

	b->acknowledged = f->acknowledged;
	b->end = b->space_end = f->end;
	b->finished = (f->flags & IMAGE_SEND_FINISHED) != 0;
	s->sender.most_bytes = f->send_limit_bytes;
	if (s->sender.start_bytes > s->sender.most_bytes)
		s->sender.start_bytes = s->sender.most_bytes;
	sender_rest(&s->sender);
	table_release_below(&b->table, &s->stock, image_bytes_from(f->acknowledged, f->end));
	fill(s, &b->table, image_bytes_from(f->acknowledged, f->end), f->end, bytes);
	flight_init(flight, flight->at, f->acknowledged);
	for (unsigned i = 0; i < o->segments; i++) {
		struct flight_segment *segment = &flight->at[flight->count++];
		unsigned flags;

		segment->end = take_u64(&in);
		flags = take_u8(&in);
		segment->carriers = (flags & IMAGE_SEGMENT_SENT ? FLIGHT_SENT : 0) |
				    (flags & IMAGE_SEGMENT_ACKED ? FLIGHT_ACKED : 0);
	}
	in = o->stretch;
	converge->begin = f->stretches_begin;
	for (unsigned i = 0; i < o->stretches; i++)
		converge_boundary(converge, take_u64(&in));
}

/* The offset below which the peer may send, as it was told or has done already. */
static uint64_t promised(const struct image_opened *o)
{
	const struct image_fixed *f = &o->fixed;
	uint64_t offset = f->contiguous > f->limit_announced ? f->contiguous : f->limit_announced;

	if (o->ranges > 0) {
		const uint8_t *last = o->range + o->ranges * IMAGE_RANGE_BYTES - sizeof(uint64_t);
		uint64_t end = take_u64(&last);

		if (end > offset)
			offset = end;
	}
	return offset;
}

static void load_receiving(struct session *s, const struct image_opened *o, const uint8_t **bytes, time_ns now)
{
	const struct image_fixed *f = &o->fixed;
	struct receive_buffer *r = &s->receive;
	const uint8_t *in = o->range;

	r->consumed = f->consumed;
	r->contiguous = f->contiguous;
	r->fin_offset = f->fin_offset;
	receive_buffer_set_limit(r, s->window.start_bytes);
	receive_buffer_promised(r, promised(o));
	window_rest(&s->window, r->consumed, r->contiguous, now);
	table_release_below(&r->table, &s->stock, f->consumed);
	fill(s, &r->table, f->consumed, f->contiguous, bytes);
	for (unsigned i = 0; i < o->ranges; i++) {
		struct range *range = &r->ahead.at[r->ahead.count++];

		range->start = take_u64(&in);
		range->end = take_u64(&in);
		fill(s, &r->table, range->start, range->end, bytes);
	}
}

int session_load(void *memory, const uint8_t *image, size_t length, struct stock *lent, time_ns now,
		 struct session **out)
{
	struct session_config config;
	struct image_opened opened;
	struct session *s;
	const uint8_t *bytes;
	int error = image_open(image, length, &opened);

	if (error < 0)
		return error;
	if (!image_is_sealed(image, length))
		return -EBADMSG;
	if (opened.blocks + 1 > lent->free)
		return -ENOMEM;
	config = config_of(&opened.fixed);
	s = session_init(memory, &config, now);
	s->stock = *lent;
	stock_init(lent);
	work_begin(s);
	thaw(s, &opened.fixed, now);
	bytes = opened.bytes;
	load_sending(s, &opened, &bytes);
	load_receiving(s, &opened, &bytes, now);
	assert(bytes == image + length - SHA256_BYTES);
	/* It may have been complete but for something that the paths held up. */
	session_settle(s, now);
	*out = s;
	return 0;
}
