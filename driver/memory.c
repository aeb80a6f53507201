/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks for the sessions, and the budget. */
#include "driver/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/options.h"

static uint64_t system_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

	return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0;
}

uint64_t memory_budget(uint64_t of_bytes, const char *text)
{
	uint64_t bytes = of_bytes / MEMORY_PART;

	if (text && options_size(text, MEMORY_LEAST_BYTES, MEMORY_MOST_BYTES, &bytes))
		return bytes;
	return bytes > MEMORY_LEAST_BYTES ? bytes : MEMORY_LEAST_BYTES;
}

void memory_init(struct memory *m)
{
	*m = (struct memory){ .budget_bytes = memory_budget(system_bytes(), secure_getenv("HAWSER_MEMORY")) };
	pthread_mutex_init(&m->lock, NULL);
}

/*
 * Blocks are the system's, not the heap's: one that is not needed any more goes back to it at once, where a heap
 * keeps most, each with the pages that it once used.
 */
static void *block_new(void)
{
	void *block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return block != MAP_FAILED ? block : NULL;
}

/* False: there are as many mappings as may be, and this would be one more. */
static bool block_free(void *block)
{
	return munmap(block, BLOCK_BYTES) == 0;
}

static void keep_spare(struct memory *m, void *memory)
{
	struct spare_block *block = memory;

	block->next = m->spare;
	m->spare = block;
	m->spare_count++;
}

void memory_fini(struct memory *m)
{
	assert(m->lent == 0 && m->promised_bytes == 0);
	while (m->spare) {
		struct spare_block *block = m->spare;

		m->spare = block->next;
		(void)block_free(block);
	}
	pthread_mutex_destroy(&m->lock);
}

void *memory_take(struct memory *m)
{
	pthread_mutex_lock(&m->lock);
	struct spare_block *block = m->spare;
	if (block) {
		m->spare = block->next;
		m->spare_count--;
		if (m->spare_count < m->spare_least)
			m->spare_least = m->spare_count;
		m->lent++;
	}
	pthread_mutex_unlock(&m->lock);
	if (block)
		return block;

	block = block_new();
	if (block) {
		pthread_mutex_lock(&m->lock);
		m->lent++;
		pthread_mutex_unlock(&m->lock);
	}
	return block;
}

void memory_give(struct memory *m, void *block)
{
	bool kept;

	pthread_mutex_lock(&m->lock);
	assert(m->lent > 0);
	m->lent--;
	kept = m->spare_count < MEMORY_SPARE_MAX;
	if (kept)
		keep_spare(m, block);
	pthread_mutex_unlock(&m->lock);
	if (kept || block_free(block))
		return;
	pthread_mutex_lock(&m->lock);
	keep_spare(m, block);
	pthread_mutex_unlock(&m->lock);
}

/* Takes the last `count` off the list, those that have been spare for longest; under the lock. */
static struct spare_block *cut_spare(struct memory *m, unsigned count)
{
	struct spare_block **at = &m->spare, *cut;

	for (unsigned i = m->spare_count; i > count; i--)
		at = &(*at)->next;
	cut = *at;
	*at = NULL;
	m->spare_count -= count;
	return cut;
}

bool memory_trim(struct memory *m, time_ns now)
{
	struct spare_block *unwanted = NULL;
	bool left;

	pthread_mutex_lock(&m->lock);
	if (now - m->spare_since >= MEMORY_SPARE_NS) {
		unwanted = cut_spare(m, m->spare_least < MEMORY_TRIM_MAX ? m->spare_least : MEMORY_TRIM_MAX);
		m->spare_least = m->spare_count;
		m->spare_since = now;
	}
	left = m->spare_count > 0;
	pthread_mutex_unlock(&m->lock);
	while (unwanted) {
		struct spare_block *block = unwanted;

		unwanted = block->next;
		if (block_free(block))
			continue;
		pthread_mutex_lock(&m->lock);
		keep_spare(m, block);
		pthread_mutex_unlock(&m->lock);
	}
	return left;
}

static size_t blocks_for(size_t length)
{
	return (length + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

void *memory_take_bytes(struct memory *m, size_t length)
{
	void *bytes = memory_tight(m) ? NULL : malloc(length);

	if (bytes) {
		pthread_mutex_lock(&m->lock);
		m->lent += blocks_for(length);
		pthread_mutex_unlock(&m->lock);
	}
	return bytes;
}

void memory_give_bytes(struct memory *m, void *bytes, size_t length)
{
	pthread_mutex_lock(&m->lock);
	assert(m->lent >= blocks_for(length));
	m->lent -= blocks_for(length);
	pthread_mutex_unlock(&m->lock);
	free(bytes);
}

/* What one window may have of what others, with so many bytes, leave; under the lock. */
static uint64_t window_part(const struct memory *m, uint64_t others_bytes)
{
	uint64_t windows = m->budget_bytes / 2;

	return others_bytes < windows ? (windows - others_bytes) / MEMORY_WINDOW_PART : 0;
}

uint64_t memory_promise(struct memory *m, uint64_t want)
{
	pthread_mutex_lock(&m->lock);
	uint64_t part = window_part(m, m->promised_bytes);
	uint64_t most = part < MEMORY_START_BYTES ? MEMORY_SHARE_BYTES : MEMORY_START_BYTES;
	if (want > most)
		want = most;
	m->promised_bytes += want;
	pthread_mutex_unlock(&m->lock);
	return want;
}

uint64_t memory_promise_more(struct memory *m, uint64_t have, uint64_t want)
{
	uint64_t most, more = want > have ? want - have : 0;

	pthread_mutex_lock(&m->lock);
	assert(m->promised_bytes >= have);
	most = window_part(m, m->promised_bytes - have);
	if (want > most)
		more = most > have ? (most - have) / BLOCK_BYTES * BLOCK_BYTES : 0;
	m->promised_bytes += more;
	pthread_mutex_unlock(&m->lock);
	return have + more;
}

void memory_withdraw(struct memory *m, uint64_t bytes)
{
	pthread_mutex_lock(&m->lock);
	assert(bytes <= m->promised_bytes);
	m->promised_bytes -= bytes;
	pthread_mutex_unlock(&m->lock);
}

bool memory_promise_again(struct memory *m, uint64_t bytes)
{
	uint64_t windows = m->budget_bytes / 2;
	bool fits;

	pthread_mutex_lock(&m->lock);
	fits = bytes <= MEMORY_SHARE_BYTES ||
	       (m->promised_bytes <= windows && bytes <= windows - m->promised_bytes);
	if (fits)
		m->promised_bytes += bytes;
	pthread_mutex_unlock(&m->lock);
	return fits;
}

bool memory_tight(struct memory *m)
{
	bool tight;

	pthread_mutex_lock(&m->lock);
	tight = m->lent >= m->budget_bytes / 2 / BLOCK_BYTES;
	pthread_mutex_unlock(&m->lock);
	return tight;
}
