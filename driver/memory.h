/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what the sessions carry: blocks of BLOCK_BYTES from a pool with a bounded cache, last in first
 * out, and one budget for all of them.
 *
 * Half of the budget is for windows. A window is promised to a peer and cannot be taken back, and a carrier
 * that is not read looks dead: so what a peer may send is settled before it may, not when it comes. Each begins
 * small, with a share at least, and grows by what its program consumes, while there is something left. The other
 * half is for what programs write: when it is used up, a session that keeps a share waits for its peer.
 */
#ifndef HAWSER_DRIVER_MEMORY_H
#define HAWSER_DRIVER_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

/* Spare blocks kept for the next session rather than given back to the system: 16 MiB. */
#define MEMORY_SPARE_MAX 256u
/* ... and those that nobody wanted for so long are given back, so many at a time. */
#define MEMORY_SPARE_NS  NS_PER_S
#define MEMORY_TRIM_MAX  64u
/* What every session has in either direction, whatever the budget: the least that either buffer may be. */
#define MEMORY_SHARE_BYTES (256u << 10)
/* What a window begins with, when that is no more than the part that it may grow to; else a share. */
#define MEMORY_START_BYTES (1u << 20)
/* A window grows to no more than this part of what others leave for windows: the next ones find something, too. */
#define MEMORY_WINDOW_PART 8u
/* The budget: a part of the system's memory, or what the environment says. */
#define MEMORY_PART        4u
#define MEMORY_LEAST_BYTES (UINT64_C(64) << 20)
#define MEMORY_MOST_BYTES  (UINT64_C(1) << 50)

struct spare_block {
	struct spare_block *next;
};

/* spare -> block -> block -> NULL; the list lives in the blocks. Usable from any thread. */
struct memory {
	pthread_mutex_t lock;
	struct spare_block *spare;
	unsigned spare_count;
	unsigned spare_least;   /* that there have been since spare_since: nobody wanted these */
	time_ns spare_since;
	size_t lent;            /* blocks outside */
	uint64_t budget_bytes;
	uint64_t promised_bytes; /* the sum of all windows */
};

void memory_init(struct memory *m);
void memory_fini(struct memory *m);
void *memory_take(struct memory *m);    /* NULL: out of memory */
void memory_give(struct memory *m, void *block);
/* Now and then: gives back what has been spare since the last time. False: nothing is spare any more. */
bool memory_trim(struct memory *m, time_ns now);
/* Memory of another length, counted as the blocks that it would fill. */
void *memory_take_bytes(struct memory *m, size_t length);
void memory_give_bytes(struct memory *m, void *bytes, size_t length);

/* text: HAWSER_MEMORY of the environment, or NULL; what is no size from 64M on counts as nothing. */
uint64_t memory_budget(uint64_t system_bytes, const char *text);

/*
 * The window of a new session: what it begins with, or `want` if that is less. It counts until memory_withdraw. Growing:
 * one of `have` bytes may have what is returned, `want` or less, but not less than it has. The sum is at most
 * half of the budget and a share for each session.
 */
uint64_t memory_promise(struct memory *m, uint64_t want);
uint64_t memory_promise_more(struct memory *m, uint64_t have, uint64_t want);
void memory_withdraw(struct memory *m, uint64_t bytes);
/* The window that had been promised, and withdrawn. False: it is not to be had now. */
bool memory_promise_again(struct memory *m, uint64_t bytes);

/* Half of the budget is lent: who keeps a share of what is not acknowledged waits, and nobody keeps spare blocks. */
bool memory_tight(struct memory *m);

#endif
