/* SPDX-License-Identifier: Apache-2.0 */
/* The receive buffer: bytes in any order and any number of times come out once and in order. */
#include "../../core/receive_buffer.h"

#include <errno.h>

#include "../test.h"

#define LIMIT  (4u * BLOCK_BYTES + 777u)
#define SLOTS  6u       /* buffer_slots_for(LIMIT) */
#define STREAM (24u * BLOCK_BYTES + 4321u)
#define RANGES 20u

static struct stock stock;
static void *slots[SLOTS];
static struct range range_storage[RANGES];
static bool had[STREAM];        /* the oracle: which bytes have arrived */

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * 31 + offset / 251 + offset / BLOCK_BYTES * 7) & 0xff);
}

static void set_up(struct receive_buffer *b, unsigned blocks)
{
	stock_init(&stock);
	while (blocks-- > 0) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block);
		memset(block, 0xee, BLOCK_BYTES);
		stock_lend(&stock, block);
	}
	memset(had, 0, sizeof had);
	receive_buffer_init(b, slots, SLOTS, range_storage, RANGES, LIMIT);
}

static void tear_down(struct receive_buffer *b)
{
	receive_buffer_fini(b, &stock);
	CHECK_EQ(stock.free, stock.lent);
	while (stock.free > 0)
		free(stock_reclaim(&stock));
}

/*
 * Puts the first n bytes of what place gave for offset. Where the byte had arrived before, a wrong
 * one is put: a buffer that lets a duplicate in shows it.
 */
static uint64_t put(const struct iovec *iov, int used, uint64_t offset, uint64_t n)
{
	uint64_t done = 0;

	for (int i = 0; i < used; i++) {
		uint8_t *to = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len && done < n; k++, done++, offset++) {
			to[k] = had[offset] ? (uint8_t)~byte_at(offset) : byte_at(offset);
			had[offset] = true;
		}
	}
	return done;
}

/* A frame [start, end) that comes by a carrier in pieces; false when the path breaks half-way. */
static bool deliver(struct receive_buffer *b, uint64_t start, uint64_t end, uint64_t *seed)
{
	CHECK_EQ(receive_buffer_check(b, start, end), 0);
	for (;;) {
		struct iovec iov[3];
		uint64_t first = start, past = end;
		unsigned max = 1 + (seed ? next_random(seed) % 3 : 2);

		if (!receive_buffer_wanted(b, &first, &past))
			return true;
		CHECK(start <= first && first < past && past <= end);
		for (uint64_t i = start; i < first; i++)
			CHECK(had[i]);

		unsigned missing = receive_buffer_blocks_wanted(b, first, past);
		unsigned free = stock.free;
		int used = receive_buffer_place(b, &stock, first, past, iov, max);
		CHECK(used > 0 && used <= (int)max);
		CHECK(free - stock.free <= missing);
		uint64_t n = past - first;
		if (seed && next_random(seed) % 3 == 0)
			n = next_random(seed) % n + 1;
		n = put(iov, used, first, n);
		CHECK_EQ(receive_buffer_arrived(b, first, first + n), 0);
		start = first + n;
		if (seed && next_random(seed) % 32 == 0)
			return false;
	}
}

/* The program reads up to n bytes and finds the right ones. */
static void read_some(struct receive_buffer *b, uint64_t n)
{
	struct iovec iov[SLOTS];
	unsigned used = receive_buffer_readable(b, iov, SLOTS);
	uint64_t offset = b->consumed, end = offset + n;

	for (unsigned i = 0; i < used; i++) {
		for (size_t k = 0; k < iov[i].iov_len && offset < end; k++, offset++)
			CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], byte_at(offset));
	}
	receive_buffer_consume(b, &stock, offset - b->consumed);
}

static void check_state(const struct receive_buffer *b, uint64_t *expected, uint64_t *limit)
{
	while (*expected < STREAM && had[*expected])
		(*expected)++;
	CHECK_EQ(b->contiguous, *expected);
	CHECK(b->ahead.count == 0 || b->ahead.at[0].start > b->contiguous);
	CHECK_EQ(receive_buffer_readable_bytes(b), b->contiguous - b->consumed);
	CHECK(receive_buffer_limit(b) >= *limit);
	*limit = receive_buffer_limit(b);
	CHECK_EQ(stock.free + b->table.held, stock.lent);
	if (b->consumed == b->contiguous && b->ahead.count == 0)
		CHECK_EQ(b->table.held, 0);
}

