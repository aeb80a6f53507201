/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: who has them, and which part of a stream lies on which. */
#include "blocks.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

void stock_init(struct stock *stock)
{
	*stock = (struct stock){ 0 };
}

static void push(struct stock *stock, void *memory)
{
	struct free_block *block = memory;

	assert(block && (uintptr_t)memory % _Alignof(struct free_block) == 0);
	block->next = stock->first;
	stock->first = block;
	stock->free++;
}

static void *pop(struct stock *stock)
{
	struct free_block *block = stock->first;

	assert((block != NULL) == (stock->free > 0));
	if (block) {
		stock->first = block->next;
		stock->free--;
	}
	return block;
}

void stock_lend(struct stock *stock, void *block)
{
	push(stock, block);
	stock->lent++;
}

void *stock_reclaim(struct stock *stock)
{
	void *block = pop(stock);

	if (block)
		stock->lent--;
	return block;
}

void *stock_take(struct stock *stock)
{
	return pop(stock);
}

void stock_give(struct stock *stock, void *block)
{
	assert(stock->free < stock->lent);      /* else it was given back twice, or never lent */
	push(stock, block);
}

unsigned buffer_slots_for(uint64_t limit_bytes)
{
	uint64_t slots = limit_bytes / BLOCK_BYTES + 2;

	assert(slots <= UINT_MAX);
	return (unsigned)slots;
}

static uint64_t window_end(const struct block_table *table)
{
	return table->base + (uint64_t)table->capacity * BLOCK_BYTES;
}

static uint64_t block_start(uint64_t offset)
{
	return offset - offset % BLOCK_BYTES;
}

static void **slot_of(const struct block_table *table, uint64_t offset)
{
	return &table->slots[offset / BLOCK_BYTES % table->capacity];
}

void table_init(struct block_table *table, void **slots, unsigned capacity)
{
	assert(capacity > 0);
	if (slots)
		memset(slots, 0, capacity * sizeof *slots);
	*table = (struct block_table){ .slots = slots, .capacity = capacity };
}

int table_ensure(struct block_table *table, struct stock *stock, uint64_t start, uint64_t end)
{
	assert(start <= end);
	if (start == end)
		return 0;
	if (start < table->base || end > window_end(table))
		return -ENOBUFS;

	for (uint64_t offset = block_start(start); offset < end; offset += BLOCK_BYTES) {
		void **slot = slot_of(table, offset);

		if (*slot)
			continue;
		*slot = stock_take(stock);
		if (!*slot)
			return -ENOMEM;
		table->held++;
	}
	return 0;
}

unsigned table_blocks_missing(const struct block_table *table, uint64_t start, uint64_t end)
{
	unsigned missing = 0;

	assert(start <= end);
	if (start == end)
		return 0;
	assert(start >= table->base && end <= window_end(table));
	for (uint64_t offset = block_start(start); offset < end; offset += BLOCK_BYTES)
		missing += !*slot_of(table, offset);
	return missing;
}

void *table_span(const struct block_table *table, uint64_t offset, uint64_t want, size_t *length)
{
	size_t skip = offset % BLOCK_BYTES;

	if (offset < table->base || offset >= window_end(table) || !*slot_of(table, offset))
		return NULL;
	*length = want < BLOCK_BYTES - skip ? (size_t)want : BLOCK_BYTES - skip;
	return (char *)*slot_of(table, offset) + skip;
}

unsigned table_iov(const struct block_table *table, uint64_t start, uint64_t end,
		   struct iovec *iov, unsigned max)
{
	unsigned used = 0;

	assert(start <= end);
	while (start < end && used < max) {
		size_t length;
		void *bytes = table_span(table, start, end - start, &length);

		if (!bytes)
			break;
		iov[used++] = (struct iovec){ .iov_base = bytes, .iov_len = length };
		start += length;
	}
	return used;
}

uint64_t table_reach(uint64_t start, uint64_t end, unsigned max)
{
	uint64_t bytes = (uint64_t)max * BLOCK_BYTES - (max ? start % BLOCK_BYTES : 0);

	assert(start <= end);
	return end - start < bytes ? end : start + bytes;
}

void table_release(struct block_table *table, struct stock *stock, uint64_t start, uint64_t end)
{
	if (start < table->base)
		start = table->base;
	if (end > window_end(table))
		end = window_end(table);
	if (start >= end)
		return;

	uint64_t offset = block_start(start + BLOCK_BYTES - 1);
	for (; offset < block_start(end) && table->held > 0; offset += BLOCK_BYTES) {
		void **slot = slot_of(table, offset);

		if (!*slot)
			continue;
		stock_give(stock, *slot);
		*slot = NULL;
		table->held--;
	}
}

void table_release_below(struct block_table *table, struct stock *stock, uint64_t offset)
{
	assert(offset <= STREAM_OFFSET_MAX);
	table_release(table, stock, table->base, offset);
	if (block_start(offset) > table->base)
		table->base = block_start(offset);
}

void table_release_all(struct block_table *table, struct stock *stock)
{
	table_release(table, stock, table->base, window_end(table));
	assert(table->held == 0);
}
