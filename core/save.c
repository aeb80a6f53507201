/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions to bytes and back; see save.h. */
#include "core/save.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/bytes.h"
#include "core/session_internal.h"
#include "core/sha256.h"

/* As the first byte of a preamble, but no version follows: never taken for a carrier's bytes. */
static const uint8_t magic[8] = { 'h', 'a', 'w', 's', 'e', 'r', 0, 'S' };

#define HEAD_BYTES     32u
#define FIXED_BYTES    240u
#define SEGMENT_BYTES  9u
#define STRETCH_BYTES  8u
#define RANGE_BYTES    16u

#define SEGMENT_SENT   1u
#define SEGMENT_ACKED  2u

/* The longest duration that is a time; above it stands TIME_NEVER. 36 years. */
#define DURATION_MAX   (INT64_C(1) << 60)

enum {
	FLAG_DIALLER        = 1 << 0,
	FLAG_OVERDUE_OFF    = 1 << 1,
	FLAG_SEND_FINISHED  = 1 << 2,
	FLAG_PEER_DONE      = 1 << 3,
	FLAG_DISCARD        = 1 << 4,
	FLAG_MODE_WISHED    = 1 << 5,
	FLAG_RESET_BY_PEER  = 1 << 6,
	FLAG_PATHLESS_ENDED = 1 << 7,
	FLAGS_ALL           = (1 << 8) - 1,
};

/* The fixed part. */
struct frozen {
	uint8_t id[SESSION_ID_BYTES];
	uint64_t flags, kind, mode, mode_wish, state, reason, highest_id, ids_seen;
	uint64_t send_limit_bytes, receive_limit_bytes;
	uint64_t resume_own_ns, resume_ns, orphan_ns, probe_ns, floor_ns;
	uint64_t finished_age_ns, pathless_age_ns, waiting_age_ns, longest_gap_ns;
	uint64_t peer_limit, peer_credit, peer_window, peer_consumed, limit_announced;
	uint64_t duplicate_sent, duplicate_received;
	uint64_t acknowledged, end, stretches_begin;
	uint64_t consumed, contiguous, fin_offset;
};

/* An image taken apart; the pointers go into it. */
struct opened {
	struct frozen frozen;
	unsigned segments, stretches, ranges;
	const uint8_t *segment, *stretch, *range, *bytes;
	unsigned blocks;
};

/* Writes or reads one number: the list of them stands once, in convert(). */
struct converter {
	uint8_t *out;
	const uint8_t *in;
};

static void number(struct converter *c, uint64_t *value, unsigned bytes)
{
	uint64_t read = 0;

	for (unsigned i = 0; i < bytes; i++) {
		if (c->out != NULL)
			c->out = put_u8(c->out, (uint8_t)(*value >> 8 * (bytes - 1 - i)));
		else
			read = read << 8 | take_u8(&c->in);
	}
	if (c->out == NULL)
		*value = read;
}

/* FIXED_BYTES of them. */
static void convert(struct converter *c, struct frozen *f)
{
	uint64_t *const wide[] = {
		&f->ids_seen, &f->send_limit_bytes, &f->receive_limit_bytes, &f->resume_own_ns, &f->resume_ns,
		&f->orphan_ns, &f->probe_ns, &f->floor_ns, &f->finished_age_ns, &f->pathless_age_ns,
		&f->waiting_age_ns, &f->longest_gap_ns, &f->peer_limit, &f->peer_window, &f->peer_consumed,
		&f->limit_announced, &f->duplicate_sent, &f->duplicate_received, &f->acknowledged, &f->end,
		&f->stretches_begin, &f->consumed, &f->contiguous, &f->fin_offset,
	};
	uint64_t *const narrow[] = {
		&f->flags, &f->kind, &f->mode, &f->mode_wish, &f->state, &f->reason, &f->highest_id,
		&f->peer_credit,
	};
	const uint8_t *start = c->out != NULL ? c->out : c->in;

	for (unsigned i = 0; i < SESSION_ID_BYTES; i++) {
		uint64_t byte = f->id[i];

		number(c, &byte, 1);
		f->id[i] = (uint8_t)byte;
	}
	for (unsigned i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
		number(c, narrow[i], 4);
	for (unsigned i = 0; i < sizeof wide / sizeof wide[0]; i++)
		number(c, wide[i], 8);
	assert((c->out != NULL ? c->out : c->in) == start + FIXED_BYTES);
}

/* --- saving --- */

static uint64_t duration(time_ns duration_ns)
{
	if (duration_ns < 0)
		return 0;
	return duration_ns <= DURATION_MAX ? (uint64_t)duration_ns : (uint64_t)TIME_NEVER;
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

		for (unsigned n = 0; p != NULL && n < p->out.notes_count; n++)
			if (p->out.notes[n].bytes[0] == FRAME_MODE)
				return true;
	}
	return s->mode_wished;
}

