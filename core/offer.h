/* SPDX-License-Identifier: Apache-2.0 */
/* What a dialler asks of an acceptor, as the HELLO or JOIN that carries it and back. */
#ifndef HAWSER_CORE_OFFER_H
#define HAWSER_CORE_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/limits.h"

/* The fields marked H travel in HELLO only, J in JOIN only. */
struct handshake_offer {
	bool join;
	uint8_t id[SESSION_ID_BYTES];
	uint8_t secret[SECRET_BYTES];           /* H; the dialler needs it for a JOIN too */
	uint16_t path_id;
	uint8_t carrier;
	uint8_t kind;                           /* H; an ACCEPT of another kind is a failure */
	uint8_t mode;                           /* H */
	uint64_t receive_limit;                 /* H */
	uint16_t range_credit;                  /* H */
	uint32_t resume_timeout_ms;             /* H */
	uint32_t orphan_timeout_ms;             /* H */
	uint16_t replaces;                      /* J */
	bool resume;                            /* J */
	uint8_t confirmed[NONCE_BYTES];         /* J; see handshake_accept_nonce */
};

/* As the frames' encoders and decoders. type: FRAME_HELLO or FRAME_JOIN, whose secret stays zero. */
size_t offer_encode(uint8_t *out, size_t capacity, const struct handshake_offer *offer,
		    const uint8_t nonce[NONCE_BYTES]);
int offer_decode(struct handshake_offer *out, uint8_t type, const uint8_t *payload, size_t length);

#endif
