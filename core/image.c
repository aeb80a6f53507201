/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a saved session, written and checked; see image.h. */
#include "core/image.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/bytes.h"
#include "core/converge.h"
#include "core/flight.h"
#include "core/ranges.h"
#include "core/receive_buffer.h"
#include "core/save.h"

/* As the first byte of a preamble, but no version follows: never taken for a carrier's bytes. */
static const uint8_t magic[8] = { 'h', 'a', 'w', 's', 'e', 'r', 0, 'S' };

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

/* IMAGE_FIXED_BYTES of them. */
static void convert(struct converter *c, struct image_fixed *f)
{
	uint64_t *const wide[] = {
		&f->ids_seen, &f->send_limit_bytes, &f->receive_limit_bytes, &f->resume_own_ns, &f->resume_ns,
		&f->orphan_ns, &f->probe_ns, &f->floor_ns, &f->finished_age_ns, &f->pathless_age_ns,
		&f->waiting_age_ns, &f->longest_gap_ns, &f->peer_limit, &f->start_bytes, &f->peer_consumed,
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
	assert((c->out != NULL ? c->out : c->in) == start + IMAGE_FIXED_BYTES);
}

uint8_t *image_put_fixed(uint8_t *out, struct image_fixed *fixed)
{
	struct converter converter = { .out = out };

	convert(&converter, fixed);
	return converter.out;
}

uint64_t image_bytes_from(uint64_t acknowledged, uint64_t end)
{
	return acknowledged < end ? acknowledged : end;
}

uint64_t image_bytes_kept(const struct image_fixed *f)
{
	return f->end - image_bytes_from(f->acknowledged, f->end);
}

uint8_t *image_put_head(uint8_t *out, unsigned segments, unsigned stretches, unsigned ranges, size_t length)
{
	out = put_bytes(out, magic, sizeof magic);
	out = put_u32(out, SAVE_VERSION);
	out = put_u32(out, segments);
	out = put_u32(out, stretches);
	out = put_u32(out, ranges);
	return put_u64(out, length);
}

static void sum_up(const uint8_t *image, size_t length, uint8_t sum[SHA256_BYTES])
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, image, length - SHA256_BYTES);
	sha256_final(&sha, sum);
}

void image_seal(uint8_t *image, size_t length)
{
	sum_up(image, length, image + length - SHA256_BYTES);
}

bool image_is_sealed(const uint8_t *image, size_t length)
{
	uint8_t sum[SHA256_BYTES];

	sum_up(image, length, sum);
	return memcmp(sum, image + length - SHA256_BYTES, SHA256_BYTES) == 0;
}

static bool valid_duration(uint64_t duration_ns)
{
	return duration_ns <= (uint64_t)IMAGE_DURATION_MAX || duration_ns == (uint64_t)TIME_NEVER;
}

