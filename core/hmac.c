/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256: H(key ^ opad, H(key ^ ipad, text)), RFC 2104 section 2. */
#include "core/hmac.h"

#include <string.h>

#define INNER_PAD 0x36
#define OUTER_PAD 0x5c

static void start(struct sha256 *sha, const uint8_t key[SHA256_BLOCK_BYTES], uint8_t pad)
{
	uint8_t block[SHA256_BLOCK_BYTES];

	for (unsigned i = 0; i < sizeof block; i++)
		block[i] = key[i] ^ pad;
	sha256_init(sha);
	sha256_update(sha, block, sizeof block);
	wipe(block, sizeof block);
}

void hmac_init(struct hmac *hmac, const void *key, size_t key_length)
{
	uint8_t padded[SHA256_BLOCK_BYTES] = {0};

	if (key_length > sizeof padded) {
		sha256_init(&hmac->inner);
		sha256_update(&hmac->inner, key, key_length);
		sha256_final(&hmac->inner, padded);
	} else {
		memcpy(padded, key, key_length);
	}
	start(&hmac->inner, padded, INNER_PAD);
	start(&hmac->outer, padded, OUTER_PAD);
	wipe(padded, sizeof padded);
}

void hmac_update(struct hmac *hmac, const void *data, size_t length)
{
	sha256_update(&hmac->inner, data, length);
}

void hmac_final(struct hmac *hmac, uint8_t mac[MAC_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	sha256_final(&hmac->inner, digest);
	sha256_update(&hmac->outer, digest, sizeof digest);
	sha256_final(&hmac->outer, mac);
	wipe(digest, sizeof digest);
	wipe(hmac, sizeof *hmac);
}

bool mac_equal(const uint8_t a[MAC_BYTES], const uint8_t b[MAC_BYTES])
{
	uint8_t difference = 0;

	for (unsigned i = 0; i < MAC_BYTES; i++) {
		difference |= a[i] ^ b[i];
		/* Hides the value, so that the loop cannot be left early. */
		__asm__ volatile("" : "+r"(difference));
	}
	return difference == 0;
}

void wipe(void *memory, size_t length)
{
	memset(memory, 0, length);
	/* Says that the zeros are read here, so that they must have been written. */
	__asm__ volatile("" : : "r"(memory) : "memory");
}
