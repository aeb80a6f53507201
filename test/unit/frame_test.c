/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame codec: layouts byte by byte, round trips, and what must be refused. The rule behind
 * most checks: whatever decodes, encodes to the very bytes it came from.
 */
#include "core/frame.h"

#include <errno.h>

#include "core/bytes.h"
#include "test/any_frame.h"
#include "test/test.h"

#define FRAME_MAX (FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX)

struct sample {
	enum frame_type type;
	union any_frame frame;
};

/* Decodes from memory of exactly that length, so that a sanitizer sees any reading beyond it. */
static int decode_exact(enum frame_type type, const uint8_t *payload, size_t length,
			union any_frame *frame)
{
	uint8_t *copy = malloc(length ? length : 1);
	int result;

	CHECK(copy);
	memcpy(copy, payload, length);
	result = any_frame_decode(type, copy, length, frame);
	free(copy);
	return result;
}

static void fill(uint8_t *out, size_t length, uint8_t first)
{
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(first + i);
}

static struct frame_ack full_ack(void)
{
	struct frame_ack ack = {
		.cumulative = 1000,
		.receive_limit = STREAM_OFFSET_MAX,
		.range_credit = RANGE_CREDIT,
		.window_units = WINDOW_UNITS_MAX,
		.path_count = PATHS_MAX,
		.range_count = ACK_RANGES_MAX,
	};

	for (unsigned i = 0; i < PATHS_MAX; i++)
		ack.paths[i] = (struct ack_path){ (uint16_t)(7 * i), 1000 * i, UINT64_MAX - i };
	for (unsigned i = 0; i < ACK_RANGES_MAX; i++)
		ack.ranges[i] = (struct range){ 1001 + 20 * i, 1020 + 20 * i };
	ack.ranges[ACK_RANGES_MAX - 1].end = STREAM_OFFSET_MAX;
	return ack;
}

#define SAMPLES_MAX 20

static unsigned samples(struct sample list[SAMPLES_MAX])
{
	unsigned n = 0;
	struct frame_hello hello = {
		.path_id = 0x0102, .kind = 1, .mode = 3, .carrier = 1,
		.receive_limit = UINT64_C(0x0102030405060708), .range_credit = 256,
		.resume_timeout_ms = TIMEOUT_MS_NEVER, .orphan_timeout_ms = 3000,
	};
	struct frame_join join = { .path_id = 9, .replaces = 3, .carrier = 2, .resume = true };
	struct frame_accept accept = {
		.receive_limit = STREAM_OFFSET_MAX, .range_credit = 64, .kind = 1, .version = 1,
		.resume_timeout_ms = 300000,
	};
	struct frame_confirm confirm;
	struct frame_ack ack = { .cumulative = 0, .receive_limit = 65536 };

	fill(hello.id, sizeof hello.id, 1);
	fill(hello.secret, sizeof hello.secret, 0x40);
	fill(hello.nonce, sizeof hello.nonce, 0x80);
	fill(join.id, sizeof join.id, 1);
	fill(join.nonce, sizeof join.nonce, 0x90);
	fill(join.confirmed, sizeof join.confirmed, 0xe0);
	fill(accept.nonce, sizeof accept.nonce, 0xa0);
	fill(accept.mac, sizeof accept.mac, 0xc0);
	fill(confirm.mac, sizeof confirm.mac, 0xd0);

	list[n++] = (struct sample){ FRAME_HELLO, { .hello = hello } };
	list[n++] = (struct sample){ FRAME_JOIN, { .join = join } };
	join.replaces = PATH_ID_NONE;
	join.resume = false;
	list[n++] = (struct sample){ FRAME_JOIN, { .join = join } };
	list[n++] = (struct sample){ FRAME_ACCEPT, { .accept = accept } };
	list[n++] = (struct sample){ FRAME_CONFIRM, { .confirm = confirm } };
	list[n++] = (struct sample){ FRAME_ACK, { .ack = ack } };
	ack.path_count = 1;
	ack.paths[0] = (struct ack_path){ 5, UINT32_MAX, 77 };
	list[n++] = (struct sample){ FRAME_ACK, { .ack = ack } };
	ack.range_count = 1;
	ack.window_units = 0x010203;
	ack.ranges[0] = (struct range){ 1, 2 };
	list[n++] = (struct sample){ FRAME_ACK, { .ack = ack } };
	list[n++] = (struct sample){ FRAME_ACK, { .ack = full_ack() } };
	list[n++] = (struct sample){ FRAME_PING, { .ping = { UINT64_MAX, 0 } } };
	list[n++] = (struct sample){ FRAME_PING, { .ping = { 1, PROBE_PADDING_MAX } } };
	list[n++] = (struct sample){ FRAME_PONG, { .pong = { 0x1122334455667788 } } };
	for (uint8_t mode = 0; mode <= FRAME_MODE_LAST; mode++)
		list[n++] = (struct sample){ FRAME_MODE, { .mode = { mode } } };
	list[n++] = (struct sample){ FRAME_RESET, { .reset = { UINT16_MAX, STREAM_OFFSET_MAX } } };
	list[n++] = (struct sample){ FRAME_CLOSE, { .close = { 32, 0x1234 } } };
	hello.carrier = FRAME_CARRIER_LAST;
	hello.receive_limit = STREAM_OFFSET_MAX;
	list[n++] = (struct sample){ FRAME_HELLO, { .hello = hello } };
	join.carrier = FRAME_CARRIER_LAST;
	list[n++] = (struct sample){ FRAME_JOIN, { .join = join } };
	CHECK(n <= SAMPLES_MAX);
	return n;
}

