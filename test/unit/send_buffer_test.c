/* SPDX-License-Identifier: Apache-2.0 */
/* The send buffer: what is written can be read until acknowledged, and then takes no memory. */
#include "../../core/send_buffer.h"

#include <errno.h>

#include "../test.h"

#define LIMIT  (5u * BLOCK_BYTES + 1234u)
#define BLOCKS 8u
#define SLOTS  7u       /* buffer_slots_for(LIMIT) */

static struct stock stock;
static void *slots[SLOTS];

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* What the program writes at an offset; differs between neighbouring blocks too. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * 31 + offset / 251 + offset / BLOCK_BYTES * 7) & 0xff);
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

static uint8_t scratch[LIMIT + 1];

static size_t write_some(struct send_buffer *b, size_t length)
{
	for (size_t i = 0; i < length; i++)
		scratch[i] = byte_at(b->end + i);
	return send_buffer_write(b, &stock, scratch, length);
}

/* As a driver does: asks for space, reads the program's bytes into it, commits. */
static size_t fill_some(struct send_buffer *b, size_t length, unsigned max)
{
	struct iovec iov[BLOCKS];
	uint64_t offset = b->end, space_end = offset;
	unsigned used;

	memset(iov, 0x11, sizeof iov);
	used = send_buffer_space(b, &stock, iov, max);
	CHECK(used <= max);
	for (unsigned i = 0; i < used; i++)
		space_end += iov[i].iov_len;
	CHECK_EQ(b->space_end, space_end);
	for (unsigned i = 0; i < used; i++) {
		for (size_t k = 0; k < iov[i].iov_len && offset < b->end + length; k++)
			((uint8_t *)iov[i].iov_base)[k] = byte_at(offset++);
	}
	length = (size_t)(offset - b->end);
	send_buffer_commit(b, &stock, length);
	return length;
}

static void check_bytes(const struct send_buffer *b, uint64_t start, uint64_t end)
{
	struct iovec iov[BLOCKS];
	unsigned used = send_buffer_read(b, start, end, iov, BLOCKS);
	uint64_t offset = start;

	for (unsigned i = 0; i < used; i++) {
		for (size_t k = 0; k < iov[i].iov_len; k++, offset++)
			CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], byte_at(offset));
	}
	CHECK_EQ(offset, end < b->end ? end : b->end > start ? b->end : start);
}

/* Blocks that the bytes [start, end) lie on. */
static unsigned blocks_of(uint64_t start, uint64_t end)
{
	return start == end ? 0 :
	       (unsigned)((end - 1) / BLOCK_BYTES - start / BLOCK_BYTES + 1);
}

static void keeps_every_byte_until_acknowledged(void)
{
	struct send_buffer b;
	uint64_t seed = 11;

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	for (unsigned step = 0; step < 600; step++) {
		size_t length = next_random(&seed) % (next_random(&seed) % 4 ? 5000 : LIMIT);
		uint64_t room = send_buffer_room(&b), kept = b.end - b.acknowledged;
		unsigned max = 1 + next_random(&seed) % BLOCKS;

		CHECK_EQ(room, LIMIT - kept);
		if (next_random(&seed) % 2) {
			unsigned missing = send_buffer_blocks_wanted(&b, length), free = stock.free;

			CHECK_EQ(write_some(&b, length), length < room ? length : room);
			CHECK_EQ(free - stock.free, missing);
		} else {
			CHECK(fill_some(&b, length, max) <= room);
		}
		CHECK_EQ(b.table.held, blocks_of(b.acknowledged, b.end));
		CHECK_EQ(stock.free + b.table.held, BLOCKS);

		kept = b.end - b.acknowledged;
		uint64_t start = b.acknowledged + (kept ? next_random(&seed) % kept : 0);
		uint64_t end = start + next_random(&seed) % (b.end - start + 1);
		check_bytes(&b, start, end);
		send_buffer_copy(&b, start, end, scratch);
		for (uint64_t i = start; i < end; i++)
			CHECK_EQ(scratch[i - start], byte_at(i));

		if (next_random(&seed) % 3 == 0)
			CHECK_EQ(send_buffer_acknowledge(&b, &stock, start), 0);
		if (next_random(&seed) % 16 == 0)
			CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
		CHECK_EQ(b.table.held, blocks_of(b.acknowledged, b.end));
	}
	CHECK(b.end > 20 * LIMIT);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* Memory that was used before is made an empty buffer. */
static void begins_empty(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	memset(&b, 0xee, sizeof b);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(send_buffer_end(&b), 0);
	CHECK_EQ(send_buffer_room(&b), LIMIT);
	CHECK_EQ(send_buffer_loan_room(&b), LOAN_BYTES_MAX);
	CHECK_EQ(loans_returned(&b.loans), 0);
	CHECK_EQ(write_some(&b, 100), 100);
	check_bytes(&b, 0, 100);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 100), 0);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

static void holds_nothing_when_idle(void)
{
	struct send_buffer b;
	struct iovec iov[BLOCKS];

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, BLOCKS), 6);
	send_buffer_commit(&b, &stock, 0);
	CHECK_EQ(stock.free, BLOCKS);

	CHECK_EQ(fill_some(&b, 100, BLOCKS), 100);
	CHECK_EQ(b.table.held, 1);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 99), 0);
	CHECK_EQ(b.table.held, 1);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 100), 0);
	CHECK_EQ(b.table.held, 0);
	reclaim(BLOCKS);
}

