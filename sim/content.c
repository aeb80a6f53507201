/* SPDX-License-Identifier: Apache-2.0 */
/* See content.h. */
#include "sim/content.h"

#include <endian.h>
#include <string.h>

static uint64_t word_at(uint64_t key, uint64_t index)
{
	uint64_t x = (index + key) * UINT64_C(0x9e3779b97f4a7c15);

	return htole64(x ^ x >> 29);
}

void content_fill(uint64_t key, uint64_t offset, uint8_t *out, size_t length)
{
	while (length > 0 && (offset % 8 != 0 || length < 8)) {
		uint64_t word = word_at(key, offset / 8);
		size_t skip = offset % 8, count = 8 - skip < length ? 8 - skip : length;

		memcpy(out, (uint8_t *)&word + skip, count);
		out += count;
		offset += count;
		length -= count;
	}
	for (; length >= 8; length -= 8, out += 8, offset += 8) {
		uint64_t word = word_at(key, offset / 8);

		memcpy(out, &word, 8);
	}
	if (length > 0)
		content_fill(key, offset, out, length);
}

static size_t first_difference(const uint8_t *got, uint64_t want, size_t skip, size_t count)
{
	size_t same = 0;

	while (same < count && got[same] == ((uint8_t *)&want)[skip + same])
		same++;
	return same;
}

size_t content_matching(uint64_t key, uint64_t offset, const uint8_t *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		uint64_t want = word_at(key, (offset + done) / 8), got;
		size_t skip = (offset + done) % 8;
		size_t count = 8 - skip < length - done ? 8 - skip : length - done, same;

		if (count == 8) {
			memcpy(&got, bytes + done, 8);
			if (got == want) {
				done += 8;
				continue;
			}
		}
		same = first_difference(bytes + done, want, skip, count);
		done += same;
		if (same < count)
			break;
	}
	return done;
}
