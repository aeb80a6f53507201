/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks for the sessions. */
#include "driver/memory.h"

#include <assert.h>
#include <stdlib.h>

void memory_init(struct memory *m)
{
	*m = (struct memory){ 0 };
	pthread_mutex_init(&m->lock, NULL);
}

void memory_fini(struct memory *m)
{
	assert(m->lent == 0);
	while (m->spare) {
		struct spare_block *block = m->spare;

		m->spare = block->next;
		free(block);
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
		m->lent++;
	}
	pthread_mutex_unlock(&m->lock);
	if (block)
		return block;

	block = aligned_alloc(4096, BLOCK_BYTES);
	if (block) {
		pthread_mutex_lock(&m->lock);
		m->lent++;
		pthread_mutex_unlock(&m->lock);
	}
	return block;
}

void memory_give(struct memory *m, void *memory)
{
	struct spare_block *block = memory;

	pthread_mutex_lock(&m->lock);
	assert(m->lent > 0);
	m->lent--;
	if (m->spare_count < MEMORY_SPARE_MAX) {
		block->next = m->spare;
		m->spare = block;
		m->spare_count++;
		block = NULL;
	}
	pthread_mutex_unlock(&m->lock);
	free(block);
}