static void one_stream_in_disorder(uint64_t seed)
{
	struct receive_buffer b;
	uint64_t expected = 0, limit = 0;

	set_up(&b, SLOTS);
	while (!receive_buffer_finished(&b)) {
		uint64_t lowest = b.consumed > 2 * BLOCK_BYTES ? b.consumed - 2 * BLOCK_BYTES : 0;
		uint64_t highest = b.limit < STREAM ? b.limit : STREAM;
		uint64_t start = lowest + next_random(&seed) % (highest - lowest + 1);
		uint64_t end = start + next_random(&seed) %
			       (next_random(&seed) % 4 ? 3000 : FRAME_PAYLOAD_MAX);

		if (next_random(&seed) % 4 == 0)
			start = b.contiguous;
		if (end < start)
			end = start + 100;
		if (end > highest)
			end = highest;
		/* One frame may split into several ranges only by filling gaps, which adds none. */
		if (start <= b.contiguous || b.ahead.count < RANGES)
			deliver(&b, start, end, &seed);
		if (end == STREAM)
			CHECK_EQ(receive_buffer_finish(&b, STREAM), 0);
		check_state(&b, &expected, &limit);
		if (next_random(&seed) % 3 == 0)
			read_some(&b, next_random(&seed) % (2 * BLOCK_BYTES));
		if (next_random(&seed) % 8 == 0)
			read_some(&b, STREAM);
		check_state(&b, &expected, &limit);
	}
	CHECK_EQ(b.consumed, STREAM);
	CHECK_EQ(receive_buffer_cumulative(&b), STREAM + 1);
	CHECK_EQ(b.table.held, 0);
	tear_down(&b);
}

static void disorder_comes_out_in_order(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++)
		one_stream_in_disorder(seed);
}

static void wanted_finds_each_gap(void)
{
	struct receive_buffer b;
	uint64_t start = 0, end = 1000;

	set_up(&b, SLOTS);
	deliver(&b, 0, 100, NULL);
	deliver(&b, 300, 400, NULL);
	deliver(&b, 600, 700, NULL);
	CHECK_EQ(b.contiguous, 100);
	CHECK_EQ(b.ahead.count, 2);
	CHECK(receive_buffer_wanted(&b, &start, &end));
	CHECK(start == 100 && end == 300);
	start = 350, end = 1000;
	CHECK(receive_buffer_wanted(&b, &start, &end));
	CHECK(start == 400 && end == 600);
	start = 620, end = 690;
	CHECK(!receive_buffer_wanted(&b, &start, &end));
	CHECK(start == 620 && end == 690);
	start = 5, end = 100;
	CHECK(!receive_buffer_wanted(&b, &start, &end));
	start = 700, end = 700;
	CHECK(!receive_buffer_wanted(&b, &start, &end));
	deliver(&b, 0, 1000, NULL);
	CHECK_EQ(b.contiguous, 1000);
	CHECK_EQ(b.ahead.count, 0);
	read_some(&b, 1000);
	CHECK_EQ(b.consumed, 1000);
	tear_down(&b);
}

static void empty_blocks_go_back(void)
{
	struct receive_buffer b;

	set_up(&b, SLOTS);
	deliver(&b, 0, 10, NULL);
	CHECK_EQ(b.table.held, 1);
	read_some(&b, 9);
	CHECK_EQ(b.table.held, 1);
	read_some(&b, 1);
	CHECK_EQ(b.table.held, 0);

	/* Bytes ahead keep the block that the program has reached only when they are in it. */
	deliver(&b, 10, 20, NULL);
	deliver(&b, 30, 40, NULL);
	read_some(&b, 10);
	CHECK_EQ(b.table.held, 1);
	deliver(&b, 20, 30, NULL);
	deliver(&b, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 5, NULL);
	CHECK_EQ(b.table.held, 2);
	read_some(&b, 20);
	CHECK_EQ(b.table.held, 1);
	deliver(&b, 40, 2 * BLOCK_BYTES, NULL);
	read_some(&b, STREAM);
	CHECK_EQ(b.consumed, 2 * BLOCK_BYTES + 5);
	CHECK_EQ(b.table.held, 0);
	tear_down(&b);
}

