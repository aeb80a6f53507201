/* SPDX-License-Identifier: Apache-2.0 */
/* The sending direction of a session: the bytes, who carries them, and how far the peer lets us go. */
#ifndef HAWSER_CORE_SENDER_H
#define HAWSER_CORE_SENDER_H

#include "core/converge.h"
#include "core/flight.h"
#include "core/path.h"
#include "core/send_buffer.h"
#include "core/session.h"

struct sender {
	struct send_buffer buffer;
	struct flight flight;
	struct converge converge;
	enum session_mode mode;
	bool overdue_off;
	time_ns floor_ns;               /* never suspect sooner */
	uint64_t peer_limit;            /* offset that bytes must not pass */
	unsigned peer_credit;           /* separate ranges the peer can hold */
	struct path *paths[PATHS_MAX];  /* by slot; NULL: free */
	uint64_t duplicate_bytes;
	uint64_t start_bytes, most_bytes;       /* between which the buffer's limit is set */
};

/* The offset that may be sent up to now, FIN's phantom included. */
uint64_t sender_reach(const struct sender *s);
/* The peer holds [start, end), or everything below cumulative. -EPROTO: it cannot have that. */
int sender_acknowledge_range(struct sender *s, uint64_t start, uint64_t end);
int sender_acknowledge(struct sender *s, struct stock *stock, uint64_t cumulative);
/*
 * Gives back all loans, acknowledged or not; nothing new is sent any more. Not before the rest of each
 * half written frame has a place of its own: that may take another call, when there are blocks again.
 */
void sender_drop_loans(struct sender *s, struct stock *stock);
/* Bytes per second of all usable paths together. */
uint64_t sender_rate(const struct sender *s);
/* The limit of the buffer at first and at rest; it grows as the paths want to be filled. */
void sender_rest(struct sender *s);
void sender_grow(struct sender *s);
/* Cuts what the program wrote into stretches, as far as there is room for them. */
void sender_extend(struct sender *s);

#endif
