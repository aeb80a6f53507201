/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, FIPS 180-4 section 6.2. For short inputs: keys and handshakes, never the stream. */
#ifndef HAWSER_CORE_SHA256_H
#define HAWSER_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES       32u
#define SHA256_BLOCK_BYTES 64u

struct sha256 {
	uint32_t state[8];
	uint64_t length_bytes;                  /* of everything taken in so far */
	uint8_t block[SHA256_BLOCK_BYTES];      /* its last length_bytes % 64 bytes */
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *data, size_t length);
/* Ends the computation; the structure must be initialised again before further use. */
void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES]);

#endif