static void refuses_what_was_not_promised(void)
{
	struct receive_buffer b;
	struct iovec iov[2];

	set_up(&b, SLOTS);
	CHECK_EQ(receive_buffer_check(&b, 0, LIMIT), 0);
	CHECK_EQ(receive_buffer_check(&b, 0, LIMIT + 1), -EPROTO);
	CHECK_EQ(receive_buffer_check(&b, 5, 4), -EPROTO);
	CHECK_EQ(receive_buffer_check(&b, UINT64_MAX, UINT64_MAX), -EPROTO);
	CHECK_EQ(receive_buffer_place(&b, &stock, LIMIT, LIMIT + 1, iov, 2), -EPROTO);
	CHECK_EQ(receive_buffer_place(&b, &stock, 5, 5, iov, 2), 0);
	CHECK_EQ(receive_buffer_arrived(&b, LIMIT, LIMIT + 1), -EPROTO);
	CHECK_EQ(b.table.held, 0);
	deliver(&b, LIMIT - 1, LIMIT, NULL);
	CHECK_EQ(b.table.held, 1);
	tear_down(&b);
}

static void the_promise_stands(void)
{
	struct receive_buffer b;

	set_up(&b, SLOTS);
	receive_buffer_set_limit(&b, 1000);
	CHECK_EQ(receive_buffer_limit(&b), LIMIT);
	deliver(&b, 0, LIMIT, NULL);
	read_some(&b, LIMIT - 1000);
	CHECK_EQ(receive_buffer_limit(&b), LIMIT);
	read_some(&b, 10);
	CHECK_EQ(receive_buffer_limit(&b), LIMIT + 10);
	receive_buffer_set_limit(&b, LIMIT);
	CHECK_EQ(receive_buffer_limit(&b), LIMIT - 990 + LIMIT);
	tear_down(&b);
}

static void an_empty_stock_is_no_loss(void)
{
	struct receive_buffer b;
	struct iovec iov[3];

	set_up(&b, 2);
	CHECK_EQ(receive_buffer_place(&b, &stock, 0, 3 * BLOCK_BYTES, iov, 3), 2);
	CHECK_EQ(put(iov, 2, 0, STREAM), 2 * BLOCK_BYTES);
	CHECK_EQ(receive_buffer_arrived(&b, 0, 2 * BLOCK_BYTES), 0);
	CHECK_EQ(receive_buffer_place(&b, &stock, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1, iov, 3),
		 -ENOMEM);
	CHECK_EQ(receive_buffer_blocks_wanted(&b, 0, 3 * BLOCK_BYTES), 1);
	read_some(&b, BLOCK_BYTES);
	deliver(&b, 0, 3 * BLOCK_BYTES, NULL);
	CHECK_EQ(b.contiguous, 3 * BLOCK_BYTES);
	read_some(&b, STREAM);
	tear_down(&b);
}

static void range_credit_is_kept(void)
{
	struct receive_buffer b;
	struct iovec iov[1];

	set_up(&b, SLOTS);
	for (unsigned i = 1; i <= RANGES; i++)
		deliver(&b, i * 10, i * 10 + 5, NULL);
	CHECK_EQ(b.ahead.count, RANGES);
	CHECK_EQ(receive_buffer_place(&b, &stock, 5000, 5001, iov, 1), 1);
	CHECK_EQ(receive_buffer_arrived(&b, 5000, 5001), -EPROTO);
	CHECK_EQ(b.ahead.count, RANGES);
	/* What fills a gap or the beginning needs no credit. */
	deliver(&b, 0, 3, NULL);
	CHECK_EQ(b.contiguous, 3);
	deliver(&b, 15, 20, NULL);
	CHECK_EQ(b.ahead.count, RANGES - 1);
	deliver(&b, 0, 100, NULL);
	CHECK_EQ(b.contiguous, 105);
	tear_down(&b);
}