static void preamble(void)
{
	uint8_t bytes[PREAMBLE_BYTES], min, max;

	preamble_encode(bytes, 1, 7);
	CHECK_MEM(bytes, "hawser\1\7", PREAMBLE_BYTES);
	CHECK(bytes[0] != 0x16);
	CHECK_EQ(preamble_decode(bytes, &min, &max), 0);
	CHECK_EQ(min, 1);
	CHECK_EQ(max, 7);
	for (size_t length = 0; length <= PREAMBLE_BYTES; length++)
		CHECK(preamble_begins(bytes, length));
	for (unsigned at = 0; at < 6; at++) {
		bytes[at] ^= 0x20;
		for (size_t length = 0; length <= PREAMBLE_BYTES; length++)
			CHECK_EQ(preamble_begins(bytes, length), length <= at);
		CHECK_EQ(preamble_decode(bytes, &min, &max), -EPROTO);
		bytes[at] ^= 0x20;
	}
	/* One version alone; and as long as no version is there it can still be right. */
	CHECK(preamble_begins((const uint8_t *)"hawser\2\2", PREAMBLE_BYTES));
	CHECK(preamble_begins((const uint8_t *)"hawser\0\1", PREAMBLE_BYTES - 2));
	CHECK_EQ(preamble_decode((const uint8_t *)"hawser\0\1", &min, &max), -EPROTO);
	CHECK_EQ(preamble_decode((const uint8_t *)"hawser\3\2", &min, &max), -EPROTO);
	CHECK_EQ(min, 1);
	CHECK_EQ(max, 7);
}

