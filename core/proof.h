/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proofs of the handshake, PROTOCOL.md "Proofs": the MAC by which one side proves, on this carrier
 * and no other, that it knows the session's secret. It covers all that was said before.
 */
#ifndef HAWSER_CORE_PROOF_H
#define HAWSER_CORE_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"

/* Payloads as on the wire, zeros where the secret and the MAC stand. */
struct proof {
	bool join;
	uint8_t preambles[2][PREAMBLE_BYTES];   /* the dialler's, the acceptor's */
	uint8_t offer[FRAME_HELLO_BYTES];
	uint8_t accept[FRAME_ACCEPT_BYTES];     /* the nonce first */
};

/* All of these before a MAC is computed; the ACCEPT with or without its MAC. */
void proof_keep_preamble(struct proof *p, bool of_dialler, uint8_t min_version, uint8_t max_version);
void proof_keep_offer(struct proof *p, bool join, const uint8_t *payload);
void proof_keep_accept(struct proof *p, const uint8_t payload[FRAME_ACCEPT_BYTES]);

void proof_compute(const struct proof *p, const uint8_t secret[SECRET_BYTES], bool of_dialler,
		   uint8_t mac[MAC_BYTES]);
/* In constant time. */
bool proof_right(const struct proof *p, const uint8_t secret[SECRET_BYTES], bool of_dialler,
		 const uint8_t mac[MAC_BYTES]);

#endif
