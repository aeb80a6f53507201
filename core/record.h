/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as records in the stream. */
#ifndef HAWSER_CORE_RECORD_H
#define HAWSER_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER_BYTES 4u
#define RECORD_PART_MAX     0x7fffffffu

/*
 * A message is one part or more, the last with the bit `more` clear:
 *
 *     | more:1 length:31 | length bytes | more:1 length:31 | length bytes | ...      big endian
 *
 * The last part may be empty (an end mark, or a message of 0 bytes). A part that is empty and has
 * `more` set says nothing and is an error.
 */
void record_header_encode(uint8_t out[RECORD_HEADER_BYTES], uint32_t length, bool more);

/* Where in a record the reading position of a stream is. */
struct record_reader {
	uint8_t header[RECORD_HEADER_BYTES];
	unsigned header_length; /* bytes of it that were read; all of them: inside a part */
	uint32_t left;          /* bytes of the part not taken yet */
	bool more;              /* another part of this message follows */
	bool begun;             /* a part of this message has been read */
	uint64_t message_bytes; /* announced by the headers of this message */
	uint64_t limit_bytes;   /* of a message */
};

/* limit_bytes: the longest message to accept, UINT64_MAX for any. */
void record_reader_init(struct record_reader *r, uint64_t limit_bytes);

/*
 * Looks at the n bytes at the reading position (any number: an iovec of what is readable will do;
 * only header bytes are looked at). On 0:
 *   *header_bytes   have been swallowed: the caller consumes them now, whatever it does next
 *   *payload_bytes  follow them and belong to the message
 *   *end            the message ends with those: it is complete once they are taken
 * The caller takes as many of the payload bytes as it likes and says so with record_reader_took.
 * When there are none and *end is set, the message ends here (it may be of 0 bytes):
 * record_reader_took(r, 0) goes past it. When there are none and *end is not set, nothing is to be
 * taken before more bytes come. A call that was not followed by record_reader_took may be repeated,
 * with the header bytes gone from the position.
 * -EPROTO for an empty part with `more` set, -EMSGSIZE for a message above the limit: no output is
 * touched, and the stream cannot be read any further.
 */
int record_reader_feed(struct record_reader *r, const uint8_t *bytes, size_t n,
		       size_t *header_bytes, size_t *payload_bytes, bool *end);

/* n payload bytes were taken and consumed. True when that completed the message. */
bool record_reader_took(struct record_reader *r, size_t n);

/* Whether the position is between two messages, the only place where a stream may end. */
bool record_reader_between(const struct record_reader *r);

#endif
