/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of a measurement. The word at offset 8*i is a product folded on itself: successive
 * words differ by one addition, which compilers turn into vector code, so that neither making nor
 * checking it slows down what is measured.
 */
#include "cmd/pattern.h"

#include <string.h>

#define ODD         UINT64_C(0x9e3779b97f4a7c15)
#define CHECK_BYTES ((size_t)8192)

static uint64_t fold(uint64_t x)
{
	return x ^ (x >> 29);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t product(uint64_t seed, uint64_t offset)
{
	return (offset / 8 + 1) * ODD + seed;
}

/* Whole words from an offset that is a multiple of 8. */
static void fill_words(uint64_t x, uint8_t *to, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		uint64_t word = fold(x + i * ODD);
		memcpy(to + 8 * i, &word, 8);
	}
}

void pattern_fill(uint64_t seed, uint64_t offset, void *data, size_t length)
{
	uint8_t *to = data;
	size_t skip = offset % 8;
	if (skip > 0 && length > 0) {
		uint64_t word = fold(product(seed, offset));
		size_t part = 8 - skip < length ? 8 - skip : length;
		memcpy(to, (uint8_t *)&word + skip, part);
		to += part;
		offset += part;
		length -= part;
	}
	fill_words(product(seed, offset), to, length / 8);
	if (length % 8 > 0) {
		uint64_t word = fold(product(seed, offset + length / 8 * 8));
		memcpy(to + length / 8 * 8, &word, length % 8);
	}
}

size_t pattern_check(uint64_t seed, uint64_t offset, const void *data, size_t length)
{
	const uint8_t *from = data;
	uint8_t expected[CHECK_BYTES + 8];
	for (size_t at = 0; at < length;) {
		size_t part = length - at < CHECK_BYTES ? length - at : CHECK_BYTES;
		size_t skip = (offset + at) % 8;
		fill_words(product(seed, offset + at), expected, (skip + part + 7) / 8);
		if (memcmp(from + at, expected + skip, part) != 0) {
			while (from[at] == expected[skip]) {
				at++;
				skip++;
			}
			return at;
		}
		at += part;
	}
	return length;
}

uint64_t pattern_size(uint64_t seed, uint64_t index, uint64_t least, uint64_t most)
{
	if (least >= most)
		return least;
	unsigned low = least > 0 ? 63 - (unsigned)__builtin_clzll(least) : 0;
	unsigned high = 63 - (unsigned)__builtin_clzll(most);
	uint64_t random = mix(seed + index * ODD);
	unsigned powers = high - low + 1;
	unsigned first = (unsigned)(random >> 48) % powers,
		 second = (unsigned)(random >> 32 & 0xffff) % powers;
	unsigned power = low + (first < second ? first : second);
	uint64_t size = (UINT64_C(1) << power) | (mix(random) & ((UINT64_C(1) << power) - 1));
	if (least == 0 && random % 64 == 0)
		size = 0;
	return size < least ? least : size > most ? most : size;
}
