/* SPDX-License-Identifier: Apache-2.0 */
/* What the program wrote and the peer has not acknowledged yet. */
#ifndef HAWSER_CORE_SEND_BUFFER_H
#define HAWSER_CORE_SEND_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "loans.h"

/*
 *      acknowledged                 end        space_end       acknowledged + limit_bytes + loans
 *  - - - -|#####|~~~~~~~~~~|#########|.............|                  |
 *  freed       kept for resending      being filled by the driver
 *           own     loan      own
 *
 * Its own bytes lie on the table's blocks, at their own offsets (loans.h); they alone count towards the
 * limit. After send_buffer_finish the FIN is a phantom byte at `end`: acknowledged may then be end + 1.
 * Blocks are held only where bytes are, or are about to be: a buffer with all acknowledged holds
 * none.
 */
struct send_buffer {
	struct block_table table;       /* by own offset */
	struct loans loans;
	uint64_t acknowledged;
	uint64_t end;           /* of the bytes, the phantom not counted */
	uint64_t space_end;     /* of the space handed out; end when there is none */
	uint64_t limit_bytes;
	bool finished;
};

/* slots: the caller's storage, at least buffer_slots_for(limit_bytes) of them. */
void send_buffer_init(struct send_buffer *b, void **slots, unsigned capacity,
		      uint64_t limit_bytes);

/* Gives every block back, whatever it holds. */
void send_buffer_fini(struct send_buffer *b, struct stock *stock);

/* The slots must do for the new limit. A smaller one takes nothing back, only stops the writer. */
void send_buffer_set_limit(struct send_buffer *b, uint64_t limit_bytes);

/* Bytes that may still be written; 0 after finish. */
uint64_t send_buffer_room(const struct send_buffer *b);

/* Blocks that it would take from the stock to accept `bytes` more (those within the room). */
unsigned send_buffer_blocks_wanted(const struct send_buffer *b, uint64_t bytes);

/*
 * Where the program's next bytes go: at most max iovecs, as far as the room and the stock allow (0:
 * no further). They stay valid, acknowledgements notwithstanding, until send_buffer_commit, which
 * must follow also when nothing was put there (n = 0): blocks that stayed empty go back.
 */
unsigned send_buffer_space(struct send_buffer *b, struct stock *stock, struct iovec *iov,
			   unsigned max);
void send_buffer_commit(struct send_buffer *b, struct stock *stock, size_t n);

/* Copies what the room and the stock allow; returns how much. Not between space and commit. */
size_t send_buffer_write(struct send_buffer *b, struct stock *stock, const void *data,
			 size_t length);

/* How long a loan may be now; 0: none is taken before something is acknowledged, or after finish. */
uint64_t send_buffer_loan_room(const struct send_buffer *b);

/*
 * Copies `head` (it may be empty), and behind it goes a loan: `length` bytes that stay where they are,
 * not to be changed before loans_returned counts it. All or nothing: 0; -ENOBUFS: no room for it,
 * -ENOMEM: no block in the stock. Not between space and commit.
 */
int send_buffer_borrow(struct send_buffer *b, struct stock *stock, const void *head, size_t head_length,
		       const void *bytes, uint64_t length);

/* The bytes of the i-th loan that are not acknowledged, and that they are elsewhere from now on. */
const void *send_buffer_loan(const struct send_buffer *b, unsigned i, size_t *length);
void send_buffer_loan_moved(struct send_buffer *b, unsigned i, const void *bytes);

/* No more bytes; adds the phantom. Twice is once. */
void send_buffer_finish(struct send_buffer *b);

/* End of the sequence space: of the bytes, and one more for the phantom after finish. */
uint64_t send_buffer_end(const struct send_buffer *b);

/*
 * The bytes of [start, end), which is within [acknowledged, send_buffer_end); the phantom is left
 * out. At most max iovecs. Valid until the range is acknowledged.
 */
unsigned send_buffer_read(const struct send_buffer *b, uint64_t start, uint64_t end,
			  struct iovec *iov, unsigned max);

/*
 * Copies the bytes of [start, end) to `out`, so that the rest of a half-written frame survives the
 * acknowledgement of its range: copy first, acknowledge then. Dropped loans read as zeros.
 */
void send_buffer_copy(const struct send_buffer *b, uint64_t start, uint64_t end, void *out);

/*
 * Everything below offset has reached the peer: frees it. An old offset changes nothing. -EPROTO
 * when it is beyond send_buffer_end. That a peer acknowledges no more than was sent is the caller's
 * to check.
 */
int send_buffer_acknowledge(struct send_buffer *b, struct stock *stock, uint64_t offset);

#endif
