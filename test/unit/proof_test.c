/* SPDX-License-Identifier: Apache-2.0 */
/* A proof covers every bit of what was said, who says it and about what; the values stand in handshake_test.c. */
#include "core/proof.h"

#include "test/test.h"

static const uint8_t secret[SECRET_BYTES] = "a secret of thirty-two bytes....";

static struct proof proof_of(bool join)
{
	uint8_t payload[FRAME_HELLO_BYTES];
	struct proof p = { .join = false };

	for (unsigned i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i + 1);
	proof_keep_preamble(&p, true, 1, 3);
	proof_keep_preamble(&p, false, 2, 4);
	proof_keep_offer(&p, join, payload);
	proof_keep_accept(&p, payload);
	return p;
}

static void every_bit_counts(void)
{
	for (unsigned join = 0; join < 2; join++) {
		struct proof p = proof_of(join), changed = p;
		size_t offer_bytes = join ? FRAME_JOIN_BYTES : FRAME_HELLO_BYTES;
		struct { uint8_t *bytes; size_t length; } parts[] = {
			{ changed.preambles[0], sizeof changed.preambles },
			{ changed.offer, offer_bytes },
			{ changed.accept, sizeof changed.accept },
		};
		uint8_t mac[MAC_BYTES];

		proof_compute(&p, secret, true, mac);
		CHECK(proof_right(&changed, secret, true, mac));
		for (unsigned i = 0; i < 3; i++) {
			for (size_t bit = 0; bit < 8 * parts[i].length; bit++) {
				parts[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
				CHECK(!proof_right(&changed, secret, true, mac));
				parts[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
		}
	}
}

static void roles_and_offers_differ(void)
{
	struct proof hello = proof_of(false), join = proof_of(true);
	uint8_t mac[MAC_BYTES], other[SECRET_BYTES];

	proof_compute(&hello, secret, true, mac);
	CHECK(!proof_right(&hello, secret, false, mac));
	CHECK(!proof_right(&join, secret, true, mac));
	memcpy(other, secret, sizeof other);
	other[SECRET_BYTES - 1] ^= 1;
	CHECK(!proof_right(&hello, other, true, mac));
	mac[MAC_BYTES - 1] ^= 1;
	CHECK(!proof_right(&hello, secret, true, mac));
}

/* What is kept holds neither the secret nor a MAC, so either side computes the same. */
static void secret_and_mac_are_left_out(void)
{
	static const uint8_t zeros[SECRET_BYTES];
	struct proof hello = proof_of(false), join = proof_of(true);

	CHECK_MEM(hello.offer + FRAME_HELLO_SECRET_AT, zeros, SECRET_BYTES);
	CHECK_EQ(hello.offer[FRAME_HELLO_SECRET_AT - 1], FRAME_HELLO_SECRET_AT);
	CHECK_EQ(join.offer[FRAME_HELLO_SECRET_AT], FRAME_HELLO_SECRET_AT + 1);
	CHECK_MEM(hello.accept + FRAME_ACCEPT_MAC_AT, zeros, MAC_BYTES);
	CHECK_EQ(hello.accept[FRAME_ACCEPT_MAC_AT - 1], FRAME_ACCEPT_MAC_AT);
}

int main(void)
{
	RUN(every_bit_counts);
	RUN(roles_and_offers_differ);
	RUN(secret_and_mac_are_left_out);
	return 0;
}