static void acknowledgement_leaves_space_alone(void)
{
	struct send_buffer b;
	struct iovec iov[2];

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(write_some(&b, 1000), 1000);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, 2), 2);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 1000), 0);
	CHECK_EQ(b.table.held, 2);
	for (unsigned i = 0; i < 64; i++)
		((uint8_t *)iov[0].iov_base)[i] = byte_at(1000 + i);
	send_buffer_commit(&b, &stock, 64);
	CHECK_EQ(b.table.held, 1);
	check_bytes(&b, 1000, 1064);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* Blocks of a space that stayed empty go back, also one that it only began, or that bytes lay on before. */
static void empty_space_goes_back(void)
{
	struct send_buffer b;
	struct iovec iov[BLOCKS];

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, BLOCK_BYTES + 1);
	CHECK_EQ(write_some(&b, 10), 10);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, BLOCKS), 2);
	CHECK_EQ(iov[1].iov_len, 1);
	send_buffer_commit(&b, &stock, 0);
	CHECK_EQ(b.table.held, 1);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 10), 0);
	CHECK_EQ(b.table.held, 0);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, BLOCKS), 2);
	send_buffer_commit(&b, &stock, 0);
	reclaim(BLOCKS);
}

static void takes_what_the_stock_allows(void)
{
	struct send_buffer b;
	struct iovec iov[BLOCKS];

	lend(2);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(send_buffer_blocks_wanted(&b, UINT64_MAX), 6);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, BLOCKS), 2);
	for (unsigned i = 0; i < 10; i++)
		((uint8_t *)iov[0].iov_base)[i] = byte_at(i);
	send_buffer_commit(&b, &stock, 10);
	CHECK_EQ(write_some(&b, 3 * BLOCK_BYTES), 2 * BLOCK_BYTES - 10);
	CHECK_EQ(write_some(&b, 1), 0);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, BLOCKS), 0);
	send_buffer_commit(&b, &stock, 0);
	check_bytes(&b, 0, 2 * BLOCK_BYTES);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, BLOCK_BYTES), 0);
	CHECK_EQ(write_some(&b, 1), 1);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	reclaim(2);
}

static void a_smaller_limit_only_stops_the_writer(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(write_some(&b, 5000), 5000);
	send_buffer_set_limit(&b, 3000);
	CHECK_EQ(send_buffer_room(&b), 0);
	check_bytes(&b, 0, 5000);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 4000), 0);
	CHECK_EQ(send_buffer_room(&b), 2000);
	send_buffer_fini(&b, &stock);
	reclaim(BLOCKS);
}

/* There is no offset beyond 2^62. */
static void the_stream_has_a_last_offset(void)
{
	struct send_buffer b;

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	b.end = b.space_end = STREAM_OFFSET_MAX - 10;
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	CHECK_EQ(send_buffer_room(&b), 10);
	CHECK_EQ(write_some(&b, 100), 10);
	check_bytes(&b, b.end - 10, b.end);
	CHECK_EQ(send_buffer_end(&b), STREAM_OFFSET_MAX);
	CHECK_EQ(send_buffer_room(&b), 0);
	CHECK_EQ(send_buffer_loan_room(&b), 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, b.end), 0);
	reclaim(BLOCKS);
}

static void fin_is_a_phantom_byte(void)
{
	struct send_buffer b;
	struct iovec iov[2];

	lend(BLOCKS);
	send_buffer_init(&b, slots, SLOTS, LIMIT);
	CHECK_EQ(write_some(&b, 10), 10);
	CHECK_EQ(send_buffer_end(&b), 10);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 11), -EPROTO);
	send_buffer_finish(&b);
	send_buffer_finish(&b);
	CHECK_EQ(send_buffer_end(&b), 11);
	CHECK_EQ(send_buffer_room(&b), 0);
	CHECK_EQ(write_some(&b, 5), 0);
	CHECK_EQ(send_buffer_space(&b, &stock, iov, 2), 0);
	send_buffer_commit(&b, &stock, 0);
	check_bytes(&b, 4, 11);
	CHECK_EQ(send_buffer_read(&b, 10, 11, iov, 2), 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 12), -EPROTO);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, UINT64_MAX), -EPROTO);
	CHECK_EQ(b.acknowledged, 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 10), 0);
	CHECK_EQ(send_buffer_read(&b, 10, 11, iov, 2), 0);
	CHECK_EQ(b.table.held, 0);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 11), 0);
	CHECK_EQ(b.acknowledged, 11);
	CHECK_EQ(send_buffer_acknowledge(&b, &stock, 3), 0);
	CHECK_EQ(b.acknowledged, 11);
	CHECK_EQ(send_buffer_read(&b, 11, 11, iov, 2), 0);
	reclaim(BLOCKS);
}

int main(void)
{
	CHECK_EQ(buffer_slots_for(LIMIT), SLOTS);
	RUN(keeps_every_byte_until_acknowledged);
	RUN(begins_empty);
	RUN(holds_nothing_when_idle);
	RUN(acknowledgement_leaves_space_alone);
	RUN(empty_space_goes_back);
	RUN(takes_what_the_stock_allows);
	RUN(a_smaller_limit_only_stops_the_writer);
	RUN(the_stream_has_a_last_offset);
	RUN(fin_is_a_phantom_byte);
	return 0;
}
