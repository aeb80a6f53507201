/* SPDX-License-Identifier: Apache-2.0 */
/* Loans in the send buffer: sent from where they lie, returned in order, and never read afterwards. */
#include "../../core/loans.h"

#include <errno.h>

#include "../../core/send_buffer.h"
#include "../test.h"

#define LIMIT  (2u * BLOCK_BYTES + 777u)
#define BLOCKS 6u
#define SLOTS  4u       /* buffer_slots_for(LIMIT) */
#define IOV    64u

static struct stock stock;
static void *slots[SLOTS];
static uint64_t random_state = 7;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 8) % limit;
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31 + offset / 251 + offset / BLOCK_BYTES * 7);
}

static void fill(uint8_t *to, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = byte_at(offset + i);
}

static void lend(unsigned count)
{
	stock_init(&stock);
	while (count-- > 0) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block);
		stock_lend(&stock, block);
	}
}

static void reclaim(unsigned count)
{
	CHECK_EQ(stock.free, count);
	while (stock.free > 0)
		free(stock_reclaim(&stock));
	CHECK_EQ(stock.lent, 0);
}

/* The program: what it has lent, the oldest first, freed the moment it comes back. */
static struct {
	uint8_t *bytes[LOANS_MAX];
	uint64_t end[LOANS_MAX];
	uint64_t lent, back;
} program;

static int borrow(struct send_buffer *b, size_t head_length, size_t length)
{
	uint8_t head[128], *bytes = malloc(length);
	int error;

	CHECK(bytes && head_length <= sizeof head);
	fill(head, b->end, head_length);
	fill(bytes, b->end + head_length, length);
	error = send_buffer_borrow(b, &stock, head, head_length, bytes, length);
	if (error < 0) {
		free(bytes);
		return error;
	}
	program.bytes[program.lent % LOANS_MAX] = bytes;
	program.end[program.lent++ % LOANS_MAX] = b->end;
	return 0;
}

/* A loan comes back when all of it is acknowledged, not sooner and not later. */
static void take_back(const struct send_buffer *b)
{
	for (; program.back < loans_returned(&b->loans); program.back++) {
		CHECK(program.back < program.lent);
		CHECK(program.end[program.back % LOANS_MAX] <= b->acknowledged);
		free(program.bytes[program.back % LOANS_MAX]);
	}
	CHECK(program.back == program.lent ||
	      program.end[program.back % LOANS_MAX] > b->acknowledged);
}

static void check_bytes(const struct send_buffer *b, uint64_t start, uint64_t end, unsigned max)
{
	static uint8_t copy[1 << 20];
	struct iovec iov[IOV];
	unsigned used = send_buffer_read(b, start, end, iov, max);
	uint64_t offset = start;

	CHECK(used <= max);
	for (unsigned i = 0; i < used; i++) {
		CHECK(iov[i].iov_len > 0);
		for (size_t k = 0; k < iov[i].iov_len; k++, offset++)
			CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], byte_at(offset));
	}
	CHECK(used == max ? offset <= end : offset == end);
	if (end - start > sizeof copy)
		end = start + sizeof copy;
	send_buffer_copy(b, start, end, copy);
	for (uint64_t i = start; i < end; i++)
		CHECK_EQ(copy[i - start], byte_at(i));
}

static size_t write_some(struct send_buffer *b, size_t length)
{
	struct iovec iov[IOV];
	uint64_t offset = b->end;
	unsigned used;

	if (random_below(2)) {
		static uint8_t bytes[LIMIT];

		fill(bytes, b->end, length);
		return send_buffer_write(b, &stock, bytes, length);
	}
	used = send_buffer_space(b, &stock, iov, 1 + (unsigned)random_below(4));
	for (unsigned i = 0; i < used && offset < b->end + length; i++) {
		size_t left = (size_t)(b->end + length - offset);

		fill(iov[i].iov_base, offset, left < iov[i].iov_len ? left : iov[i].iov_len);
		offset += left < iov[i].iov_len ? left : iov[i].iov_len;
	}
	length = (size_t)(offset - b->end);
	send_buffer_commit(b, &stock, length);
	return length;
}

