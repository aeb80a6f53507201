/* SPDX-License-Identifier: Apache-2.0 */
/* The union of what arrived, by whatever path, until the program takes it. */
#ifndef HAWSER_CORE_RECEIVE_BUFFER_H
#define HAWSER_CORE_RECEIVE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "ranges.h"

#define FIN_UNKNOWN UINT64_MAX

/*
 *       consumed        contiguous       ahead.at[0]  ahead.at[1]          limit
 *  - - - - -|################|. . . . . . . .[####). . . .[##). . . . . . . .|
 *  taken by   for the program     missing                       promised to the peer
 *  the program  to read
 *
 * Bytes below contiguous are never written again: the program may be reading them, or their block
 * may be gone. limit = consumed + limit_bytes, but what was promised is never taken back.
 */
struct receive_buffer {
	struct block_table table;
	struct ranges ahead;    /* all of them above contiguous and none touching it */
	uint64_t consumed;
	uint64_t contiguous;
	uint64_t limit;
	uint64_t limit_bytes;
	uint64_t fin_offset;    /* FIN_UNKNOWN until the FIN is heard of */
};

/*
 * slots: at least buffer_slots_for(limit_bytes). ranges: how many separate ranges the peer may make
 * the buffer hold. Both are the caller's storage.
 */
void receive_buffer_init(struct receive_buffer *b, void **slots, unsigned capacity,
			 struct range *ranges, unsigned range_capacity, uint64_t limit_bytes);

/* Gives every block back, whatever it holds. */
void receive_buffer_fini(struct receive_buffer *b, struct stock *stock);

/* The slots must do for the new limit. A smaller one shows when the program has read enough. */
void receive_buffer_set_limit(struct receive_buffer *b, uint64_t limit_bytes);

/* The peer was promised all below offset, within the slots, in an earlier life of this buffer. */
void receive_buffer_promised(struct receive_buffer *b, uint64_t offset);

/*
 * Data frames. For each, in this order:
 *   check   once for the whole frame: 0, or -EPROTO when the peer had no right to send it
 *   then, while wanted says so, for the bytes of the frame not dealt with yet:
 *   wanted  narrows [*start, *end) to its first stretch that is missing. What is before it is read
 *           and dropped; false (and both untouched) says that of all the rest.
 *   place   where the bytes of that stretch go
 *   arrived what has been put there, from the stretch's start on
 * Iovecs from place serve only until the next call that changes the buffer: they are for a read
 * that is done at once, and the rest of the frame asks again.
 */
int receive_buffer_check(const struct receive_buffer *b, uint64_t start, uint64_t end);
bool receive_buffer_wanted(const struct receive_buffer *b, uint64_t *start, uint64_t *end);

/*
 * start >= contiguous, as wanted gives it; max > 0. The number of iovecs, which may cover only the
 * beginning of [start, end) when max or the stock ends earlier; 0 for an empty range; -ENOMEM when
 * the stock has no block for its first byte; -EPROTO as check.
 */
int receive_buffer_place(struct receive_buffer *b, struct stock *stock, uint64_t start,
			 uint64_t end, struct iovec *iov, unsigned max);

/* Blocks that place would take from the stock for [start, end), which has passed check. */
unsigned receive_buffer_blocks_wanted(const struct receive_buffer *b, uint64_t start,
				      uint64_t end);

/*
 * [start, end), or the part of it that was missing, is stored. 0; -EPROTO, and nothing changed, as
 * check or when that would be one separate range more than the peer has credit for.
 */
int receive_buffer_arrived(struct receive_buffer *b, uint64_t start, uint64_t end);

/*
 * The next `length` bytes in order, which have passed check, went to the program without coming here. Only
 * while it has taken all that was readable.
 */
void receive_buffer_passed(struct receive_buffer *b, struct stock *stock, uint64_t length);

/* The stream ends at offset: 0, or -EPROTO when another FIN or bytes that arrived contradict it. */
int receive_buffer_finish(struct receive_buffer *b, uint64_t offset);

/* What the program may read now: at most max iovecs, valid until that much is consumed. */
unsigned receive_buffer_readable(const struct receive_buffer *b, struct iovec *iov, unsigned max);
uint64_t receive_buffer_readable_bytes(const struct receive_buffer *b);

/* The program has taken n bytes, no more than were readable. */
void receive_buffer_consume(struct receive_buffer *b, struct stock *stock, uint64_t n);

/* Whether the program has taken everything up to the FIN. */
bool receive_buffer_finished(const struct receive_buffer *b);

/* What an ACK says: the first offset still missing, the FIN counted as one byte. */
uint64_t receive_buffer_cumulative(const struct receive_buffer *b);

/* The offset that the peer's bytes must not pass; never decreases. */
uint64_t receive_buffer_limit(const struct receive_buffer *b);

#endif
