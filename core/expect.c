/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long run of largest DATA frames in a row goes on with more of them, most likely: one reading takes several,
 * each straight to the program's memory. Their headers tell whether it was so.
 *
 *     carrier:  ...rest of DATA | header | DATA... | header | DATA...
 *                    |              |        |         |        |
 *                    |              `--------|---------`--------|--> one behind the other in the staging block
 *                    `-----------------------`------------------`--> one behind the other in the program's memory
 *
 * If it was not, the bytes from that header on are put together as they came, in blocks, and taken apart like any.
 */
#include <assert.h>
#include <string.h>

#include "core/session_internal.h"

_Static_assert(EXPECT_MAX * FRAME_DATA_HEAD_BYTES + STAGING_BYTES_BULK <= BLOCK_BYTES, "they fit in the staging block");
_Static_assert(EXPECT_MAX * (FRAME_DATA_HEAD_BYTES + FRAME_PAYLOAD_MAX) + STAGING_BYTES_BULK <=
	       HELD_BLOCKS_MAX * BLOCK_BYTES, "what was read in vain can be held");

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

void expect_began(struct path *p, const struct frame_data *data)
{
	bool follows = data->offset == p->work->in.end && data->length == FRAME_PAYLOAD_MAX && !data->fin;

	if (!follows)
		p->work->in.streak = 0;
	else if (p->work->in.streak < EXPECT_STREAK)
		p->work->in.streak++;
}

unsigned expect_place(struct session *s, const struct path *p, uint8_t *at, size_t room, struct iovec *iov,
		     unsigned max)
{
	uint8_t *head = s->staging;
	unsigned used = 0;

	/* All of it may have to be held. */
	if (p->work->in.streak < EXPECT_STREAK || s->receive.ahead.count > 0 || s->stock.free < HELD_BLOCKS_MAX)
		return 0;
	while (s->expected < EXPECT_MAX && room > 0 && max - used >= 2) {
		size_t length = smaller(room, FRAME_PAYLOAD_MAX);

		iov[used++] = (struct iovec){ .iov_base = head, .iov_len = FRAME_DATA_HEAD_BYTES };
		iov[used++] = (struct iovec){ .iov_base = at, .iov_len = length };
		head += FRAME_DATA_HEAD_BYTES;
		at += length;
		room -= length;
		s->expected++;
	}
	return used;
}

/* Whether the header is that of the frame whose payload was read behind it. */
static bool as_expected(const struct session *s, const uint8_t *header)
{
	const struct frame_data data = { .offset = s->receive.consumed, .length = FRAME_PAYLOAD_MAX };
	uint8_t wanted[FRAME_DATA_HEAD_BYTES];

	(void)frame_data_encode(wanted, sizeof wanted, &data);
	return memcmp(header, wanted, sizeof wanted) == 0;
}

static void append(struct session *s, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		if (s->held.more_count == 0 || s->held.last_bytes == BLOCK_BYTES) {
			assert(s->held.more_count < HELD_BLOCKS_MAX);
			s->held.more[s->held.more_count++] = stock_take(&s->stock);
			s->held.last_bytes = 0;
		}
		uint8_t *block = s->held.more[s->held.more_count - 1];
		size_t step = smaller(length, BLOCK_BYTES - s->held.last_bytes);

		assert(block != NULL);
		memcpy(block + s->held.last_bytes, bytes, step);
		s->held.last_bytes += step;
		bytes += step;
		length -= step;
	}
}

/*
 * What is left of the reading, as it came, in blocks: from the header that held.bytes points to. Only the last payload
 * may have had less memory than it wants, and nothing was read behind it then.
 */
static void put_together(struct session *s, unsigned frames)
{
	const uint8_t *head = s->held.bytes, *at = s->into.at;
	size_t left = s->held.length;

	for (; left > 0 && frames > 0; frames--) {
		size_t length = smaller(left, FRAME_DATA_HEAD_BYTES);

		append(s, head, length);
		head += length;
		left -= length;
		length = smaller(left, FRAME_PAYLOAD_MAX);
		append(s, at, length);
		at += length;
		left -= length;
	}
	append(s, head, left);
	(void)session_held_next(s);
}

int expect_arrived(struct session *s, struct path *p, time_ns now)
{
	for (unsigned i = 0; i < s->expected; i++) {
		size_t head = FRAME_DATA_HEAD_BYTES, length;
		const uint8_t *bytes = s->held.bytes;
		int error;

		/* Part of a header lies by itself. */
		if (s->held.length < head)
			return 0;
		if (!as_expected(s, bytes)) {
			p->work->in.streak = 0;
			put_together(s, s->expected - i);
			return 0;
		}
		error = session_input(s, p, &bytes, &head, now);
		if (error < 0)
			return error;
		s->held.bytes += FRAME_DATA_HEAD_BYTES;
		s->held.length -= FRAME_DATA_HEAD_BYTES;
		/* Over, meanwhile: the rest is of no interest. */
		if (head > 0) {
			s->held.length = 0;
			return 0;
		}
		length = smaller(s->held.length, FRAME_PAYLOAD_MAX);
		s->held.length -= length;
		session_took(s, p, length, now);
	}
	return 0;
}
