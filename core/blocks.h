/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the core: blocks lent by the driver, and tables that lay a stream on them. */
#ifndef HAWSER_CORE_BLOCKS_H
#define HAWSER_CORE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "limits.h"

struct free_block {
	struct free_block *next;
};

/*
 * Blocks that nobody uses. The list lives in the blocks themselves, the last one given back on top
 * because its bytes are the likeliest to be in the cache:
 *
 *     first -> [next|......] -> [next|......] -> NULL
 *
 * A block belongs to the driver; while lent it is either here (free) or in a table.
 */
struct stock {
	struct free_block *first;
	unsigned free;          /* blocks on the list */
	unsigned lent;          /* those, and the ones in tables */
};

void stock_init(struct stock *stock);

/* The driver's side: lends a block (aligned for a pointer), takes a free one back (NULL: none). */
void stock_lend(struct stock *stock, void *block);
void *stock_reclaim(struct stock *stock);

/* The core's side: takes a block into use (NULL: none), gives it back. */
void *stock_take(struct stock *stock);
void stock_give(struct stock *stock, void *block);

/*
 * A window of the stream, laid on blocks. The block of an offset is in slot
 * (offset / BLOCK_BYTES) % capacity, so nothing moves when the window does:
 *
 *     base                                    base + capacity * BLOCK_BYTES
 *      |  block  |  block  |  NULL   |  block  |
 *
 * base is a multiple of BLOCK_BYTES and only grows.
 */
struct block_table {
	void **slots;           /* the caller's storage, not needed while held is 0; NULL where no block is */
	unsigned capacity;
	unsigned held;          /* blocks attached */
	uint64_t base;
};

/* Slots for a window of limit_bytes that starts anywhere in a block. */
unsigned buffer_slots_for(uint64_t limit_bytes);

void table_init(struct block_table *table, void **slots, unsigned capacity);

/*
 * Attaches blocks, in ascending order, wherever [start, end) has none. 0; -ENOMEM when the stock
 * ran out (what was attached stays); -ENOBUFS, and nothing attached, when that is outside the
 * window.
 */
int table_ensure(struct block_table *table, struct stock *stock, uint64_t start, uint64_t end);

/* How many blocks [start, end), a part of the window, lacks. */
unsigned table_blocks_missing(const struct block_table *table, uint64_t start, uint64_t end);

/*
 * The bytes at offset: *length of them, at most `want`, up to the end of their block. NULL, and
 * *length untouched, when no block is there.
 */
void *table_span(const struct block_table *table, uint64_t offset, uint64_t want, size_t *length);

/* The bytes of [start, end), one iovec a block, up to the first missing block or max iovecs. */
unsigned table_iov(const struct block_table *table, uint64_t start, uint64_t end,
		   struct iovec *iov, unsigned max);

/* Where `max` iovecs from start on end at the latest: end, or an earlier boundary of a block. */
uint64_t table_reach(uint64_t start, uint64_t end, unsigned max);

/* Gives back the blocks wholly inside [start, end); the window stays where it is. */
void table_release(struct block_table *table, struct stock *stock, uint64_t start, uint64_t end);

/* Gives back the blocks wholly below offset; the window then starts with the block of offset. */
void table_release_below(struct block_table *table, struct stock *stock, uint64_t offset);

void table_release_all(struct block_table *table, struct stock *stock);

#endif
