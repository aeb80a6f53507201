/* SPDX-License-Identifier: Apache-2.0 */
/* A proof covers every bit of what was said, who says it and about what; more values stand in handshake_test.c. */
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

/* Computed from PROTOCOL.md by another program, of preambles that differ: the dialler's comes first. */
static void in_the_order_that_is_specified(void)
{
	static const uint8_t of_acceptor[] = {
		0x6e, 0x0a, 0x05, 0x39, 0x9b, 0xbc, 0x0b, 0xa9, 0x80, 0xed, 0x6c, 0x1f, 0x10, 0xad, 0x1b, 0x2c,
		0x3e, 0x14, 0x12, 0xa9, 0xe6, 0x3e, 0xc9, 0x61, 0x76, 0xea, 0x9a, 0x6f, 0xaa, 0x96, 0xc1, 0xaf,
	};
	static const uint8_t of_dialler[] = {
		0x8b, 0xf3, 0xee, 0x93, 0xce, 0x84, 0x81, 0x97, 0xba, 0x5f, 0x3b, 0x58, 0x7c, 0x6e, 0x3f, 0x7b,
		0x46, 0x45, 0x8a, 0xee, 0xb4, 0xc7, 0x5b, 0xe1, 0x45, 0x89, 0x0e, 0x96, 0xe0, 0x47, 0x04, 0xd7,
	};
	struct proof hello = proof_of(false);

	CHECK(proof_right(&hello, secret, false, of_acceptor));
	CHECK(proof_right(&hello, secret, true, of_dialler));
}

int main(void)
{
	RUN(every_bit_counts);
	RUN(roles_and_offers_differ);
	RUN(secret_and_mac_are_left_out);
	RUN(in_the_order_that_is_specified);
	return 0;
}