static unsigned flags_of(const struct session *s)
{
	unsigned flags = 0;

	flags |= s->config.dialler ? FLAG_DIALLER : 0;
	flags |= s->sender.overdue_off ? FLAG_OVERDUE_OFF : 0;
	flags |= s->sender.buffer.finished ? FLAG_SEND_FINISHED : 0;
	flags |= s->peer_done ? FLAG_PEER_DONE : 0;
	flags |= s->discard ? FLAG_DISCARD : 0;
	flags |= mode_wished(s) ? FLAG_MODE_WISHED : 0;
	flags |= s->reset_by_peer ? FLAG_RESET_BY_PEER : 0;
	flags |= s->pathless_at != TIME_NEVER && s->pathless_ended ? FLAG_PATHLESS_ENDED : 0;
	return flags;
}

static void freeze(const struct session *s, time_ns now, struct frozen *f)
{
	const struct sender *sender = &s->sender;

	*f = (struct frozen){
		.flags = flags_of(s),
		.kind = s->config.kind,
		.mode = sender->mode,
		.mode_wish = s->mode_wish,
		.state = s->state,
		.reason = s->reason,
		.highest_id = s->highest_id,
		.ids_seen = s->ids_seen,
		.send_limit_bytes = sender->buffer.limit_bytes,
		.receive_limit_bytes = s->receive.limit_bytes,
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
		.peer_window = s->peer_window,
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
	return (segment->carriers & FLIGHT_SENT ? SEGMENT_SENT : 0) |
	       (segment->carriers & FLIGHT_ACKED ? SEGMENT_ACKED : 0);
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

/* The bytes of [start, end). */
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

/* Where the bytes kept for sending begin: the phantom of FIN may be acknowledged, but is none. */
static uint64_t bytes_from(uint64_t acknowledged, uint64_t end)
{
	return acknowledged < end ? acknowledged : end;
}

size_t session_save_bytes(const struct session *s)
{
	const struct send_buffer *b = &s->sender.buffer;
	const struct receive_buffer *r = &s->receive;
	uint64_t bytes = b->end - bytes_from(b->acknowledged, b->end) + r->contiguous - r->consumed +
			 ranges_bytes(&r->ahead);

	return (size_t)(HEAD_BYTES + FIXED_BYTES + SHA256_BYTES + bytes) +
	       put_segments(&s->sender.flight, NULL) * SEGMENT_BYTES +
	       s->sender.converge.count * STRETCH_BYTES + r->ahead.count * RANGE_BYTES;
}

static uint8_t *put_head(const struct session *s, uint8_t *out, size_t length)
{
	out = put_bytes(out, magic, sizeof magic);
	out = put_u32(out, SAVE_VERSION);
	out = put_u32(out, put_segments(&s->sender.flight, NULL));
	out = put_u32(out, s->sender.converge.count);
	out = put_u32(out, s->receive.ahead.count);
	return put_u64(out, length);
}

int64_t session_save(const struct session *s, uint8_t *out, size_t capacity, time_ns now)
{
	const struct send_buffer *b = &s->sender.buffer;
	const struct receive_buffer *r = &s->receive;
	struct converter converter;
	struct sha256 sha;
	struct frozen frozen;
	size_t length = session_save_bytes(s);
	uint8_t *at = out;

	assert(s->staging == NULL && b->space_end == b->end && s->sender.flight.base == b->acknowledged);
	assert(b->limit_bytes <= SAVE_WINDOW_MAX && r->limit_bytes <= SAVE_WINDOW_MAX);
	if (capacity < length)
		return -ENOBUFS;
	at = put_head(s, at, length);
	freeze(s, now, &frozen);
	converter = (struct converter){ .out = at };
	convert(&converter, &frozen);
	at = converter.out;
	put_segments(&s->sender.flight, &at);
	for (unsigned i = 0; i < s->sender.converge.count; i++)
		at = put_u64(at, s->sender.converge.at[i].end);
	for (unsigned i = 0; i < r->ahead.count; i++)
		at = put_u64(put_u64(at, r->ahead.at[i].start), r->ahead.at[i].end);
	at = put_table(at, &b->table, bytes_from(b->acknowledged, b->end), b->end);
	at = put_table(at, &r->table, r->consumed, r->contiguous);
	for (unsigned i = 0; i < r->ahead.count; i++)
		at = put_table(at, &r->table, r->ahead.at[i].start, r->ahead.at[i].end);
	assert(at + SHA256_BYTES == out + length);
	sha256_init(&sha);
	sha256_update(&sha, out, (size_t)(at - out));
	sha256_final(&sha, at);
	return (int64_t)length;
}

/* --- loading: everything is checked before anything is made --- */

static bool valid_duration(uint64_t duration_ns)
{
	return duration_ns <= (uint64_t)DURATION_MAX || duration_ns == (uint64_t)TIME_NEVER;
}

static bool valid_config(const struct frozen *f)
{
	return f->flags <= FLAGS_ALL && f->kind <= SESSION_MESSAGES && f->mode <= MODE_BACKUP &&
	       f->mode_wish <= MODE_BACKUP && f->highest_id < PATH_ID_NONE &&
	       f->send_limit_bytes <= SAVE_WINDOW_MAX && f->receive_limit_bytes <= SAVE_WINDOW_MAX &&
	       valid_duration(f->resume_own_ns) && valid_duration(f->orphan_ns) &&
	       valid_duration(f->probe_ns) && valid_duration(f->floor_ns) &&
	       valid_duration(f->resume_ns) && f->resume_ns <= f->resume_own_ns &&
	       valid_duration(f->finished_age_ns) && f->finished_age_ns != (uint64_t)TIME_NEVER &&
	       valid_duration(f->pathless_age_ns) && f->pathless_age_ns != (uint64_t)TIME_NEVER &&
	       valid_duration(f->waiting_age_ns) && valid_duration(f->longest_gap_ns);
}

/* What must be so in a state; anything else is harmless. */
static bool valid_state(const struct frozen *f)
{
	bool complete = (f->flags & FLAG_SEND_FINISHED) != 0 && f->acknowledged == f->end + 1 &&
			f->contiguous == f->fin_offset;

	if (f->state > SESSION_RESET || f->reason > (f->state == SESSION_RESET ? UINT16_MAX : REASON_NONE))
		return false;
	return complete || (f->state != SESSION_FINISHED && f->state != SESSION_CLOSED);
}

static bool valid_offsets(const struct frozen *f)
{
	bool finished = (f->flags & FLAG_SEND_FINISHED) != 0;
	uint64_t left;

	if (f->end > STREAM_OFFSET_MAX - finished || f->acknowledged > f->end + finished ||
	    f->end - bytes_from(f->acknowledged, f->end) > f->send_limit_bytes)
		return false;
	if (f->stretches_begin > f->acknowledged || f->peer_limit > STREAM_OFFSET_MAX ||
	    f->peer_window > f->peer_limit || f->peer_consumed > STREAM_OFFSET_MAX ||
	    f->peer_credit > UINT16_MAX)
		return false;
	if (f->fin_offset > STREAM_OFFSET_MAX && f->fin_offset != FIN_UNKNOWN)
		return false;
	if (f->consumed > f->contiguous || f->contiguous > f->fin_offset || f->contiguous > STREAM_OFFSET_MAX)
		return false;
	left = STREAM_OFFSET_MAX - f->consumed;
	if (left > f->receive_limit_bytes)
		left = f->receive_limit_bytes;
	return f->contiguous - f->consumed <= left && f->limit_announced <= f->consumed + left;
}

static bool valid_segments(const struct opened *o)
{
	const struct frozen *f = &o->frozen;
	bool finished = (f->flags & FLAG_SEND_FINISHED) != 0;
	uint64_t reach = f->end > f->peer_limit ? f->peer_limit : f->end + finished, top = f->acknowledged;
	const uint8_t *in = o->segment;
	unsigned before = UINT8_MAX;

	for (unsigned i = 0; i < o->segments; i++) {
		uint64_t end = take_u64(&in);
		unsigned flags = take_u8(&in);

		if (end <= top || flags == before || flags > (SEGMENT_SENT | SEGMENT_ACKED))
			return false;
		top = end;
		before = flags;
	}
	return top <= reach && before != 0;
}

static bool valid_stretches(const struct opened *o)
{
	const uint8_t *in = o->stretch;
	uint64_t before = o->frozen.acknowledged;

	for (unsigned i = 0; i < o->stretches; i++) {
		uint64_t end = take_u64(&in);

		if (end <= before || end > o->frozen.end)
			return false;
		before = end;
	}
	return true;
}

/* Sums up the bytes ahead. */
static bool valid_ranges(const struct opened *o, uint64_t *bytes)
{
	const struct frozen *f = &o->frozen;
	uint64_t before = f->contiguous, limit = f->fin_offset;
	const uint8_t *in = o->range;

	if (limit > STREAM_OFFSET_MAX)
		limit = STREAM_OFFSET_MAX;
	for (unsigned i = 0; i < o->ranges; i++) {
		uint64_t start = take_u64(&in), end = take_u64(&in);

		if (start <= before || end <= start || end > limit || end - f->consumed > f->receive_limit_bytes)
			return false;
		*bytes += end - start;
		before = end;
	}
	return true;
}

/* How many blocks [start, end) needs beyond the one that *last names; blocks ascend. */
static unsigned count_blocks(uint64_t start, uint64_t end, uint64_t *last)
{
	uint64_t first = start / BLOCK_BYTES, past = (end + BLOCK_BYTES - 1) / BLOCK_BYTES;

	if (start == end)
		return 0;
	if (first == *last)
		first++;
	*last = past - 1;
	return (unsigned)(past - first);
}

static unsigned blocks_of(const struct opened *o)
{
	const struct frozen *f = &o->frozen;
	uint64_t last = UINT64_MAX;
	const uint8_t *in = o->range;
	unsigned blocks = count_blocks(bytes_from(f->acknowledged, f->end), f->end, &last);

	last = UINT64_MAX;
	blocks += count_blocks(f->consumed, f->contiguous, &last);
	for (unsigned i = 0; i < o->ranges; i++) {
		uint64_t start = take_u64(&in), end = take_u64(&in);

		blocks += count_blocks(start, end, &last);
	}
	return blocks;
}

/* The head, as far as the tables. */
static int open_head(const uint8_t *image, size_t length, struct opened *o)
{
	const uint8_t *in = image + sizeof magic;
	uint64_t tables;

	if (length < HEAD_BYTES + FIXED_BYTES + SHA256_BYTES || memcmp(image, magic, sizeof magic) != 0)
		return -EBADMSG;
	if (take_u32(&in) != SAVE_VERSION)
		return -EPROTONOSUPPORT;
	o->segments = take_u32(&in);
	o->stretches = take_u32(&in);
	o->ranges = take_u32(&in);
	if (take_u64(&in) != length || o->segments > SEGMENTS_MAX || o->stretches > STRETCHES_MAX ||
	    o->ranges > RANGES_HELD_MAX)
		return -EBADMSG;
	tables = o->segments * SEGMENT_BYTES + o->stretches * STRETCH_BYTES + o->ranges * RANGE_BYTES;
	if (length - (HEAD_BYTES + FIXED_BYTES + SHA256_BYTES) < tables)
		return -EBADMSG;
	o->segment = image + HEAD_BYTES + FIXED_BYTES;
	o->stretch = o->segment + o->segments * SEGMENT_BYTES;
	o->range = o->stretch + o->stretches * STRETCH_BYTES;
	o->bytes = o->range + o->ranges * RANGE_BYTES;
	return 0;
}

static int open_image(const uint8_t *image, size_t length, struct opened *o)
{
	struct frozen *f = &o->frozen;
	struct converter converter;
	uint64_t bytes;
	int error = open_head(image, length, o);

	if (error < 0)
		return error;
	converter = (struct converter){ .in = image + HEAD_BYTES };
	convert(&converter, f);
	if (!valid_config(f) || !valid_offsets(f) || !valid_state(f))
		return -EBADMSG;
	bytes = f->end - bytes_from(f->acknowledged, f->end) + f->contiguous - f->consumed;
	if (!valid_segments(o) || !valid_stretches(o) || !valid_ranges(o, &bytes))
		return -EBADMSG;
	if (bytes != (uint64_t)(image + length - SHA256_BYTES - o->bytes))
		return -EBADMSG;
	o->blocks = blocks_of(o);
	return 0;
}

static struct session_config config_of(const struct frozen *f)
{
	struct session_config config = {
		.dialler = (f->flags & FLAG_DIALLER) != 0,
		.kind = (enum session_kind)f->kind,
		.mode = (enum session_mode)f->mode,
		.send_limit_bytes = f->send_limit_bytes,
		.receive_limit_bytes = f->receive_limit_bytes,
		.resume_timeout_ns = (time_ns)f->resume_own_ns,
		.orphan_timeout_ns = (time_ns)f->orphan_ns,
		.probe_interval_ns = (time_ns)f->probe_ns,
		.suspect_floor_ns = (time_ns)f->floor_ns,
		.overdue_off = (f->flags & FLAG_OVERDUE_OFF) != 0,
	};

	memcpy(config.id, f->id, sizeof config.id);
	return config;
}

int session_saved(const uint8_t *image, size_t length, struct session_saved *saved)
{
	struct opened opened;
	int error = open_image(image, length, &opened);
	uint16_t next_id;

	if (error < 0)
		return error;
	next_id = (uint16_t)(opened.frozen.ids_seen != 0 ? opened.frozen.highest_id + 1 : 0);
	*saved = (struct session_saved){
		.config = config_of(&opened.frozen),
		.blocks = opened.blocks,
		.state = (enum session_state)opened.frozen.state,
		.next_path_id = next_id == PATH_ID_NONE ? 0 : next_id,
	};
	return 0;
}

static bool sum_is_right(const uint8_t *image, size_t length)
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, image, length - SHA256_BYTES);
	sha256_final(&sha, digest);
	return memcmp(digest, image + length - SHA256_BYTES, SHA256_BYTES) == 0;
}

