/* SPDX-License-Identifier: Apache-2.0 */
/* Offers to frames and back. */
#include "core/offer.h"

#include <string.h>

#include "core/hmac.h"

static size_t encode_hello(uint8_t *out, size_t capacity, const struct handshake_offer *offer,
			   const uint8_t nonce[NONCE_BYTES])
{
	struct frame_hello hello = {
		.path_id = offer->path_id,
		.kind = offer->kind,
		.mode = offer->mode,
		.carrier = offer->carrier,
		.receive_limit = offer->receive_limit,
		.range_credit = offer->range_credit,
		.resume_timeout_ms = offer->resume_timeout_ms,
		.orphan_timeout_ms = offer->orphan_timeout_ms,
	};
	size_t length;

	memcpy(hello.id, offer->id, sizeof hello.id);
	memcpy(hello.secret, offer->secret, sizeof hello.secret);
	memcpy(hello.nonce, nonce, sizeof hello.nonce);
	length = frame_hello_encode(out, capacity, &hello);
	wipe(&hello, sizeof hello);
	return length;
}

static size_t encode_join(uint8_t *out, size_t capacity, const struct handshake_offer *offer,
			  const uint8_t nonce[NONCE_BYTES])
{
	struct frame_join join = {
		.path_id = offer->path_id,
		.replaces = offer->replaces,
		.carrier = offer->carrier,
		.resume = offer->resume,
	};

	memcpy(join.id, offer->id, sizeof join.id);
	memcpy(join.nonce, nonce, sizeof join.nonce);
	memcpy(join.confirmed, offer->confirmed, sizeof join.confirmed);
	return frame_join_encode(out, capacity, &join);
}

size_t offer_encode(uint8_t *out, size_t capacity, const struct handshake_offer *offer,
		    const uint8_t nonce[NONCE_BYTES])
{
	return offer->join ? encode_join(out, capacity, offer, nonce) :
			     encode_hello(out, capacity, offer, nonce);
}

static int decode_hello(struct handshake_offer *out, const uint8_t *payload, size_t length)
{
	struct frame_hello hello;
	int error = frame_hello_decode(payload, length, &hello);

	if (error < 0)
		return error;
	*out = (struct handshake_offer){
		.join = false,
		.path_id = hello.path_id,
		.carrier = hello.carrier,
		.kind = hello.kind,
		.mode = hello.mode,
		.receive_limit = hello.receive_limit,
		.range_credit = hello.range_credit,
		.resume_timeout_ms = hello.resume_timeout_ms,
		.orphan_timeout_ms = hello.orphan_timeout_ms,
		.replaces = PATH_ID_NONE,
	};
	memcpy(out->id, hello.id, sizeof out->id);
	memcpy(out->secret, hello.secret, sizeof out->secret);
	wipe(&hello, sizeof hello);
	return 0;
}

static int decode_join(struct handshake_offer *out, const uint8_t *payload, size_t length)
{
	struct frame_join join;
	int error = frame_join_decode(payload, length, &join);

	if (error < 0)
		return error;
	*out = (struct handshake_offer){
		.join = true,
		.path_id = join.path_id,
		.carrier = join.carrier,
		.replaces = join.replaces,
		.resume = join.resume,
	};
	memcpy(out->id, join.id, sizeof out->id);
	memcpy(out->confirmed, join.confirmed, sizeof out->confirmed);
	return 0;
}

int offer_decode(struct handshake_offer *out, uint8_t type, const uint8_t *payload, size_t length)
{
	return type == FRAME_JOIN ? decode_join(out, payload, length) : decode_hello(out, payload, length);
}