/* The bytes as PROTOCOL.md has them, written out here and not computed. */
static void layouts(void)
{
	static const uint8_t hello_tail[] = {
		0x01, 0x02, 0x01, 0x03, 0x01, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x01, 0x00, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x0b, 0xb8,
	};
	static const uint8_t join_tail[] = { 0, 9, 0, 3, 2, 1, 0, 0, 0xe0, 0xe1, 0xe2 };
	static const uint8_t accept_tail[] = {
		0x40, 0, 0, 0, 0, 0, 0, 0, 0, 64, 1, 1, 0x00, 0x04, 0x93, 0xe0,
	};
	static const uint8_t ack[] = {
		6, 0, 0, 0, 0, 0, 0, 56,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3,
		0, 5, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 77,
		0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,
	};
	static const uint8_t reset[] = {
		10, 0, 0, 0, 0, 0, 0, 10, 0xff, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0,
	};
	static const uint8_t closing[] = { 11, 0, 0, 0, 0, 0, 0, 4, 0, 32, 0x12, 0x34 };
	struct sample list[SAMPLES_MAX];
	uint8_t out[FRAME_MAX];

	samples(list);
	CHECK_EQ(any_frame_encode(FRAME_HELLO, out, sizeof out, &list[0].frame), 100);
	CHECK_MEM(out, "\1\0\0\0\0\0\0\x5c", 8);
	CHECK_EQ(out[8], 1);
	CHECK_EQ(out[8 + FRAME_HELLO_SECRET_AT], 0x40);
	CHECK_EQ(out[56], 0x80);
	CHECK_MEM(out + 72, hello_tail, sizeof hello_tail);
	CHECK_EQ(any_frame_encode(FRAME_JOIN, out, sizeof out, &list[1].frame), 64);
	CHECK_MEM(out, "\2\0\0\0\0\0\0\x38", 8);
	CHECK_EQ(out[24], 0x90);
	CHECK_MEM(out + 40, join_tail, sizeof join_tail);
	CHECK_EQ(any_frame_encode(FRAME_ACCEPT, out, sizeof out, &list[3].frame), 72);
	CHECK_MEM(out, "\3\0\0\0\0\0\0\x40\xa0", 9);
	CHECK_EQ(out[8 + FRAME_ACCEPT_MAC_AT], 0xc0);
	CHECK_MEM(out + 56, accept_tail, sizeof accept_tail);
	CHECK_EQ(any_frame_encode(FRAME_CONFIRM, out, sizeof out, &list[4].frame), 40);
	CHECK_MEM(out, "\4\0\0\0\0\0\0\x20\xd0\xd1", 10);
	CHECK_EQ(any_frame_encode(FRAME_ACK, out, sizeof out, &list[7].frame), sizeof ack);
	CHECK_MEM(out, ack, sizeof ack);
	CHECK_EQ(any_frame_encode(FRAME_PING, out, sizeof out, &list[10].frame), 16 + PROBE_PADDING_MAX);
	CHECK_MEM(out, "\7\0\0\0\0\0\5\x80\0\0\0\0\0\0\0\1\0\0\0\0", 20);
	CHECK_EQ(any_frame_encode(FRAME_PONG, out, sizeof out, &list[11].frame), 16);
	CHECK_MEM(out, "\x08\0\0\0\0\0\0\x08\x11\x22\x33\x44\x55\x66\x77\x88", 16);
	CHECK_EQ(any_frame_encode(FRAME_MODE, out, sizeof out, &list[14].frame), 9);
	CHECK_MEM(out, "\x09\0\0\0\0\0\0\1\2", 9);
	CHECK_EQ(any_frame_encode(FRAME_RESET, out, sizeof out, &list[16].frame), sizeof reset);
	CHECK_MEM(out, reset, sizeof reset);
	CHECK_EQ(any_frame_encode(FRAME_CLOSE, out, sizeof out, &list[17].frame), sizeof closing);
	CHECK_MEM(out, closing, sizeof closing);
}

/* Whatever decodes must encode to the same bytes, padding of PING apart. True: it did decode. */
static bool canonical(enum frame_type type, const uint8_t *payload, size_t length)
{
	size_t compared = type == FRAME_PING ? FRAME_PING_MIN : length;
	uint8_t again[FRAME_MAX];
	union any_frame frame;
	int result = decode_exact(type, payload, length, &frame);

	if (result < 0)
		return false;
	CHECK_EQ(result, 0);
	CHECK_EQ(any_frame_encode(type, again, sizeof again, &frame), FRAME_HEADER_BYTES + length);
	CHECK_MEM(again + FRAME_HEADER_BYTES, payload, compared);
	return true;
}