static time_ns ago(uint64_t age_ns, time_ns now)
{
	time_ns at;

	if (age_ns == (uint64_t)TIME_NEVER)
		return TIME_NEVER;
	return __builtin_sub_overflow(now, (time_ns)age_ns, &at) ? INT64_MIN : at;
}

static void thaw(struct session *s, const struct frozen *f, time_ns now)
{
	s->state = (enum session_state)f->state;
	s->reason = (enum reason)f->reason;
	s->resume_timeout_ns = (time_ns)f->resume_ns;
	s->finished_at = ago(f->finished_age_ns, now);
	s->pathless_at = ago(f->pathless_age_ns, now);
	s->pathless_ended = (f->flags & FLAG_PATHLESS_ENDED) != 0;
	s->highest_id = (uint16_t)f->highest_id;
	s->ids_seen = f->ids_seen;
	s->peer_done = (f->flags & FLAG_PEER_DONE) != 0;
	s->discard = (f->flags & FLAG_DISCARD) != 0;
	s->mode_wished = (f->flags & FLAG_MODE_WISHED) != 0;
	s->mode_wish = (enum session_mode)f->mode_wish;
	s->reset_by_peer = (f->flags & FLAG_RESET_BY_PEER) != 0;
	s->peer_consumed = f->peer_consumed;
	s->peer_window = f->peer_window;
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

static void load_sending(struct session *s, const struct opened *o, const uint8_t **bytes)
{
	const struct frozen *f = &o->frozen;
	struct send_buffer *b = &s->sender.buffer;
	struct flight *flight = &s->sender.flight;
	struct converge *converge = &s->sender.converge;
	const uint8_t *in = o->segment;

	b->acknowledged = f->acknowledged;
	b->end = b->space_end = f->end;
	b->finished = (f->flags & FLAG_SEND_FINISHED) != 0;
	table_release_below(&b->table, &s->stock, bytes_from(f->acknowledged, f->end));
	fill(s, &b->table, bytes_from(f->acknowledged, f->end), f->end, bytes);
	flight_init(flight, f->acknowledged);
	for (unsigned i = 0; i < o->segments; i++) {
		struct flight_segment *segment = &flight->at[flight->count++];
		unsigned flags;

		segment->end = take_u64(&in);
		flags = take_u8(&in);
		segment->carriers = (flags & SEGMENT_SENT ? FLIGHT_SENT : 0) |
				    (flags & SEGMENT_ACKED ? FLIGHT_ACKED : 0);
	}
	in = o->stretch;
	converge->begin = f->stretches_begin;
	for (unsigned i = 0; i < o->stretches; i++)
		converge_boundary(converge, take_u64(&in));
}

static void load_receiving(struct session *s, const struct opened *o, const uint8_t **bytes)
{
	const struct frozen *f = &o->frozen;
	struct receive_buffer *r = &s->receive;
	const uint8_t *in = o->range;

	r->consumed = f->consumed;
	r->contiguous = f->contiguous;
	r->fin_offset = f->fin_offset;
	receive_buffer_set_limit(r, f->receive_limit_bytes);
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
	struct opened opened;
	struct session *s;
	const uint8_t *bytes;
	int error = open_image(image, length, &opened);

	if (error < 0)
		return error;
	if (!sum_is_right(image, length))
		return -EBADMSG;
	if (opened.blocks > lent->free)
		return -ENOMEM;
	config = config_of(&opened.frozen);
	s = session_init(memory, &config, now);
	s->stock = *lent;
	stock_init(lent);
	thaw(s, &opened.frozen, now);
	bytes = opened.bytes;
	load_sending(s, &opened, &bytes);
	load_receiving(s, &opened, &bytes);
	assert(bytes == image + length - SHA256_BYTES);
	/* It may have been complete but for something that the paths held up. */
	session_settle(s, now);
	*out = s;
	return 0;
}
