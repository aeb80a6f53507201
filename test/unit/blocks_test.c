/* SPDX-License-Identifier: Apache-2.0 */
/* Stock and table: no block is lost or had twice, and every offset finds its own bytes. */
#include "../../core/blocks.h"

#include <errno.h>

#include "../test.h"

#define B     ((uint64_t)BLOCK_BYTES)
#define SLOTS 5u

static void *memory[8];

static void lend(struct stock *stock, unsigned count)
{
	stock_init(stock);
	for (unsigned i = 0; i < count; i++) {
		memory[i] = malloc(BLOCK_BYTES);
		CHECK(memory[i]);
		stock_lend(stock, memory[i]);
	}
}

/* Everything that was lent must be free again. */
static void reclaim(struct stock *stock, unsigned count)
{
	CHECK_EQ(stock->free, count);
	for (unsigned i = 0; i < count; i++)
		free(stock_reclaim(stock));
	CHECK(!stock_reclaim(stock));
	CHECK_EQ(stock->lent, 0);
}

static void the_last_block_back_is_the_first_out(void)
{
	struct stock stock;

	lend(&stock, 3);
	CHECK_EQ(stock.free, 3);
	void *one = stock_take(&stock), *two = stock_take(&stock), *three = stock_take(&stock);
	CHECK(one == memory[2] && two == memory[1] && three == memory[0]);
	CHECK(!stock_take(&stock));
	CHECK(!stock_reclaim(&stock));
	CHECK_EQ(stock.lent, 3);
	stock_give(&stock, two);
	stock_give(&stock, one);
	CHECK(stock_take(&stock) == one);
	stock_give(&stock, one);
	stock_give(&stock, three);
	reclaim(&stock, 3);
}

static void attaches_what_is_missing(void)
{
	void *slots[SLOTS];
	struct block_table table;
	struct stock stock;
	struct iovec iov[SLOTS];

	lend(&stock, 3);
	table_init(&table, slots, SLOTS);
	CHECK_EQ(table_ensure(&table, &stock, 7, 7), 0);
	CHECK_EQ(table.held, 0);
	CHECK_EQ(table_blocks_missing(&table, B - 1, B + 1), 2);
	CHECK_EQ(table_ensure(&table, &stock, B - 1, B + 1), 0);
	CHECK_EQ(table_blocks_missing(&table, 0, 2 * B), 0);
	CHECK_EQ(table_blocks_missing(&table, 0, 5 * B), 3);
	CHECK_EQ(table_blocks_missing(&table, 0, 0), 0);
	CHECK_EQ(table_ensure(&table, &stock, 0, 2 * B), 0);
	CHECK_EQ(table.held, 2);

	CHECK_EQ(table_ensure(&table, &stock, B, 4 * B), -ENOMEM);
	CHECK_EQ(table.held, 3);
	CHECK_EQ(table_iov(&table, 10, 4 * B, iov, SLOTS), 3);
	CHECK_EQ(iov[0].iov_len, B - 10);
	CHECK(iov[0].iov_base == (char *)slots[0] + 10);
	CHECK(iov[2].iov_base == slots[2]);
	CHECK_EQ(iov[2].iov_len, B);
	CHECK_EQ(table_iov(&table, 10, 4 * B, iov, 2), 2);
	CHECK_EQ(table_iov(&table, 10, 15, iov, SLOTS), 1);
	CHECK_EQ(iov[0].iov_len, 5);
	table_release_all(&table, &stock);
	reclaim(&stock, 3);
}

