/* SPDX-License-Identifier: Apache-2.0 */
/* Offers come back from their frames as they were; what a frame does not carry is not invented. */
#include "core/offer.h"

#include <errno.h>

#include "test/test.h"

static const uint8_t nonce[NONCE_BYTES] = "sixteen bytes ok";

static struct handshake_offer offer_of(bool join)
{
	struct handshake_offer offer = {
		.join = join,
		.id = "an id",
		.path_id = 513,
		.carrier = 2,
		.replaces = PATH_ID_NONE,
	};

	if (join) {
		offer.replaces = 256;
		offer.resume = true;
		memcpy(offer.confirmed, "a nonce", 8);
		return offer;
	}
	memcpy(offer.secret, "a secret", 8);
	offer.kind = 1;
	offer.mode = 3;
	offer.receive_limit = UINT64_C(1) << 33;
	offer.range_credit = 200;
	offer.resume_timeout_ms = TIMEOUT_MS_NEVER;
	offer.orphan_timeout_ms = 70000;
	return offer;
}

static void there_and_back(void)
{
	for (unsigned join = 0; join < 2; join++) {
		struct handshake_offer in = offer_of(join), out;
		uint8_t bytes[FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
		size_t length = offer_encode(bytes, sizeof bytes, &in, nonce);

		CHECK_EQ(length, FRAME_HEADER_BYTES + (join ? FRAME_JOIN_BYTES : FRAME_HELLO_BYTES));
		CHECK_EQ(bytes[0], join ? FRAME_JOIN : FRAME_HELLO);
		memset(&out, 0xee, sizeof out);
		CHECK_EQ(offer_decode(&out, bytes[0], bytes + FRAME_HEADER_BYTES, length - FRAME_HEADER_BYTES),
			 0);
		CHECK_EQ(out.join, join);
		CHECK_MEM(out.id, in.id, sizeof in.id);
		CHECK_MEM(out.secret, in.secret, sizeof in.secret);
		CHECK_EQ(out.path_id, in.path_id);
		CHECK_EQ(out.carrier, in.carrier);
		CHECK_EQ(out.kind, in.kind);
		CHECK_EQ(out.mode, in.mode);
		CHECK_EQ(out.receive_limit, in.receive_limit);
		CHECK_EQ(out.range_credit, in.range_credit);
		CHECK_EQ(out.resume_timeout_ms, in.resume_timeout_ms);
		CHECK_EQ(out.orphan_timeout_ms, in.orphan_timeout_ms);
		CHECK_EQ(out.replaces, in.replaces);
		CHECK_EQ(out.resume, in.resume);
		CHECK_MEM(out.confirmed, in.confirmed, sizeof in.confirmed);
	}
}

static void too_short_leaves_the_output(void)
{
	for (unsigned join = 0; join < 2; join++) {
		struct handshake_offer in = offer_of(join), out = { .path_id = 7 };
		uint8_t bytes[FRAME_HEADER_BYTES + FRAME_HELLO_BYTES];
		size_t length = offer_encode(bytes, sizeof bytes, &in, nonce) - FRAME_HEADER_BYTES;

		CHECK_EQ(offer_decode(&out, bytes[0], bytes + FRAME_HEADER_BYTES, length - 1), -EPROTO);
		CHECK_EQ(out.path_id, 7);
		CHECK_EQ(offer_encode(bytes, length, &in, nonce), 0);
	}
}

int main(void)
{
	RUN(there_and_back);
	RUN(too_short_leaves_the_output);
	return 0;
}