static void round_trips(void)
{
	struct sample list[SAMPLES_MAX];
	unsigned count = samples(list);

	for (unsigned i = 0; i < count; i++) {
		uint8_t out[FRAME_MAX];
		size_t length = any_frame_encode(list[i].type, out, sizeof out, &list[i].frame);
		struct frame_header header;

		CHECK_EQ(frame_header_decode(out, &header), 0);
		CHECK(frame_known(&header));
		CHECK_EQ(header.type, list[i].type);
		CHECK_EQ(header.flags, 0);
		CHECK_EQ(header.length, length - FRAME_HEADER_BYTES);
		CHECK(canonical(list[i].type, out + FRAME_HEADER_BYTES, header.length));
	}
}

static void too_little_room(void)
{
	struct sample list[SAMPLES_MAX];
	unsigned count = samples(list);

	for (unsigned i = 0; i < count; i++) {
		uint8_t out[FRAME_MAX];
		size_t length = any_frame_encode(list[i].type, out, sizeof out, &list[i].frame);

		for (size_t capacity = 0; capacity <= length; capacity++) {
			uint8_t *exact = malloc(capacity ? capacity : 1);

			CHECK(exact);
			CHECK_EQ(any_frame_encode(list[i].type, exact, capacity, &list[i].frame),
				 capacity < length ? 0 : length);
			free(exact);
		}
	}
}

/* Whatever lay there before, nothing of it goes out as padding. */
static void padding_is_zero(void)
{
	struct frame_ping ping = { .token = UINT64_MAX, .padding = PROBE_PADDING_MAX };
	uint8_t out[FRAME_MAX];

	memset(out, 0x5a, sizeof out);
	CHECK_EQ(frame_ping_encode(out, sizeof out, &ping), FRAME_HEADER_BYTES + FRAME_PING_MAX);
	for (size_t i = FRAME_HEADER_BYTES + FRAME_PING_MIN; i < FRAME_HEADER_BYTES + FRAME_PING_MAX; i++)
		CHECK_EQ(out[i], 0);
}

/* A payload of any other length is no frame, and leaves the output as it was. */
static void wrong_lengths(void)
{
	struct sample list[SAMPLES_MAX];
	unsigned count = samples(list);

	for (unsigned i = 0; i < count; i++) {
		uint8_t out[FRAME_MAX + 64] = {0};
		size_t right = any_frame_encode(list[i].type, out, sizeof out, &list[i].frame) - 8;

		for (size_t length = 0; length <= right + 40; length++) {
			union any_frame frame, before;

			if (length == right)
				continue;
			if (list[i].type == FRAME_PING && length >= FRAME_PING_MIN &&
			    length <= FRAME_PING_MAX)
				continue;
			memset(&frame, 0x55, sizeof frame);
			before = frame;
			CHECK_EQ(decode_exact(list[i].type, out + 8, length, &frame), -EPROTO);
			CHECK_MEM(&frame, &before, sizeof frame);
		}
	}
}