static void the_window_moves_up_only(void)
{
	void *slots[SLOTS];
	struct block_table table;
	struct stock stock;

	lend(&stock, 6);
	table_init(&table, slots, SLOTS);
	CHECK_EQ(table_ensure(&table, &stock, 0, SLOTS * B), 0);
	CHECK_EQ(table_ensure(&table, &stock, 0, SLOTS * B + 1), -ENOBUFS);
	CHECK_EQ(table_ensure(&table, &stock, UINT64_MAX - 1, UINT64_MAX), -ENOBUFS);
	CHECK_EQ(table.held, SLOTS);
	table_release_below(&table, &stock, 2 * B - 1);
	CHECK_EQ(table.held, SLOTS - 1);
	CHECK_EQ(table.base, B);
	table_release_below(&table, &stock, 5);
	CHECK_EQ(table.base, B);
	CHECK_EQ(table_ensure(&table, &stock, 0, 1), -ENOBUFS);
	CHECK_EQ(table_ensure(&table, &stock, SLOTS * B, SLOTS * B + 1), 0);
	CHECK_EQ(table.held, SLOTS);

	table_release(&table, &stock, 2 * B + 1, 4 * B + 1);
	CHECK_EQ(table.held, SLOTS - 1);
	CHECK_EQ(table.base, B);
	CHECK_EQ(table_blocks_missing(&table, 3 * B, 4 * B), 1);
	table_release(&table, &stock, 4 * B, 4 * B);
	table_release(&table, &stock, UINT64_MAX - 5, UINT64_MAX);
	CHECK_EQ(table.held, SLOTS - 1);

	/* Below the window lies nothing, though its slots are those of blocks above. */
	table_release(&table, &stock, 0, B);
	table_release(&table, &stock, 0, 2 * B - 1);
	CHECK_EQ(table.held, SLOTS - 1);

	/* A step of any width takes no longer than the window is long. */
	table_release_below(&table, &stock, STREAM_OFFSET_MAX);
	CHECK_EQ(table.held, 0);
	CHECK_EQ(table.base, STREAM_OFFSET_MAX);
	CHECK_EQ(table_ensure(&table, &stock, STREAM_OFFSET_MAX + 1, STREAM_OFFSET_MAX + 2), 0);
	table_release_all(&table, &stock);
	reclaim(&stock, 6);
}

static void every_offset_finds_its_own_bytes(void)
{
	void *slots[SLOTS];
	struct block_table table;
	struct stock stock;
	size_t length = 99;

	lend(&stock, SLOTS);
	table_init(&table, slots, SLOTS);
	table_release_below(&table, &stock, 3 * B);
	CHECK(!table_span(&table, 3 * B, 1, &length));
	CHECK_EQ(table_ensure(&table, &stock, 3 * B, (3 + SLOTS) * B), 0);
	for (unsigned i = 0; i < SLOTS; i++) {
		char *bytes = table_span(&table, (3 + i) * B, UINT64_MAX, &length);

		CHECK_EQ(length, B);
		memset(bytes, 'a' + (int)i, length);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		const char *bytes = table_span(&table, (4 + i) * B - 3, 7, &length);

		CHECK_EQ(length, 3);
		CHECK_EQ(bytes[0], 'a' + (int)i);
		CHECK_EQ(bytes[2], 'a' + (int)i);
	}
	length = 99;
	CHECK(!table_span(&table, 3 * B - 1, 1, &length));
	CHECK(!table_span(&table, (3 + SLOTS) * B, 1, &length));
	CHECK_EQ(length, 99);
	table_release_all(&table, &stock);
	reclaim(&stock, SLOTS);
}

static void reach_counts_iovecs(void)
{
	CHECK_EQ(table_reach(5, 10 * B, 1), B);
	CHECK_EQ(table_reach(B, 10 * B, 2), 3 * B);
	CHECK_EQ(table_reach(5, 10, 1), 10);
	CHECK_EQ(table_reach(5, 10, 0), 5);
	CHECK_EQ(table_reach(5, UINT64_MAX, 1), B);
}

static void slots_do_for_any_window(void)
{
	/* A block and a byte, from the last byte of a block on, lie on three. */
	CHECK_EQ(buffer_slots_for(B + 1), 3);
	CHECK_EQ(buffer_slots_for(B), 3);
	CHECK_EQ(buffer_slots_for(1), 2);
}

int main(void)
{
	RUN(the_last_block_back_is_the_first_out);
	RUN(attaches_what_is_missing);
	RUN(the_window_moves_up_only);
	RUN(every_offset_finds_its_own_bytes);
	RUN(reach_counts_iovecs);
	RUN(slots_do_for_any_window);
	return 0;
}