/* Own bytes that are not acknowledged, by the test's own book. */
static uint64_t own_kept(const struct send_buffer *b)
{
	uint64_t kept = b->end - b->acknowledged;

	for (unsigned i = 0; i < b->loans.count; i++) {
		size_t length;

		send_buffer_loan(b, i, &length);
		kept -= length;
	}
	return kept;
}

static void every_byte_until_acknowledged(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t room = send_buffer_room(&b), kept;

		CHECK_EQ(room, LIMIT - own_kept(&b));
		switch (random_below(4)) {
		case 0:
			write_some(&b, random_below(random_below(8) ? 300 : room + 1));
			break;
		case 1:
		case 2:
			if (b.end - b.acknowledged < 3000000)
				borrow(&b, random_below(20), 1 + random_below(random_below(4) ? 900 : 150000));
			break;
		default:
			kept = b.end - b.acknowledged;
			CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.acknowledged + random_below(kept + 1)), 0);
		}
		take_back(&b);
		kept = b.end - b.acknowledged;
		uint64_t start = b.acknowledged + (random_below(2) ? 0 : random_below(kept + 1));
		check_bytes(&b, start, start + random_below(b.end - start + 1), 1 + (unsigned)random_below(IOV));
		if (step % 500 == 499) {
			CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
			take_back(&b);
			CHECK_EQ(program.back, program.lent);
			CHECK_EQ(stock.free, BLOCKS);
		}
	}
	CHECK(program.lent > 1000);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* Many megabytes on loan take one block, for the ring; the limit is for what is copied. */
static void loans_take_no_room(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(borrow(&b, 0, 1 << 20), 0);
	CHECK_EQ(stock.free, BLOCKS - 1);
	CHECK_EQ(send_buffer_room(&b), LIMIT);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX - (20 << 20));
	CHECK_EQ(write_some(&b, 100), 100);
	CHECK_EQ(send_buffer_room(&b), LIMIT - 100);
	CHECK_EQ(stock.free, BLOCKS - 2);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, (20 << 20) - 1), 0);
	take_back(&b);
	CHECK_EQ(program.back, 19);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX - (1 << 20));
	CHECK_EQ(stock.free, BLOCKS - 2);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 20 << 20), 0);
	take_back(&b);
	CHECK_EQ(stock.free, BLOCKS - 1);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

static void all_or_nothing(void)
{
	struct send_buffer b;

	memset(&program, 0, sizeof program);
	lend(1);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	/* One block for the ring, one for the head: there is only one. */
	CHECK_EQ(borrow(&b, 4, 100), -ENOMEM);
	CHECK_EQ(b.end, 0);
	CHECK_EQ(stock.free, 1);
	CHECK_EQ(borrow(&b, 0, 100), 0);
	CHECK_EQ(borrow(&b, 4, 100), -ENOMEM);
	CHECK_EQ(b.end, 100);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 100), 0);
	take_back(&b);
	send_buffer_fini(&b, &stock);
	reclaim(1);

	memset(&program, 0, sizeof program);
	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	while (send_buffer_room(&b) > 3)
		CHECK(write_some(&b, send_buffer_room(&b) - 3) > 0);
	CHECK_EQ(borrow(&b, 4, 100), -ENOBUFS);
	CHECK_EQ(borrow(&b, 3, 100), 0);
	send_buffer_finish(&b);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	CHECK_EQ(borrow(&b, 0, 1), -ENOBUFS);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end + 1), 0);
	take_back(&b);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

