/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two handshakes joined by wires that a test can cut, tamper with, record and replay.
 *
 *   dialler --- to_acceptor ---> acceptor
 *           <--- to_dialler ---
 */
#ifndef HAWSER_TEST_HANDSHAKE_PAIR_H
#define HAWSER_TEST_HANDSHAKE_PAIR_H

#include "core/handshake.h"
#include "test/test.h"

#define WIRE_MAX  4096u

struct wire {
	uint8_t bytes[WIRE_MAX];
	size_t read, written;
	size_t tamper_at;               /* which byte, ever, is changed on its way */
	uint8_t tamper_mask;
	size_t cut_at;                  /* what is written from here on is lost */
};

struct pair {
	struct handshake dialler, acceptor;
	struct wire to_acceptor, to_dialler;
	uint8_t session_secret[SECRET_BYTES];   /* what the acceptor thinks a JOIN's secret is */
	uint8_t acceptor_nonce[NONCE_BYTES];
	struct handshake_terms terms;
	enum reason refuse;             /* REASON_NONE: admit */
	bool confirm;
	size_t step;                    /* bytes moved at a time */
	time_ns now;
};

/* Bytes moved at a time, to be tried one after the other. */
#define STEP_COUNT 8u
extern const size_t steps[STEP_COUNT];

/* The offer of every test, and a nonce of bytes that count up. */
struct handshake_offer offer_of(bool join);
void nonce_of(uint8_t nonce[NONCE_BYTES], uint8_t first);

/* Nothing has moved yet; fields may be changed before it does. */
void pair_init(struct pair *p, bool join, struct protocol_versions dialler,
	       struct protocol_versions acceptor);
void wire_write(struct wire *w, const void *bytes, size_t length);
/* One step of writing, one of reading; whether anything moved. */
bool flush(struct handshake *h, struct wire *w, size_t step, time_ns now);
bool feed(struct handshake *h, struct wire *w, size_t step, time_ns now);
/* Does what the pair's fields say, until nothing moves any more. */
void run(struct pair *p);

void check_failed(const struct handshake *h, unsigned reason, bool by_peer);
void check_both_done(const struct pair *p, bool join);

#endif
