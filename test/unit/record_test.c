/* SPDX-License-Identifier: Apache-2.0 */
/* Messages written as records come back as the same messages, however the stream is cut. */
#include "../../core/record.h"

#include <errno.h>

#include "../test.h"

#define MESSAGES     200u
#define STREAM_BYTES (1u << 20)

static uint8_t stream[STREAM_BYTES];
static size_t stream_bytes;

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static uint8_t byte_of(unsigned message, size_t at)
{
	return (uint8_t)(message * 17 + at * 3 + at / 256);
}

static void append_part(unsigned message, size_t from, uint32_t length, bool more)
{
	record_header_encode(stream + stream_bytes, length, more);
	stream_bytes += RECORD_HEADER_BYTES;
	for (size_t i = 0; i < length; i++)
		stream[stream_bytes++] = byte_of(message, from + i);
}

/* Lengths of the messages; about a third in parts, some of those ended by an empty one. */
static void write_messages(size_t *lengths, uint64_t *seed)
{
	stream_bytes = 0;
	for (unsigned m = 0; m < MESSAGES; m++) {
		size_t done = 0;

		lengths[m] = next_random(seed) % 4 ? next_random(seed) % 3000 : 0;
		while (next_random(seed) % 3 == 0 && done < lengths[m]) {
			uint32_t part = 1 + next_random(seed) % (uint32_t)(lengths[m] - done);

			append_part(m, done, part, true);
			done += part;
		}
		append_part(m, done, (uint32_t)(lengths[m] - done), false);
	}
}

static void messages_come_back(void)
{
	size_t lengths[MESSAGES];
	uint64_t seed = 5;

	for (unsigned round = 0; round < 30; round++) {
		struct record_reader r;
		unsigned message = 0;
		size_t at = 0, got = 0;

		write_messages(lengths, &seed);
		record_reader_init(&r, 3000);
		while (message < MESSAGES) {
			size_t n = next_random(&seed) % (round % 3 == 0 ? 3 : 5000);
			size_t header, payload;
			bool end;

			CHECK(at <= stream_bytes);
			if (n > stream_bytes - at)
				n = stream_bytes - at;
			CHECK_EQ(record_reader_feed(&r, stream + at, n, &header, &payload, &end),
				 0);
			CHECK(header + payload <= n);
			at += header;
			size_t take = payload;
			if (payload > 0 && next_random(&seed) % 2)
				take = next_random(&seed) % payload;
			for (size_t i = 0; i < take; i++)
				CHECK_EQ(stream[at + i], byte_of(message, got + i));
			at += take;
			got += take;
			bool done = record_reader_took(&r, take);
			CHECK_EQ(done, end && take == payload);
			if (done) {
				CHECK_EQ(got, lengths[message]);
				message++;
				got = 0;
			}
		}
		CHECK_EQ(at, stream_bytes);
		CHECK(record_reader_between(&r));
	}
}

static void header_is_big_endian(void)
{
	uint8_t header[RECORD_HEADER_BYTES];

	record_header_encode(header, 0x01020304, false);
	CHECK_MEM(header, "\x01\x02\x03\x04", 4);
	record_header_encode(header, RECORD_PART_MAX, true);
	CHECK_MEM(header, "\xff\xff\xff\xff", 4);
}

static void a_message_of_nothing_has_an_end(void)
{
	static const uint8_t zero[8] = { 0 };
	struct record_reader r;
	size_t header, payload;
	bool end;

	record_reader_init(&r, 0);
	CHECK_EQ(record_reader_feed(&r, zero, 3, &header, &payload, &end), 0);
	CHECK(header == 3 && payload == 0 && !end);
	CHECK(!record_reader_took(&r, 0));
	CHECK(!record_reader_between(&r));
	CHECK_EQ(record_reader_feed(&r, zero + 3, 5, &header, &payload, &end), 0);
	CHECK(header == 1 && payload == 0 && end);
	/* Asked again before the end is taken, it is still there. */
	CHECK_EQ(record_reader_feed(&r, zero + 4, 4, &header, &payload, &end), 0);
	CHECK(header == 0 && payload == 0 && end);
	CHECK(!record_reader_between(&r));
	CHECK(record_reader_took(&r, 0));
	CHECK(record_reader_between(&r));
	CHECK(!record_reader_took(&r, 0));
	CHECK_EQ(record_reader_feed(&r, NULL, 0, &header, &payload, &end), 0);
	CHECK(header == 0 && payload == 0 && !end);
}

static void the_stream_may_not_end_inside(void)
{
	static const uint8_t bytes[] = { 0x80, 0, 0, 1, 'x', 0, 0, 0, 0 };
	struct record_reader r;
	size_t header, payload;
	bool end;

	record_reader_init(&r, UINT64_MAX);
	CHECK_EQ(record_reader_feed(&r, bytes, 5, &header, &payload, &end), 0);
	CHECK(header == 4 && payload == 1 && !end);
	CHECK(!record_reader_took(&r, 1));
	CHECK(!record_reader_between(&r));
	CHECK_EQ(record_reader_feed(&r, bytes + 5, 4, &header, &payload, &end), 0);
	CHECK(header == 4 && payload == 0 && end);
	CHECK(record_reader_took(&r, 0));
	CHECK(record_reader_between(&r));
}

static void bad_headers_are_errors(void)
{
	static const uint8_t empty_more[] = { 0x80, 0, 0, 0 };
	static const uint8_t parts[] = { 0x80, 0, 0, 1, 'x', 0, 0, 0, 10 };
	struct record_reader r;
	size_t header = 7, payload = 7;
	bool end = true;

	record_reader_init(&r, 10);
	for (unsigned again = 0; again < 2; again++)
		CHECK_EQ(record_reader_feed(&r, empty_more, 4, &header, &payload, &end), -EPROTO);
	CHECK(header == 7 && payload == 7 && end);

	/* The limit is the whole message's, not the part's; 1 + 10 is one too many. */
	record_reader_init(&r, 10);
	CHECK_EQ(record_reader_feed(&r, parts, 5, &header, &payload, &end), 0);
	CHECK(!record_reader_took(&r, 1));
	CHECK_EQ(record_reader_feed(&r, parts + 5, 4, &header, &payload, &end), -EMSGSIZE);
	record_reader_init(&r, 11);
	CHECK_EQ(record_reader_feed(&r, parts, 5, &header, &payload, &end), 0);
	CHECK(!record_reader_took(&r, 1));
	CHECK_EQ(record_reader_feed(&r, parts + 5, 4, &header, &payload, &end), 0);
}

/* Each message may be as long as the limit, however many came before it. */
static void the_limit_is_of_one_message(void)
{
	static const uint8_t bytes[] = { 0, 0, 0, 2, 'x', 'y' };
	struct record_reader r;
	size_t header, payload;
	bool end;

	record_reader_init(&r, 2);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(record_reader_feed(&r, bytes, sizeof bytes, &header, &payload, &end), 0);
		CHECK(header == 4 && payload == 2 && end);
		CHECK(record_reader_took(&r, 2));
	}
}

int main(void)
{
	RUN(messages_come_back);
	RUN(header_is_big_endian);
	RUN(a_message_of_nothing_has_an_end);
	RUN(the_stream_may_not_end_inside);
	RUN(bad_headers_are_errors);
	RUN(the_limit_is_of_one_message);
	return 0;
}
