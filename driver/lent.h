/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lent buffers: what the session sends from the program's own memory, and the tokens by which the program
 * takes it back.
 */
#ifndef HAWSER_DRIVER_LENT_H
#define HAWSER_DRIVER_LENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/limits.h"

struct endpoint;
struct hawser;

struct lent_buffer {
	void *token;            /* the program's; or the copy, when kept_bytes is not 0 */
	size_t kept_bytes;
	uint64_t loan;          /* it is back when so many loans of the session are; 0: it was copied */
};

/*
 * In the order in which they were lent, from first to first + count; of them those in front may be back:
 *
 *      first                                     first + count
 *        | back, not taken | out (or small: copied) ... |
 *
 * Made by the first lend. After hawser_close it holds what the session had to copy for the program's sake.
 */
struct lent {
	struct lent_buffer ring[LOANS_MAX];
	unsigned first, count;
	bool closed;                    /* by hawser_close: nobody takes back any more */
	uint64_t loans;                 /* made so far */
	bool wants_back, wants_room;    /* a call said EAGAIN, or would have: the descriptor tells */
	bool wanted_loan;               /* what the one that wants room asked for */
	size_t wanted_bytes;
};

/* The program's threads: as the public functions, with -errno. */
ssize_t lent_lend(struct hawser *h, const void *data, size_t length, void *token, int flags);
ssize_t lent_returned(struct hawser *h, void **tokens, int count, int timeout_ms);

/* The program's thread, after endpoint_closed: its memory is its own when this returns. */
void lent_settle(struct endpoint *ep);

/* Under ep->lock: one of these calls can go on, or the one that lends; that was told, and need not be told again. */
bool lent_can_go_on(struct endpoint *ep);
bool lent_may_lend(struct endpoint *ep);
void lent_told(struct endpoint *ep, const bool *but_not);

/* Under ep->lock, once the program has closed it, or the session has ended: frees what is not needed any more. */
void lent_look(struct endpoint *ep);

#endif