/* Every value in every byte of every sample, header included. */
static void corruptions(void)
{
	struct sample list[SAMPLES_MAX];
	unsigned count = samples(list);

	for (unsigned i = 0; i < count; i++) {
		uint8_t out[FRAME_MAX];
		size_t length = any_frame_encode(list[i].type, out, sizeof out, &list[i].frame);

		for (size_t at = 0; at < length; at++) {
			uint8_t right = out[at];

			for (unsigned value = 0; value < 256; value++) {
				struct frame_header header;

				out[at] = (uint8_t)value;
				if (at >= FRAME_HEADER_BYTES)
					canonical(list[i].type, out + 8, length - 8);
				else if (frame_header_decode(out, &header) == 0)
					CHECK(header.length <= CONTROL_PAYLOAD_MAX ||
					      header.type == FRAME_DATA);
				if (list[i].type == FRAME_PING && at > 20)
					break;
			}
			out[at] = right;
		}
	}
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Payloads of small numbers, so that a good part of them is nearly right. */
static void random_payloads(void)
{
	uint64_t state = 1;
	unsigned accepted = 0;

	for (unsigned round = 0; round < 100000; round++) {
		enum frame_type type = FRAME_HELLO + random_next(&state) % FRAME_CLOSE;
		size_t length = random_next(&state) % 100;
		uint8_t payload[100];

		if (type == FRAME_DATA)
			continue;
		for (size_t i = 0; i < length; i++)
			payload[i] = random_next(&state) % 4 ? 0 : (uint8_t)random_next(&state);
		accepted += canonical(type, payload, length);
	}
	CHECK(accepted > 100);
}

static int header_result(uint8_t type, uint8_t flags, uint16_t zero, uint32_t length)
{
	uint8_t bytes[FRAME_HEADER_BYTES];
	struct frame_header header = { 0xaa, 0xaa, 0xaaaa };
	int result;

	put_u32(put_u16(put_u8(put_u8(bytes, type), flags), zero), length);
	result = frame_header_decode(bytes, &header);
	CHECK(result == 0 || result == -EPROTO);
	CHECK_EQ(header.length, result == 0 ? length : 0xaaaa);
	return result;
}

static void header_bounds(void)
{
	static const struct {
		uint8_t type;
		uint32_t min, max;
	} bounds[] = {
		{ FRAME_HELLO, 92, 92 }, { FRAME_JOIN, 56, 56 }, { FRAME_ACCEPT, 64, 64 },
		{ FRAME_CONFIRM, 32, 32 }, { FRAME_DATA, 9, 65544 }, { FRAME_ACK, 24, 664 },
		{ FRAME_PING, 8, 1408 }, { FRAME_PONG, 8, 8 }, { FRAME_MODE, 1, 1 },
		{ FRAME_RESET, 10, 10 }, { FRAME_CLOSE, 4, 4 },
	};

	for (unsigned i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
		uint8_t type = bounds[i].type;

		CHECK_EQ(header_result(type, 0, 0, bounds[i].min), 0);
		CHECK_EQ(header_result(type, 0, 0, bounds[i].max), 0);
		CHECK_EQ(header_result(type, 0, 0, bounds[i].min - 1), -EPROTO);
		CHECK_EQ(header_result(type, 0, 0, bounds[i].max + 1), -EPROTO);
		CHECK_EQ(header_result(type, 0, 0, UINT32_MAX), -EPROTO);
		CHECK_EQ(header_result(type, 0, 1, bounds[i].max), -EPROTO);
		CHECK_EQ(header_result(type, 0, 0x100, bounds[i].max), -EPROTO);
		for (unsigned flags = 1; flags < 256; flags++)
			CHECK_EQ(header_result(type, (uint8_t)flags, 0, bounds[i].max),
				 type == FRAME_DATA && flags == FRAME_FLAG_FIN ? 0 : -EPROTO);
	}
	CHECK_EQ(header_result(FRAME_DATA, FRAME_FLAG_FIN, 0, 8), 0);
	CHECK_EQ(header_result(FRAME_DATA, FRAME_FLAG_FIN, 0, 7), -EPROTO);
}

static void unknown_types(void)
{
	static const uint8_t types[] = { 0, FRAME_CLOSE + 1, 0x16, 255 };

	for (unsigned i = 0; i < sizeof types; i++) {
		struct frame_header header = { types[i], FRAME_FLAG_OPTIONAL, 0 };

		CHECK(!frame_known(&header));
		CHECK_EQ(header_result(types[i], 0, 0, 0), -EPROTO);
		CHECK_EQ(header_result(types[i], 0xfe, 0, 0), -EPROTO);
		CHECK_EQ(header_result(types[i], FRAME_FLAG_OPTIONAL, 0, 0), 0);
		CHECK_EQ(header_result(types[i], 0xff, 0, CONTROL_PAYLOAD_MAX), 0);
		CHECK_EQ(header_result(types[i], FRAME_FLAG_OPTIONAL, 0, CONTROL_PAYLOAD_MAX + 1),
			 -EPROTO);
		CHECK_EQ(header_result(types[i], FRAME_FLAG_OPTIONAL, 1, 0), -EPROTO);
	}
}

static int data_result(uint64_t offset, uint32_t length, bool fin)
{
	struct frame_header header = {
		FRAME_DATA, fin ? FRAME_FLAG_FIN : 0, FRAME_DATA_MIN + length,
	};
	struct frame_data data = { 1, 2, false };
	uint8_t bytes[FRAME_DATA_MIN], out[FRAME_DATA_HEAD_BYTES];

	put_u64(bytes, offset);
	if (frame_data_decode(&header, bytes, &data) < 0) {
		CHECK_EQ(data.offset, 1);
		return -EPROTO;
	}
	CHECK_EQ(data.offset, offset);
	CHECK_EQ(data.length, length);
	CHECK_EQ(data.fin, fin);
	CHECK_EQ(frame_data_encode(out, sizeof out - 1, &data), 0);
	CHECK_EQ(frame_data_encode(out, sizeof out, &data), 16);
	CHECK_EQ(out[0], 5);
	CHECK_EQ(out[1], fin ? 2 : 0);
	CHECK_MEM(out + 8, bytes, 8);
	CHECK_EQ(frame_header_decode(out, &header), 0);
	CHECK_EQ(header.length, 8 + length);
	return 0;
}

static void data_frames(void)
{
	CHECK_EQ(data_result(0, 1, false), 0);
	CHECK_EQ(data_result(0, 0, true), 0);
	CHECK_EQ(data_result(UINT64_C(0x123456789), FRAME_PAYLOAD_MAX, true), 0);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX - 5, 5, false), 0);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX - 5, 4, true), 0);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX - 5, 5, true), -EPROTO);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX - 5, 6, false), -EPROTO);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX, 0, true), -EPROTO);
	CHECK_EQ(data_result(STREAM_OFFSET_MAX + 1, 1, false), -EPROTO);
	CHECK_EQ(data_result(UINT64_MAX, 1, false), -EPROTO);
	CHECK_EQ(data_result(UINT64_MAX, 0, true), -EPROTO);
	CHECK_EQ(data_result(UINT64_MAX - 10, FRAME_PAYLOAD_MAX, false), -EPROTO);
}

