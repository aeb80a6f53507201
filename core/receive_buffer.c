/* SPDX-License-Identifier: Apache-2.0 */
/* The union of what arrived, by whatever path, until the program takes it. */
#include "receive_buffer.h"

#include <assert.h>
#include <errno.h>

static void raise_limit(struct receive_buffer *b)
{
	uint64_t left = STREAM_OFFSET_MAX - b->consumed;
	uint64_t limit = b->consumed + (b->limit_bytes < left ? b->limit_bytes : left);

	if (limit > b->limit)
		b->limit = limit;
}

void receive_buffer_init(struct receive_buffer *b, void **slots, unsigned capacity,
			 struct range *ranges, unsigned range_capacity, uint64_t limit_bytes)
{
	*b = (struct receive_buffer){ .fin_offset = FIN_UNKNOWN };
	table_init(&b->table, slots, capacity);
	ranges_init(&b->ahead, ranges, range_capacity);
	receive_buffer_set_limit(b, limit_bytes);
}

void receive_buffer_fini(struct receive_buffer *b, struct stock *stock)
{
	table_release_all(&b->table, stock);
}

void receive_buffer_set_limit(struct receive_buffer *b, uint64_t limit_bytes)
{
	assert(buffer_slots_for(limit_bytes) <= b->table.capacity);
	b->limit_bytes = limit_bytes;
	raise_limit(b);
}

void receive_buffer_promised(struct receive_buffer *b, uint64_t offset)
{
	if (offset > b->limit)
		b->limit = offset;
}

int receive_buffer_check(const struct receive_buffer *b, uint64_t start, uint64_t end)
{
	return start > end || end > b->limit || end > b->fin_offset ? -EPROTO : 0;
}

bool receive_buffer_wanted(const struct receive_buffer *b, uint64_t *start, uint64_t *end)
{
	uint64_t first = *start < b->contiguous ? b->contiguous : *start;

	if (first >= *end || !ranges_first_missing(&b->ahead, &first, end))
		return false;
	*start = first;
	return true;
}

int receive_buffer_place(struct receive_buffer *b, struct stock *stock, uint64_t start,
			 uint64_t end, struct iovec *iov, unsigned max)
{
	int error = receive_buffer_check(b, start, end);

	if (error < 0)
		return error;
	assert(start >= b->contiguous && max > 0);
	if (start == end)
		return 0;

	uint64_t reach = table_reach(start, end, max);
	error = table_ensure(&b->table, stock, start, reach);
	assert(error != -ENOBUFS);      /* the slots do for the limit */
	unsigned used = table_iov(&b->table, start, reach, iov, max);
	return used > 0 ? (int)used : -ENOMEM;
}

unsigned receive_buffer_blocks_wanted(const struct receive_buffer *b, uint64_t start,
				      uint64_t end)
{
	if (start < b->contiguous)
		start = b->contiguous;
	return start < end ? table_blocks_missing(&b->table, start, end) : 0;
}

/* In order up to `end`, and on as far as is there already. */
static void extend(struct receive_buffer *b, uint64_t end)
{
	b->contiguous = ranges_covered_until(&b->ahead, end);
	ranges_trim_below(&b->ahead, b->contiguous);
}

int receive_buffer_arrived(struct receive_buffer *b, uint64_t start, uint64_t end)
{
	int error = receive_buffer_check(b, start, end);

	if (error < 0)
		return error;
	if (start == end || end <= b->contiguous)
		return 0;
	assert(receive_buffer_blocks_wanted(b, start, end) == 0);

	if (start > b->contiguous)
		return ranges_add(&b->ahead, start, end) < 0 ? -EPROTO : 0;
	extend(b, end);
	return 0;
}

void receive_buffer_passed(struct receive_buffer *b, struct stock *stock, uint64_t length)
{
	assert(b->consumed == b->contiguous && receive_buffer_check(b, b->consumed, b->consumed + length) == 0);
	extend(b, b->consumed + length);
	receive_buffer_consume(b, stock, length);
}

int receive_buffer_finish(struct receive_buffer *b, uint64_t offset)
{
	const struct ranges *ahead = &b->ahead;
	uint64_t arrived_end = ahead->count ? ahead->at[ahead->count - 1].end : b->contiguous;

	if (offset > STREAM_OFFSET_MAX || offset < arrived_end)
		return -EPROTO;
	if (b->fin_offset != FIN_UNKNOWN && b->fin_offset != offset)
		return -EPROTO;
	b->fin_offset = offset;
	return 0;
}

unsigned receive_buffer_readable(const struct receive_buffer *b, struct iovec *iov, unsigned max)
{
	return table_iov(&b->table, b->consumed, b->contiguous, iov, max);
}

uint64_t receive_buffer_readable_bytes(const struct receive_buffer *b)
{
	return b->contiguous - b->consumed;
}

/* Keeps no block without bytes that are unread or ahead. */
static void release_empty(struct receive_buffer *b, struct stock *stock)
{
	table_release_below(&b->table, stock, b->consumed);
	if (b->consumed < b->contiguous)
		return;
	if (b->ahead.count == 0)
		table_release_all(&b->table, stock);
	else
		table_release(&b->table, stock, b->table.base, b->ahead.at[0].start);
}

void receive_buffer_consume(struct receive_buffer *b, struct stock *stock, uint64_t n)
{
	assert(n <= b->contiguous - b->consumed);
	b->consumed += n;
	raise_limit(b);
	release_empty(b, stock);
}

bool receive_buffer_finished(const struct receive_buffer *b)
{
	return b->consumed == b->fin_offset;
}

uint64_t receive_buffer_cumulative(const struct receive_buffer *b)
{
	return b->contiguous + (b->contiguous == b->fin_offset);
}

uint64_t receive_buffer_limit(const struct receive_buffer *b)
{
	return b->limit;
}
