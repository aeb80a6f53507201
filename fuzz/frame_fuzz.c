/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame codec. Input: a preamble, or a header and its payload. What decodes must encode to the
 * very same bytes, and what is refused must leave the output untouched.
 */
#include <errno.h>

#include "core/frame.h"
#include "fuzz/fuzz.h"
#include "test/any_frame.h"

#define LIMIT       (UINT64_C(1) << 62)
#define FRAME_BYTES (FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX)

static void data_frame(const struct frame_header *header, const uint8_t *bytes)
{
	uint8_t out[FRAME_DATA_HEAD_BYTES];
	struct frame_data data, before;

	memset(&data, 0xa5, sizeof data);
	before = data;
	if (frame_data_decode(header, bytes + FRAME_HEADER_BYTES, &data) < 0) {
		HOLDS(memcmp(&data, &before, sizeof data) == 0);
		return;
	}
	HOLDS(data.offset <= LIMIT && data.length <= 65536);
	HOLDS(data.offset + data.length + data.fin <= LIMIT);
	HOLDS(data.length > 0 || data.fin);
	HOLDS(frame_data_encode(out, sizeof out, &data) == sizeof out);
	HOLDS(memcmp(out, bytes, sizeof out) == 0);
}

static void check_ack(const struct frame_ack *ack)
{
	uint64_t above = ack->cumulative;

	HOLDS(ack->path_count <= 8 && ack->range_count <= 32);
	HOLDS(ack->cumulative <= LIMIT && ack->receive_limit <= LIMIT);
	for (unsigned i = 0; i < ack->range_count; i++) {
		HOLDS(ack->ranges[i].start > above && ack->ranges[i].end > ack->ranges[i].start);
		above = ack->ranges[i].end;
	}
	HOLDS(above <= LIMIT);
	for (unsigned i = 0; i < ack->path_count; i++) {
		HOLDS(ack->paths[i].path_id != 0xffff);
		for (unsigned j = 0; j < i; j++)
			HOLDS(ack->paths[i].path_id != ack->paths[j].path_id);
	}
}

/* The bounds of PROTOCOL.md, once more: the codec's own are no witness for themselves. */
static void check_values(uint8_t type, const union any_frame *f)
{
	switch (type) {
	case FRAME_HELLO:
		HOLDS(f->hello.path_id != 0xffff && f->hello.kind <= 1 && f->hello.mode <= 3);
		HOLDS(f->hello.carrier >= 1 && f->hello.carrier <= 5 && f->hello.receive_limit <= LIMIT);
		break;
	case FRAME_JOIN:
		HOLDS(f->join.path_id != 0xffff && f->join.replaces != f->join.path_id);
		HOLDS(f->join.carrier >= 1 && f->join.carrier <= 5);
		break;
	case FRAME_ACCEPT:
		HOLDS(f->accept.receive_limit <= LIMIT && f->accept.kind <= 1 && f->accept.version >= 1);
		break;
	case FRAME_ACK:
		check_ack(&f->ack);
		break;
	case FRAME_PING:
		HOLDS(f->ping.padding <= 1400);
		break;
	case FRAME_MODE:
		HOLDS(f->mode.mode <= 3);
		break;
	case FRAME_RESET:
		HOLDS(f->reset.consumed <= LIMIT);
		break;
	default:
		break;
	}
}

static void control_frame(const struct frame_header *header, const uint8_t *bytes)
{
	union any_frame frame, before;
	uint8_t out[FRAME_BYTES];
	size_t length = FRAME_HEADER_BYTES + header->length;

	memset(&frame, 0xa5, sizeof frame);
	before = frame;
	if (any_frame_decode(header->type, bytes + FRAME_HEADER_BYTES, header->length, &frame) < 0) {
		HOLDS(memcmp(&frame, &before, sizeof frame) == 0);
		return;
	}
	check_values(header->type, &frame);
	/* Never a byte more than fits. */
	HOLDS(any_frame_encode(header->type, out, length - 1, &frame) == 0);
	HOLDS(any_frame_encode(header->type, out, length, &frame) == length);
	if (header->type == FRAME_PING)
		length = FRAME_HEADER_BYTES + FRAME_PING_MIN;  /* padding is ignored, and sent as zeros */
	HOLDS(memcmp(out, bytes, length) == 0);
}

static void preamble(const uint8_t *bytes, size_t size)
{
	uint8_t min, max, out[PREAMBLE_BYTES];
	bool begins = true;

	for (size_t length = 0; length <= size && length <= PREAMBLE_BYTES; length++) {
		bool now = preamble_begins(bytes, length);

		HOLDS(begins || !now);  /* once it cannot be one, it never is */
		begins = now;
	}
	if (size < PREAMBLE_BYTES)
		return;
	HOLDS((preamble_decode(bytes, &min, &max) == 0) == begins);
	if (!begins)
		return;
	preamble_encode(out, min, max);
	HOLDS(memcmp(out, bytes, sizeof out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_header header;

	preamble(data, size);
	if (size < FRAME_HEADER_BYTES || frame_header_decode(data, &header) < 0)
		return 0;
	if (!frame_known(&header)) {
		HOLDS(header.flags & FRAME_FLAG_OPTIONAL && header.length <= CONTROL_PAYLOAD_MAX);
		return 0;
	}
	HOLDS(header.length <= (header.type == FRAME_DATA ? FRAME_DATA_MAX : CONTROL_PAYLOAD_MAX));
	if (header.type == FRAME_DATA && size >= FRAME_DATA_HEAD_BYTES)
		data_frame(&header, data);
	else if (header.type != FRAME_DATA && size >= FRAME_HEADER_BYTES + header.length)
		control_frame(&header, data);
	return 0;
}