/* Writes the ranges of a full ACK by hand, as the encoder would refuse them. */
static int ack_result(uint64_t cumulative, const uint64_t *bounds, unsigned range_count)
{
	uint8_t payload[FRAME_ACK_MAX + 16], *out = payload;
	union any_frame frame;

	out = put_u64(out, cumulative);
	out = put_u64(out, 0);
	out = put_u16(out, 1);
	out = put_u16(out, (uint16_t)range_count);
	out = put_zero(out, 4);
	for (unsigned i = 0; i < 2 * range_count; i++)
		out = put_u64(out, bounds[i]);
	return decode_exact(FRAME_ACK, payload, (size_t)(out - payload), &frame);
}

static void ack_ranges(void)
{
	uint64_t many[2 * (ACK_RANGES_MAX + 1)];

	CHECK_EQ(ack_result(STREAM_OFFSET_MAX, NULL, 0), 0);
	CHECK_EQ(ack_result(STREAM_OFFSET_MAX + 1, NULL, 0), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, 7 }, 1), 0);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 5, 7 }, 1), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 4, 7 }, 1), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, 6 }, 1), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 8, 7 }, 1), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, 7, 8, 9 }, 2), 0);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, 7, 7, 9 }, 2), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, 9, 8, 10 }, 2), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 10, 11, 6, 7 }, 2), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, STREAM_OFFSET_MAX }, 1), 0);
	CHECK_EQ(ack_result(5, (uint64_t[]){ 6, STREAM_OFFSET_MAX + 1 }, 1), -EPROTO);
	CHECK_EQ(ack_result(5, (uint64_t[]){ UINT64_MAX - 1, UINT64_MAX }, 1), -EPROTO);
	for (unsigned i = 0; i < 2 * (ACK_RANGES_MAX + 1); i++)
		many[i] = 10 + i;
	CHECK_EQ(ack_result(5, many, ACK_RANGES_MAX), 0);
	CHECK_EQ(ack_result(5, many, ACK_RANGES_MAX + 1), -EPROTO);
}