static void one_fin_and_nothing_beyond(void)
{
	struct receive_buffer b;

	set_up(&b, SLOTS);
	deliver(&b, 0, 10, NULL);
	deliver(&b, 20, 30, NULL);
	CHECK_EQ(receive_buffer_finish(&b, 29), -EPROTO);
	CHECK_EQ(receive_buffer_finish(&b, UINT64_MAX), -EPROTO);
	CHECK_EQ(receive_buffer_finish(&b, 30), 0);
	CHECK_EQ(receive_buffer_finish(&b, 30), 0);
	CHECK_EQ(receive_buffer_finish(&b, 31), -EPROTO);
	CHECK_EQ(receive_buffer_check(&b, 30, 31), -EPROTO);
	CHECK_EQ(receive_buffer_check(&b, 30, 30), 0);
	CHECK_EQ(receive_buffer_cumulative(&b), 10);
	deliver(&b, 10, 20, NULL);
	CHECK_EQ(receive_buffer_cumulative(&b), 31);
	CHECK(!receive_buffer_finished(&b));
	read_some(&b, 29);
	CHECK(!receive_buffer_finished(&b));
	read_some(&b, 1);
	CHECK(receive_buffer_finished(&b));
	tear_down(&b);

	set_up(&b, SLOTS);
	CHECK_EQ(receive_buffer_finish(&b, 0), 0);
	CHECK_EQ(receive_buffer_cumulative(&b), 1);
	CHECK(receive_buffer_finished(&b));
	tear_down(&b);
}

/* Bytes that were had before change nothing, whoever says that they arrived. */
static void old_bytes_change_nothing(void)
{
	struct receive_buffer b;

	set_up(&b, SLOTS);
	deliver(&b, 0, 100, NULL);
	deliver(&b, 200, 300, NULL);
	CHECK_EQ(receive_buffer_arrived(&b, 0, 10), 0);
	CHECK_EQ(receive_buffer_arrived(&b, 50, 100), 0);
	CHECK_EQ(receive_buffer_arrived(&b, 250, 250), 0);
	CHECK_EQ(b.contiguous, 100);
	CHECK_EQ(b.ahead.count, 1);
	CHECK_EQ(receive_buffer_arrived(&b, 250, 300), 0);
	CHECK_EQ(b.contiguous, 100);
	CHECK_EQ(ranges_bytes(&b.ahead), 100);
	read_some(&b, STREAM);
	tear_down(&b);
}

/* The last offsets of a stream: no promise beyond them, and it may end at the very last. */
static void the_end_of_all_offsets(void)
{
	struct receive_buffer b;

	set_up(&b, 0);
	CHECK_EQ(receive_buffer_finish(&b, STREAM_OFFSET_MAX + 1), -EPROTO);
	CHECK_EQ(receive_buffer_finish(&b, STREAM_OFFSET_MAX), 0);
	CHECK_EQ(b.fin_offset, STREAM_OFFSET_MAX);
	b.consumed = b.contiguous = STREAM_OFFSET_MAX - LIMIT;
	receive_buffer_set_limit(&b, LIMIT);
	CHECK_EQ(receive_buffer_limit(&b), STREAM_OFFSET_MAX);
	b.consumed = b.contiguous = STREAM_OFFSET_MAX - 10;
	receive_buffer_set_limit(&b, LIMIT);
	CHECK_EQ(receive_buffer_limit(&b), STREAM_OFFSET_MAX);
	tear_down(&b);
}

/* What came before takes no blocks, even where its own are gone. */
static void blocks_for_what_is_missing_only(void)
{
	struct receive_buffer b;

	set_up(&b, SLOTS);
	deliver(&b, 0, BLOCK_BYTES, NULL);
	CHECK_EQ(receive_buffer_blocks_wanted(&b, 0, 10), 0);
	CHECK_EQ(receive_buffer_blocks_wanted(&b, 0, BLOCK_BYTES), 0);
	read_some(&b, BLOCK_BYTES);
	CHECK_EQ(b.table.held, 0);
	CHECK_EQ(receive_buffer_blocks_wanted(&b, 0, 10), 0);
	CHECK_EQ(receive_buffer_blocks_wanted(&b, 10, BLOCK_BYTES + 1), 1);
	tear_down(&b);
}

int main(void)
{
	CHECK_EQ(buffer_slots_for(LIMIT), SLOTS);
	RUN(disorder_comes_out_in_order);
	RUN(wanted_finds_each_gap);
	RUN(empty_blocks_go_back);
	RUN(refuses_what_was_not_promised);
	RUN(the_promise_stands);
	RUN(an_empty_stock_is_no_loss);
	RUN(range_credit_is_kept);
	RUN(one_fin_and_nothing_beyond);
	RUN(old_bytes_change_nothing);
	RUN(the_end_of_all_offsets);
	RUN(blocks_for_what_is_missing_only);
	return 0;
}