static bool valid_config(const struct image_fixed *f)
{
	return f->flags <= IMAGE_FLAGS_ALL && f->kind <= SESSION_MESSAGES && f->mode <= MODE_BACKUP &&
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
static bool valid_state(const struct image_fixed *f)
{
	bool complete = (f->flags & IMAGE_SEND_FINISHED) != 0 && f->acknowledged == f->end + 1 &&
			f->contiguous == f->fin_offset;

	if (f->state > SESSION_RESET || f->reason > (f->state == SESSION_RESET ? UINT16_MAX : REASON_NONE))
		return false;
	return complete || (f->state != SESSION_FINISHED && f->state != SESSION_CLOSED);
}

static bool valid_offsets(const struct image_fixed *f)
{
	bool finished = (f->flags & IMAGE_SEND_FINISHED) != 0;
	uint64_t left;

	if (f->end > STREAM_OFFSET_MAX - finished || f->acknowledged > f->end + finished ||
	    image_bytes_kept(f) > SAVE_WINDOW_MAX + LOAN_BYTES_MAX)
		return false;
	if (f->stretches_begin > f->acknowledged || f->peer_limit > STREAM_OFFSET_MAX ||
	    f->start_bytes > SAVE_WINDOW_MAX || f->peer_consumed > STREAM_OFFSET_MAX ||
	    f->peer_credit > UINT16_MAX)
		return false;
	/* Its phantom has an offset, too. */
	if (f->fin_offset >= STREAM_OFFSET_MAX && f->fin_offset != FIN_UNKNOWN)
		return false;
	if (f->consumed > f->contiguous || f->contiguous > f->fin_offset || f->contiguous > STREAM_OFFSET_MAX)
		return false;
	left = STREAM_OFFSET_MAX - f->consumed;
	if (left > f->receive_limit_bytes)
		left = f->receive_limit_bytes;
	return f->contiguous - f->consumed <= left && f->limit_announced <= f->consumed + left;
}

static bool valid_segments(const struct image_opened *o)
{
	const struct image_fixed *f = &o->fixed;
	bool finished = (f->flags & IMAGE_SEND_FINISHED) != 0;
	uint64_t reach = f->end > f->peer_limit ? f->peer_limit : f->end + finished, top = f->acknowledged;
	const uint8_t *in = o->segment;
	unsigned before = UINT8_MAX;

	for (unsigned i = 0; i < o->segments; i++) {
		uint64_t end = take_u64(&in);
		unsigned flags = take_u8(&in);

		if (end <= top || flags == before || flags > (IMAGE_SEGMENT_SENT | IMAGE_SEGMENT_ACKED))
			return false;
		top = end;
		before = flags;
	}
	return top <= reach && before != 0;
}

static bool valid_stretches(const struct image_opened *o)
{
	const uint8_t *in = o->stretch;
	uint64_t before = o->fixed.acknowledged;

	for (unsigned i = 0; i < o->stretches; i++) {
		uint64_t end = take_u64(&in);

		if (end <= before || end > o->fixed.end)
			return false;
		before = end;
	}
	return true;
}

/* Sums up the bytes ahead. */
static bool valid_ranges(const struct image_opened *o, uint64_t *bytes)
{
	const struct image_fixed *f = &o->fixed;
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

static unsigned blocks_of(const struct image_opened *o)
{
	const struct image_fixed *f = &o->fixed;
	uint64_t last = UINT64_MAX;
	const uint8_t *in = o->range;
	unsigned blocks = count_blocks(image_bytes_from(f->acknowledged, f->end), f->end, &last);

	last = UINT64_MAX;
	blocks += count_blocks(f->consumed, f->contiguous, &last);
	for (unsigned i = 0; i < o->ranges; i++) {
		uint64_t start = take_u64(&in), end = take_u64(&in);

		blocks += count_blocks(start, end, &last);
	}
	return blocks;
}

/* The head, as far as the tables. */
static int open_head(const uint8_t *image, size_t length, struct image_opened *o)
{
	const uint8_t *in = image + sizeof magic;
	uint64_t tables;

	if (length < IMAGE_HEAD_BYTES + IMAGE_FIXED_BYTES + SHA256_BYTES ||
	    memcmp(image, magic, sizeof magic) != 0)
		return -EBADMSG;
	if (take_u32(&in) != SAVE_VERSION)
		return -EPROTONOSUPPORT;
	o->segments = take_u32(&in);
	o->stretches = take_u32(&in);
	o->ranges = take_u32(&in);
	if (take_u64(&in) != length || o->segments > SEGMENTS_MAX || o->stretches > STRETCHES_MAX ||
	    o->ranges > RANGES_HELD_MAX)
		return -EBADMSG;
	tables = o->segments * IMAGE_SEGMENT_BYTES + o->stretches * IMAGE_STRETCH_BYTES +
		 o->ranges * IMAGE_RANGE_BYTES;
	if (length - (IMAGE_HEAD_BYTES + IMAGE_FIXED_BYTES + SHA256_BYTES) < tables)
		return -EBADMSG;
	o->segment = image + IMAGE_HEAD_BYTES + IMAGE_FIXED_BYTES;
	o->stretch = o->segment + o->segments * IMAGE_SEGMENT_BYTES;
	o->range = o->stretch + o->stretches * IMAGE_STRETCH_BYTES;
	o->bytes = o->range + o->ranges * IMAGE_RANGE_BYTES;
	return 0;
}

int image_open(const uint8_t *image, size_t length, struct image_opened *o)
{
	struct image_fixed *f = &o->fixed;
	struct converter converter;
	uint64_t bytes;
	int error = open_head(image, length, o);

	if (error < 0)
		return error;
	converter = (struct converter){ .in = image + IMAGE_HEAD_BYTES };
	convert(&converter, f);
	if (!valid_config(f) || !valid_offsets(f) || !valid_state(f))
		return -EBADMSG;
	bytes = image_bytes_kept(f) + f->contiguous - f->consumed;
	if (!valid_segments(o) || !valid_stretches(o) || !valid_ranges(o, &bytes))
		return -EBADMSG;
	if (bytes != (uint64_t)(image + length - SHA256_BYTES - o->bytes))
		return -EBADMSG;
	o->blocks = blocks_of(o);
	return 0;
}
