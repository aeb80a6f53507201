/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as records in the stream. */
#include "record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define MORE_BIT 0x80000000u

void record_header_encode(uint8_t out[RECORD_HEADER_BYTES], uint32_t length, bool more)
{
	uint32_t word = length | (more ? MORE_BIT : 0);

	assert(length <= RECORD_PART_MAX && (length > 0 || !more));
	out[0] = (uint8_t)(word >> 24);
	out[1] = (uint8_t)(word >> 16);
	out[2] = (uint8_t)(word >> 8);
	out[3] = (uint8_t)word;
}

void record_reader_init(struct record_reader *r, uint64_t limit_bytes)
{
	*r = (struct record_reader){ .limit_bytes = limit_bytes };
}

static bool inside_part(const struct record_reader *r)
{
	return r->header_length == RECORD_HEADER_BYTES;
}

/* Enters the part that a whole header announces, or leaves the reader as it was. */
static int enter_part(struct record_reader *r, const uint8_t header[RECORD_HEADER_BYTES])
{
	uint32_t word = (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 |
			(uint32_t)header[2] << 8 | header[3];
	uint32_t length = word & RECORD_PART_MAX;
	bool more = word & MORE_BIT;

	if (length == 0 && more)
		return -EPROTO;
	if (length > r->limit_bytes - r->message_bytes)
		return -EMSGSIZE;
	r->header_length = RECORD_HEADER_BYTES;
	r->left = length;
	r->more = more;
	r->begun = true;
	r->message_bytes += length;
	return 0;
}

int record_reader_feed(struct record_reader *r, const uint8_t *bytes, size_t n,
		       size_t *header_bytes, size_t *payload_bytes, bool *end)
{
	size_t swallowed = 0;

	if (!inside_part(r)) {
		unsigned have = r->header_length;

		swallowed = RECORD_HEADER_BYTES - have;
		if (swallowed > n)
			swallowed = n;
		if (swallowed > 0)
			memcpy(r->header + have, bytes, swallowed);
		if (have + swallowed == RECORD_HEADER_BYTES) {
			int error = enter_part(r, r->header);

			if (error < 0)
				return error;
		} else {
			r->header_length = have + (unsigned)swallowed;
		}
	}

	size_t payload = 0;
	if (inside_part(r))
		payload = n - swallowed < r->left ? n - swallowed : r->left;
	*header_bytes = swallowed;
	*payload_bytes = payload;
	*end = inside_part(r) && !r->more && payload == r->left;
	return 0;
}

bool record_reader_took(struct record_reader *r, size_t n)
{
	assert(n == 0 || (inside_part(r) && n <= r->left));
	r->left -= (uint32_t)n;
	if (!inside_part(r) || r->left > 0)
		return false;
	r->header_length = 0;
	if (r->more)
		return false;
	r->begun = false;
	r->message_bytes = 0;
	return true;
}

bool record_reader_between(const struct record_reader *r)
{
	return r->header_length == 0 && !r->begun;
}
