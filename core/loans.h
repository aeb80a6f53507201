/* SPDX-License-Identifier: Apache-2.0 */
/* Loans: parts of the stream that lie in the program's own memory until they are acknowledged. */
#ifndef HAWSER_CORE_LOANS_H
#define HAWSER_CORE_LOANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/blocks.h"

struct loan {
	uint64_t start, end;            /* of the stream; never empty */
	uint64_t before;                /* bytes that were loans below start, all that ever were */
	const uint8_t *bytes;           /* of start; NULL: taken back before it was acknowledged */
};

/*
 * The loans that are out, in the order of the stream, in a ring on one block of the stock, which is
 * held only while there are any. Everything between two loans lies in blocks of the send buffer, and
 * as if the loans were not there: a byte's own offset is its offset without the loans below it.
 *
 *   stream   |  own  |   loan 0   | own |  loan 1  |      own ...
 *   own      |  own  | own |      own ...
 *
 * All zeros: none were made yet.
 */
struct loans {
	struct loan *ring;              /* LOANS_MAX of them, or NULL */
	unsigned first, count;
	uint64_t taken;                 /* loans ever made */
	uint64_t bytes;                 /* loan bytes ever, those of the ring included */
	bool dropped;                   /* all were given back, acknowledged or not */
};

/* All count as given back. */
void loans_fini(struct loans *l, struct stock *stock);

/* Blocks that loans_add would take from the stock: 0 or 1. */
unsigned loans_blocks_wanted(const struct loans *l);
/* The caller has seen to room and block; start is not below the last one's end, length not 0. */
void loans_add(struct loans *l, struct stock *stock, uint64_t start, const void *bytes, uint64_t length);

/* The i-th that is out, the oldest first. */
struct loan *loans_at(const struct loans *l, unsigned i);
/* The loan that offset lies in, else the next one above it; NULL: none. */
const struct loan *loans_from(const struct loans *l, uint64_t offset);
/* The own offset of a byte, or of the next byte that is no loan's; offset is at or above all that went. */
uint64_t loans_own(const struct loans *l, uint64_t offset);

/* Those that end at or below offset are given back. */
void loans_release_below(struct loans *l, struct stock *stock, uint64_t offset);
/* All are given back, and none is made any more; where they lay is still known. */
void loans_drop(struct loans *l);

/* How many were given back, in the order in which they were made. */
uint64_t loans_returned(const struct loans *l);

#endif