/* Changes one field of a good frame's payload. */
static int changed(const struct sample *sample, size_t at, unsigned bytes, uint64_t value)
{
	uint8_t out[FRAME_MAX];
	size_t length = any_frame_encode(sample->type, out, sizeof out, &sample->frame);
	union any_frame frame;

	for (unsigned i = bytes; i > 0; i--, value >>= 8)
		out[FRAME_HEADER_BYTES + at + i - 1] = (uint8_t)value;
	return decode_exact(sample->type, out + FRAME_HEADER_BYTES, length - 8, &frame);
}

/* Not only of neighbours, nor only of the first. */
static void a_path_is_named_once(void)
{
	struct sample full = { FRAME_ACK, { .ack = full_ack() } };

	CHECK_EQ(changed(&full, 24 + 2 * 16, 2, 100), 0);
	CHECK_EQ(changed(&full, 24 + 2 * 16, 2, 0), -EPROTO);
	CHECK_EQ(changed(&full, 24 + 2 * 16, 2, 7), -EPROTO);
}

static void values_out_of_bounds(void)
{
	struct sample list[SAMPLES_MAX], *hello = &list[0], *join = &list[1], *accept = &list[3];
	struct sample *ack = &list[7], *mode = &list[12], *reset = &list[16];

	samples(list);
	CHECK_EQ(changed(hello, 64, 2, PATH_ID_NONE), -EPROTO);
	CHECK_EQ(changed(hello, 66, 1, 2), -EPROTO);
	CHECK_EQ(changed(hello, 67, 1, 4), -EPROTO);
	CHECK_EQ(changed(hello, 68, 1, 0), -EPROTO);
	CHECK_EQ(changed(hello, 68, 1, 6), -EPROTO);
	CHECK_EQ(changed(hello, 71, 1, 1), -EPROTO);
	CHECK_EQ(changed(hello, 72, 8, STREAM_OFFSET_MAX), 0);
	CHECK_EQ(changed(hello, 72, 8, STREAM_OFFSET_MAX + 1), -EPROTO);
	CHECK_EQ(changed(hello, 83, 1, 1), -EPROTO);
	CHECK_EQ(changed(join, 32, 2, PATH_ID_NONE), -EPROTO);
	CHECK_EQ(changed(join, 34, 2, 9), -EPROTO);
	CHECK_EQ(changed(join, 36, 1, 0), -EPROTO);
	CHECK_EQ(changed(join, 37, 1, 2), -EPROTO);
	CHECK_EQ(changed(join, 39, 1, 1), -EPROTO);
	CHECK_EQ(changed(accept, 48, 8, UINT64_MAX), -EPROTO);
	CHECK_EQ(changed(accept, 58, 1, 2), -EPROTO);
	CHECK_EQ(changed(accept, 59, 1, 0), -EPROTO);
	CHECK_EQ(changed(ack, 8, 8, STREAM_OFFSET_MAX + 1), -EPROTO);
	CHECK_EQ(changed(ack, 20, 1, PATHS_MAX + 1), -EPROTO);
	CHECK_EQ(changed(ack, 21, 1, 255), 0);
	CHECK_EQ(changed(ack, 24, 2, PATH_ID_NONE), -EPROTO);
	CHECK_EQ(changed(ack, 27, 1, 1), -EPROTO);
	CHECK_EQ(changed(&list[8], 24 + 16, 2, 0), -EPROTO);    /* the first path's id again */
	CHECK_EQ(changed(mode, 0, 1, 4), -EPROTO);
	CHECK_EQ(changed(reset, 2, 8, STREAM_OFFSET_MAX + 1), -EPROTO);
}

int main(void)
{
	RUN(preamble);
	RUN(layouts);
	RUN(round_trips);
	RUN(too_little_room);
	RUN(padding_is_zero);
	RUN(wrong_lengths);
	RUN(corruptions);
	RUN(random_payloads);
	RUN(header_bounds);
	RUN(unknown_types);
	RUN(data_frames);
	RUN(ack_ranges);
	RUN(a_path_is_named_once);
	RUN(values_out_of_bounds);
	return 0;
}
