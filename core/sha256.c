/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 as written in FIPS 180-4; the names of functions and variables are the standard's. */
#include "core/sha256.h"

#include <string.h>

#include "core/bytes.h"

#define LENGTH_AT (SHA256_BLOCK_BYTES - 8)      /* where the message length ends the last block */

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void schedule(uint32_t W[64], const uint8_t *block)
{
	for (unsigned t = 0; t < 16; t++)
		W[t] = take_u32(&block);
	for (unsigned t = 16; t < 64; t++) {
		uint32_t sigma0 = rotr(W[t - 15], 7) ^ rotr(W[t - 15], 18) ^ W[t - 15] >> 3;
		uint32_t sigma1 = rotr(W[t - 2], 17) ^ rotr(W[t - 2], 19) ^ W[t - 2] >> 10;

		W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
	}
}

static void compress(uint32_t H[8], const uint8_t *block)
{
	uint32_t W[64];
	uint32_t a = H[0], b = H[1], c = H[2], d = H[3];
	uint32_t e = H[4], f = H[5], g = H[6], h = H[7];

	schedule(W, block);
	for (unsigned t = 0; t < 64; t++) {
		uint32_t sum1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
		uint32_t choice = (e & f) ^ (~e & g);
		uint32_t T1 = h + sum1 + choice + K[t] + W[t];
		uint32_t sum0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
		uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
		uint32_t T2 = sum0 + majority;

		h = g;
		g = f;
		f = e;
		e = d + T1;
		d = c;
		c = b;
		b = a;
		a = T1 + T2;
	}
	H[0] += a;
	H[1] += b;
	H[2] += c;
	H[3] += d;
	H[4] += e;
	H[5] += f;
	H[6] += g;
	H[7] += h;
}

void sha256_init(struct sha256 *sha)
{
	static const uint32_t initial[] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memset(sha, 0, sizeof *sha);
	memcpy(sha->state, initial, sizeof initial);
}

void sha256_update(struct sha256 *sha, const void *data, size_t length)
{
	const uint8_t *in = data;

	while (length > 0) {
		size_t at = sha->length_bytes % SHA256_BLOCK_BYTES;
		size_t part = SHA256_BLOCK_BYTES - at;

		if (part > length)
			part = length;
		memcpy(sha->block + at, in, part);
		sha->length_bytes += part;
		in += part;
		length -= part;
		if (at + part == SHA256_BLOCK_BYTES)
			compress(sha->state, sha->block);
	}
}

void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES])
{
	size_t at = sha->length_bytes % SHA256_BLOCK_BYTES;

	sha->block[at++] = 0x80;
	if (at > LENGTH_AT) {
		memset(sha->block + at, 0, SHA256_BLOCK_BYTES - at);
		compress(sha->state, sha->block);
		at = 0;
	}
	memset(sha->block + at, 0, LENGTH_AT - at);
	put_u64(sha->block + LENGTH_AT, sha->length_bytes * 8);
	compress(sha->state, sha->block);

	for (unsigned i = 0; i < 8; i++)
		digest = put_u32(digest, sha->state[i]);
}
