/* SPDX-License-Identifier: Apache-2.0 */
/* What the program wrote and the peer has not acknowledged yet. */
#include "send_buffer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void send_buffer_init(struct send_buffer *b, void **slots, unsigned capacity,
		      uint64_t limit_bytes)
{
	*b = (struct send_buffer){ 0 };
	table_init(&b->table, slots, capacity);
	send_buffer_set_limit(b, limit_bytes);
}

void send_buffer_fini(struct send_buffer *b, struct stock *stock)
{
	table_release_all(&b->table, stock);
}

void send_buffer_set_limit(struct send_buffer *b, uint64_t limit_bytes)
{
	assert(buffer_slots_for(limit_bytes) <= b->table.capacity);
	b->limit_bytes = limit_bytes;
}

/* Start of the bytes kept: not beyond their end when the phantom is acknowledged too. */
static uint64_t bytes_start(const struct send_buffer *b)
{
	return b->acknowledged < b->end ? b->acknowledged : b->end;
}

uint64_t send_buffer_room(const struct send_buffer *b)
{
	uint64_t kept = b->end - bytes_start(b);

	if (b->finished || kept >= b->limit_bytes)
		return 0;
	uint64_t room = b->limit_bytes - kept, left = STREAM_OFFSET_MAX - b->end;
	return room < left ? room : left;
}

unsigned send_buffer_blocks_wanted(const struct send_buffer *b, uint64_t bytes)
{
	uint64_t room = send_buffer_room(b);

	return table_blocks_missing(&b->table, b->end, b->end + (bytes < room ? bytes : room));
}

/* A buffer without bytes, and none on their way into it, keeps no block. */
static void release_if_idle(struct send_buffer *b, struct stock *stock)
{
	if (b->acknowledged >= b->space_end)
		table_release_all(&b->table, stock);
}

unsigned send_buffer_space(struct send_buffer *b, struct stock *stock, struct iovec *iov,
			   unsigned max)
{
	uint64_t reach = table_reach(b->end, b->end + send_buffer_room(b), max);
	uint64_t space_end = b->end;
	int error = table_ensure(&b->table, stock, b->end, reach);

	assert(error != -ENOBUFS);      /* the slots do for the limit; the stock may not */
	unsigned used = table_iov(&b->table, b->end, reach, iov, max);
	for (unsigned i = 0; i < used; i++)
		space_end += iov[i].iov_len;
	if (space_end > b->space_end)
		b->space_end = space_end;
	return used;
}

void send_buffer_commit(struct send_buffer *b, struct stock *stock, size_t n)
{
	uint64_t space_end = b->space_end;

	assert(n <= space_end - b->end && (n == 0 || !b->finished));
	b->end += n;
	b->space_end = b->end;
	/* Rounded up, so that the block in which the space ended is not left out. */
	table_release(&b->table, stock, b->end, space_end + BLOCK_BYTES - 1);
	release_if_idle(b, stock);
}

size_t send_buffer_write(struct send_buffer *b, struct stock *stock, const void *data,
			 size_t length)
{
	uint64_t room = send_buffer_room(b);
	size_t copied = 0;

	assert(b->space_end == b->end);
	if (length > room)
		length = (size_t)room;
	int error = table_ensure(&b->table, stock, b->end, b->end + length);
	assert(error != -ENOBUFS);

	while (copied < length) {
		size_t piece;
		void *to = table_span(&b->table, b->end, length - copied, &piece);

		if (!to)
			break;
		memcpy(to, (const char *)data + copied, piece);
		copied += piece;
		b->end += piece;
	}
	b->space_end = b->end;
	return copied;
}

void send_buffer_finish(struct send_buffer *b)
{
	b->finished = true;
}

uint64_t send_buffer_end(const struct send_buffer *b)
{
	return b->end + b->finished;
}

unsigned send_buffer_read(const struct send_buffer *b, uint64_t start, uint64_t end,
			  struct iovec *iov, unsigned max)
{
	assert(b->acknowledged <= start && start <= end && end <= send_buffer_end(b));
	if (end > b->end)
		end = b->end;
	return start < end ? table_iov(&b->table, start, end, iov, max) : 0;
}

void send_buffer_copy(const struct send_buffer *b, uint64_t start, uint64_t end, void *out)
{
	char *to = out;

	assert(b->acknowledged <= start && start <= end && end <= b->end);
	while (start < end) {
		size_t piece = 0;
		const void *from = table_span(&b->table, start, end - start, &piece);

		assert(from);
		memcpy(to, from, piece);
		to += piece;
		start += piece;
	}
}

int send_buffer_acknowledge(struct send_buffer *b, struct stock *stock, uint64_t offset)
{
	if (offset > send_buffer_end(b))
		return -EPROTO;
	if (offset <= b->acknowledged)
		return 0;
	b->acknowledged = offset;
	table_release_below(&b->table, stock, bytes_start(b));
	release_if_idle(b, stock);
	return 0;
}
