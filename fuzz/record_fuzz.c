/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as records in the peer's stream, read in pieces of every size. */
#include <errno.h>

#include "core/record.h"
#include "fuzz/fuzz.h"

/* The first byte bounds a message; each byte where a piece begins tells its size. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct record_reader r;
	uint64_t message_bytes = 0, limit_bytes = size > 0 ? (uint64_t)bytes[0] * 16 : 0;
	size_t at = 0;

	record_reader_init(&r, limit_bytes);
	for (unsigned steps = 0; at < size; steps++) {
		size_t want = bytes[at] % 61u + 1, header, payload;
		bool end, took;
		int error;

		HOLDS(steps < 3 * size);
		if (want > size - at)
			want = size - at;
		error = record_reader_feed(&r, bytes + at, want, &header, &payload, &end);
		if (error < 0) {
			HOLDS(error == -EPROTO || error == -EMSGSIZE);
			return 0;
		}
		HOLDS(header + payload <= want && (header + payload > 0 || end));
		took = record_reader_took(&r, payload);
		HOLDS(took == end);
		message_bytes += payload;
		HOLDS(message_bytes <= limit_bytes);
		if (end)
			message_bytes = 0;
		HOLDS(!end || record_reader_between(&r));
		at += header + payload;
	}
	return 0;
}
