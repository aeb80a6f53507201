/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake of one carrier: who is there, which session, and proof of its secret both ways.
 *
 *   dialler                                  acceptor
 *   preamble, HELLO or JOIN ----------------> NEEDS_DECISION: handshake_admit or handshake_refuse
 *   verified <--------- preamble, ACCEPT      (refused: preamble, CLOSE)
 *   HELLO: ACCEPTED, until handshake_confirm
 *   CONFIRM --------------------------------> verified
 *   DONE                                      DONE
 *
 * The driver writes handshake_output() and reads exactly handshake_wants() bytes, so that the first
 * byte after the handshake is still in the carrier. Several dials may race: those that are closed
 * without a CONFIRM leave no session behind.
 */
#ifndef HAWSER_CORE_HANDSHAKE_H
#define HAWSER_CORE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/limits.h"
#include "core/offer.h"
#include "core/proof.h"
#include "core/reason.h"

struct protocol_versions {
	uint8_t min, max;
};

#define PROTOCOL_VERSIONS ((struct protocol_versions){ PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX })

/*
 *   IN_PROGRESS ---> NEEDS_DECISION (acceptor) ---> IN_PROGRESS ---> DONE
 *        \ `-------> ACCEPTED (HELLO's dialler) --> IN_PROGRESS ---'
 *         `--> FAILED
 * In every state but IN_PROGRESS nothing waits to be written or read.
 */
enum handshake_state {
	HANDSHAKE_IN_PROGRESS,
	HANDSHAKE_NEEDS_DECISION,
	HANDSHAKE_ACCEPTED,
	HANDSHAKE_DONE,
	HANDSHAKE_FAILED,
};

/* What the acceptor declares. */
struct handshake_terms {
	uint64_t receive_limit;
	uint16_t range_credit;
	uint32_t resume_timeout_ms;
	uint8_t kind;
};

/* What the peer said. All of it is covered by the proofs once state is ACCEPTED or DONE. */
struct handshake_peer {
	struct protocol_versions versions;      /* 0, 0 until its preamble came */
	uint8_t version;                        /* the one in use; 0 until chosen */
	/* From ACCEPT, or from HELLO. A JOIN declares nothing: zeros, the first ACK tells. */
	struct handshake_terms terms;
};

struct handshake_failure {
	uint16_t reason;                        /* enum reason, or what the peer's CLOSE said */
	uint16_t detail;                        /* of the CLOSE, the own or the peer's */
	bool by_peer;                           /* the peer said so in a CLOSE */
	bool authenticated;                     /* and had proved before that it knows the secret */
};

struct handshake {
	enum handshake_state state;
	bool dialler;
	bool greeted;                           /* the own preamble is in a flight already */
	bool proved;                            /* the acceptor's MAC was right */
	struct protocol_versions own;
	struct handshake_offer offer;           /* own or parsed; the secret in use is in it */
	struct handshake_peer peer;
	struct proof proof;
	struct handshake_failure failure;

	/* Reading: one preamble, header or payload at a time; nothing, when all that is wanted is there. */
	uint8_t reading;                        /* enum reading, handshake.c */
	struct frame_header header;
	uint8_t input[FRAME_HELLO_BYTES];
	size_t input_have, input_want;
	size_t discard;                         /* payload of an unreadable offer still to come */

	/* Writing: one flight at a time, and the state once it is written. */
	enum handshake_state after_output;
	uint8_t output[PREAMBLE_BYTES + FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
	size_t output_sent, output_length;

	time_ns flight_sent;                    /* when the last byte of a flight was written */
	time_ns rtt_ns;                         /* -1: not measured */
};

/* The offer is copied. The nonce is fresh random, never used for another handshake. */
void handshake_dial(struct handshake *h, struct protocol_versions versions,
		    const struct handshake_offer *offer, const uint8_t nonce[NONCE_BYTES]);
void handshake_answer(struct handshake *h, struct protocol_versions versions);
/* Forgets everything, the secret first of all, and has FAILED then; allowed in every state. */
void handshake_fini(struct handshake *h);

/* Bytes to write now, at *bytes, which is untouched when there are none. */
size_t handshake_output(const struct handshake *h, const uint8_t **bytes);
void handshake_sent(struct handshake *h, size_t length, time_ns now);

/* How many bytes to read, at most and before anything happens; 0: read nothing. */
size_t handshake_wants(const struct handshake *h);
/* Where they go; the same number. */
size_t handshake_input_space(struct handshake *h, uint8_t **space);
/* length bytes, no more than wanted, are there. */
void handshake_received(struct handshake *h, size_t length, time_ns now);

enum handshake_state handshake_state(const struct handshake *h);

/* The peer's offer, from NEEDS_DECISION on. A JOIN's secret is zero until handshake_admit. */
const struct handshake_offer *handshake_offer(const struct handshake *h);
/*
 * NEEDS_DECISION. secret: of the session that a JOIN names; for a HELLO unused, may be NULL.
 * A HELLO of another kind than terms->kind is refused.
 */
void handshake_admit(struct handshake *h, const uint8_t *secret, const uint8_t nonce[NONCE_BYTES],
		     const struct handshake_terms *terms);
/* ACCEPTED: this dial has won. */
void handshake_confirm(struct handshake *h);
/* NEEDS_DECISION or ACCEPTED: says no by a CLOSE, then FAILED. */
void handshake_refuse(struct handshake *h, enum reason reason, uint16_t detail);

/*
 * The nonce of the ACCEPT, once it was sent or received. It names what was answered and confirmed: every
 * JOIN of the session carries it, so that an acceptor whom the CONFIRM never reached takes the JOIN for it.
 */
const uint8_t *handshake_accept_nonce(const struct handshake *h);

const struct handshake_peer *handshake_peer(const struct handshake *h);
/* In state FAILED. */
const struct handshake_failure *handshake_failure(const struct handshake *h);
/* Offer to ACCEPT, or ACCEPT to CONFIRM (and however long that was held back). -1: not measured. */
time_ns handshake_rtt_ns(const struct handshake *h);

#endif
