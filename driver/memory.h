/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of BLOCK_BYTES that the sessions are lent: a pool with a bounded cache, last in first out. */
#ifndef HAWSER_DRIVER_MEMORY_H
#define HAWSER_DRIVER_MEMORY_H

#include <pthread.h>
#include <stddef.h>

#include "core/limits.h"

/* Spare blocks kept for the next session rather than given back to the system: 16 MiB. */
#define MEMORY_SPARE_MAX 256u

struct spare_block {
	struct spare_block *next;
};

/* spare -> block -> block -> NULL; the list lives in the blocks. Usable from any thread. */
struct memory {
	pthread_mutex_t lock;
	struct spare_block *spare;
	unsigned spare_count;
	size_t lent;            /* blocks outside */
};

void memory_init(struct memory *m);
void memory_fini(struct memory *m);
void *memory_take(struct memory *m);    /* NULL: out of memory */
void memory_give(struct memory *m, void *block);

#endif