static void as_many_and_as_long_as_the_limits(void)
{
	struct send_buffer b;
	uint8_t byte = 0;

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	for (unsigned i = 0; i < LOANS_MAX; i++) {
		CHECK(send_buffer_loan_room(&b) > 0);
		CHECK_EQ(borrow(&b, 1, 1 + i % 5), 0);
	}
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	CHECK_EQ(borrow(&b, 1, 1), -ENOBUFS);
	check_bytes(&b, 0, b.end, 4);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 2), 0);
	take_back(&b);
	CHECK_EQ(borrow(&b, 0, 1), 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	take_back(&b);

	/* Nobody looks at the bytes of these. */
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX);
	CHECK_EQ(send_buffer_borrow(&b, &stock, &byte, 1, &byte, LOAN_BYTES_MAX), 0);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	CHECK_EQ(send_buffer_borrow(&b, &stock, NULL, 0, &byte, 1), -ENOBUFS);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end - 1), 0);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	b.end = b.space_end = STREAM_OFFSET_MAX - 10;
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_loan_room(&b), 10);
	CHECK_EQ(send_buffer_borrow(&b, &stock, &byte, 1, &byte, 10), -ENOBUFS);
	CHECK_EQ(send_buffer_borrow(&b, &stock, &byte, 1, &byte, 9), 0);
	CHECK_EQ(send_buffer_end(&b), STREAM_OFFSET_MAX);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	send_buffer_fini(&b, &stock);

	/* Where the end of the stream and the most that may be out are about as near, the nearer counts. */
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	b.end = b.space_end = STREAM_OFFSET_MAX - LOAN_BYTES_MAX - 1000;
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX);
	CHECK_EQ(send_buffer_borrow(&b, &stock, NULL, 0, &byte, 600), 0);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX - 600);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX);
	CHECK_EQ(send_buffer_borrow(&b, &stock, NULL, 0, &byte, 600), 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX - 200);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* When the buffer ends, its loans go back to the program. */
static void all_are_returned_at_the_end(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(borrow(&b, 1, 100), 0);
	CHECK_EQ(borrow(&b, 1, 100), 0);
	CHECK_EQ(loans_returned(&b.loans), 0);
	send_buffer_fini(&b, &stock);
	CHECK_EQ(loans_returned(&b.loans), 2);
	free(program.bytes[0]);
	free(program.bytes[1]);
	reclaim(BLOCKS);
}

/* What is left of a loan lies elsewhere from some time on; the program's memory is not read any more. */
static void moved_in_the_middle(void)
{
	struct send_buffer b;
	uint8_t *copies[3];

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(borrow(&b, 7, 10000), 0);
		CHECK_EQ(write_some(&b, 100), 100);
	}
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 5000), 0);
	for (unsigned i = 0; i < 3; i++) {
		size_t length;
		const void *bytes = send_buffer_loan(&b, i, &length);

		CHECK_EQ(length, i == 0 ? 5007 : 10000);
		copies[i] = malloc(length);
		CHECK(copies[i]);
		memcpy(copies[i], bytes, length);
		send_buffer_loan_moved(&b, i, copies[i]);
		free(program.bytes[i]);
	}
	CHECK_EQ(send_buffer_room(&b), LIMIT - own_kept(&b));
	check_bytes(&b, 5000, b.end, IOV);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 10007 + 100 + 3), 0);
	CHECK_EQ(loans_returned(&b.loans), 1);
	check_bytes(&b, b.acknowledged, b.end, IOV);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(loans_returned(&b.loans), 3);
	for (unsigned i = 0; i < 3; i++)
		free(copies[i]);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* Given back without an acknowledgement: the offsets stay right, the bytes are gone. */
static void dropped_all_at_once(void)
{
	struct send_buffer b;
	uint8_t copy[300];

	lend(BLOCKS);
	memset(&program, 0, sizeof program);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(borrow(&b, 100, 100), 0);
	CHECK_EQ(borrow(&b, 100, 100), 0);
	CHECK_EQ(write_some(&b, 100), 100);
	loans_drop(&b.loans);
	CHECK_EQ(loans_returned(&b.loans), 2);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	free(program.bytes[0]);
	free(program.bytes[1]);
	memset(copy, 0xee, sizeof copy);
	send_buffer_copy(&b, 150, 450, copy);
	for (unsigned i = 0; i < 300; i++)
		CHECK_EQ(copy[i], i < 50 || (i >= 150 && i < 250) ? 0 : byte_at(150 + i));
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 250), 0);
	CHECK_EQ(loans_returned(&b.loans), 2);
	CHECK_EQ(send_buffer_room(&b), LIMIT - 150);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

int main(void)
{
	RUN(every_byte_until_acknowledged);
	RUN(loans_take_no_room);
	RUN(all_or_nothing);
	RUN(as_many_and_as_long_as_the_limits);
	RUN(all_are_returned_at_the_end);
	RUN(moved_in_the_middle);
	RUN(dropped_all_at_once);
	return 0;
}
