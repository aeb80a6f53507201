/* SPDX-License-Identifier: Apache-2.0 */
/* What the program wrote and the peer has not acknowledged yet. */
#include "send_buffer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void send_buffer_init(struct send_buffer *b, void **slots, unsigned capacity,
		      uint64_t limit_bytes)
{
	memset(b, 0, sizeof *b);
	table_init(&b->table, slots, capacity);
	send_buffer_set_limit(b, limit_bytes);
}

void send_buffer_fini(struct send_buffer *b, struct stock *stock)
{
	table_release_all(&b->table, stock);
	loans_fini(&b->loans, stock);
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

static uint64_t own(const struct send_buffer *b, uint64_t offset)
{
	return loans_own(&b->loans, offset);
}

static uint64_t own_bytes(const struct send_buffer *b)
{
	return own(b, b->end) - own(b, bytes_start(b));
}

uint64_t send_buffer_room(const struct send_buffer *b)
{
	uint64_t kept = own_bytes(b);

	if (b->finished || kept >= b->limit_bytes)
		return 0;
	uint64_t room = b->limit_bytes - kept, left = STREAM_OFFSET_MAX - b->end;
	return room < left ? room : left;
}

unsigned send_buffer_blocks_wanted(const struct send_buffer *b, uint64_t bytes)
{
	uint64_t room = send_buffer_room(b), end = own(b, b->end);

	return table_blocks_missing(&b->table, end, end + (bytes < room ? bytes : room));
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
	uint64_t end = own(b, b->end), reach = table_reach(end, end + send_buffer_room(b), max);
	uint64_t space_end = b->end;
	int error = table_ensure(&b->table, stock, end, reach);

	assert(error != -ENOBUFS);      /* the slots do for the limit; the stock may not */
	unsigned used = table_iov(&b->table, end, reach, iov, max);
	for (unsigned i = 0; i < used; i++)
		space_end += iov[i].iov_len;
	if (space_end > b->space_end)
		b->space_end = space_end;
	return used;
}

void send_buffer_commit(struct send_buffer *b, struct stock *stock, size_t n)
{
	uint64_t space_end = own(b, b->space_end);

	assert(n <= b->space_end - b->end && (n == 0 || !b->finished));
	b->end += n;
	b->space_end = b->end;
	/* Rounded up, so that the block in which the space ended is not left out. */
	table_release(&b->table, stock, own(b, b->end), space_end + BLOCK_BYTES - 1);
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
	uint64_t end = own(b, b->end);
	int error = table_ensure(&b->table, stock, end, end + length);
	assert(error != -ENOBUFS);

	while (copied < length) {
		size_t piece;
		void *to = table_span(&b->table, end + copied, length - copied, &piece);

		if (!to)
			break;
		memcpy(to, (const char *)data + copied, piece);
		copied += piece;
		b->end += piece;
	}
	b->space_end = b->end;
	return copied;
}

uint64_t send_buffer_loan_room(const struct send_buffer *b)
{
	const struct loans *l = &b->loans;
	uint64_t out = l->count > 0 ? l->bytes - loans_at(l, 0)->before : 0, left = STREAM_OFFSET_MAX - b->end;

	/* What was on loan when it was saved still counts. */
	if (own_bytes(b) > b->limit_bytes)
		out += own_bytes(b) - b->limit_bytes;
	if (b->finished || l->dropped || l->count == LOANS_MAX || out >= LOAN_BYTES_MAX)
		return 0;
	return LOAN_BYTES_MAX - out < left ? LOAN_BYTES_MAX - out : left;
}

int send_buffer_borrow(struct send_buffer *b, struct stock *stock, const void *head, size_t head_length,
		       const void *bytes, uint64_t length)
{
	assert(b->space_end == b->end && length > 0);
	if (send_buffer_room(b) < head_length || send_buffer_loan_room(b) < length ||
	    STREAM_OFFSET_MAX - b->end - length < head_length)
		return -ENOBUFS;
	if (loans_blocks_wanted(&b->loans) + send_buffer_blocks_wanted(b, head_length) > stock->free)
		return -ENOMEM;
	size_t copied = send_buffer_write(b, stock, head, head_length);
	assert(copied == head_length);
	loans_add(&b->loans, stock, b->end, bytes, length);
	b->end += length;
	b->space_end = b->end;
	return 0;
}

/* How much of it, from its start on, is acknowledged. */
static uint64_t acknowledged_of(const struct send_buffer *b, const struct loan *loan)
{
	return b->acknowledged > loan->start ? b->acknowledged - loan->start : 0;
}

const void *send_buffer_loan(const struct send_buffer *b, unsigned i, size_t *length)
{
	const struct loan *loan = loans_at(&b->loans, i);
	uint64_t skip = acknowledged_of(b, loan);

	*length = (size_t)(loan->end - loan->start - skip);
	return loan->bytes + skip;
}

void send_buffer_loan_moved(struct send_buffer *b, unsigned i, const void *bytes)
{
	struct loan *loan = loans_at(&b->loans, i);
	uint64_t skip = acknowledged_of(b, loan);

	loan->start += skip;
	loan->before += skip;
	loan->bytes = bytes;
}

void send_buffer_finish(struct send_buffer *b)
{
	b->finished = true;
}

uint64_t send_buffer_end(const struct send_buffer *b)
{
	return b->end + b->finished;
}

/* The bytes at offset, below end: *length of them, at most `want`. NULL: a loan that was dropped. */
static const void *span(const struct send_buffer *b, uint64_t offset, uint64_t want, size_t *length)
{
	const struct loan *loan = loans_from(&b->loans, offset);
	uint64_t left;

	if (loan == NULL || offset < loan->start) {
		left = loan == NULL || loan->start - offset > want ? want : loan->start - offset;
		const void *bytes = table_span(&b->table, own(b, offset), left, length);

		assert(bytes != NULL);
		return bytes;
	}
	left = loan->end - offset;
	*length = (size_t)(left < want ? left : want);
	return loan->bytes != NULL ? loan->bytes + (offset - loan->start) : NULL;
}

unsigned send_buffer_read(const struct send_buffer *b, uint64_t start, uint64_t end,
			  struct iovec *iov, unsigned max)
{
	assert(b->acknowledged <= start && start <= end && end <= send_buffer_end(b));
	if (end > b->end)
		end = b->end;
	unsigned used = 0;

	for (; start < end && used < max; start += iov[used++].iov_len) {
		iov[used].iov_base = (void *)span(b, start, end - start, &iov[used].iov_len);
		assert(iov[used].iov_base != NULL);
	}
	return used;
}

void send_buffer_copy(const struct send_buffer *b, uint64_t start, uint64_t end, void *out)
{
	char *to = out;

	assert(b->acknowledged <= start && start <= end && end <= b->end);
	while (start < end) {
		size_t piece;
		const void *from = span(b, start, end - start, &piece);

		if (from != NULL)
			memcpy(to, from, piece);
		else
			memset(to, 0, piece);
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
	table_release_below(&b->table, stock, own(b, bytes_start(b)));
	loans_release_below(&b->loans, stock, bytes_start(b));
	release_if_idle(b, stock);
	return 0;
}
