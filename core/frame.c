/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame codec. Each encoder and its decoder stand together and name the fields in wire order.
 * valid_* hold for what is encoded (asserted) and for what is decoded (else -EPROTO).
 */
#include "core/frame.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/bytes.h"

static const uint8_t magic[6] = { 'h', 'a', 'w', 's', 'e', 'r' };

/* What a header may say, by type. */
static const struct {
	uint32_t length_min, length_max;
	uint8_t flags;                  /* those it may carry */
} rules[] = {
	[FRAME_HELLO] = { FRAME_HELLO_BYTES, FRAME_HELLO_BYTES, 0 },
	[FRAME_JOIN] = { FRAME_JOIN_BYTES, FRAME_JOIN_BYTES, 0 },
	[FRAME_ACCEPT] = { FRAME_ACCEPT_BYTES, FRAME_ACCEPT_BYTES, 0 },
	[FRAME_CONFIRM] = { FRAME_CONFIRM_BYTES, FRAME_CONFIRM_BYTES, 0 },
	[FRAME_DATA] = { FRAME_DATA_MIN, FRAME_DATA_MAX, FRAME_FLAG_FIN },
	[FRAME_ACK] = { FRAME_ACK_MIN, FRAME_ACK_MAX, 0 },
	[FRAME_PING] = { FRAME_PING_MIN, FRAME_PING_MAX, 0 },
	[FRAME_PONG] = { FRAME_PONG_BYTES, FRAME_PONG_BYTES, 0 },
	[FRAME_MODE] = { FRAME_MODE_BYTES, FRAME_MODE_BYTES, 0 },
	[FRAME_RESET] = { FRAME_RESET_BYTES, FRAME_RESET_BYTES, 0 },
	[FRAME_CLOSE] = { FRAME_CLOSE_BYTES, FRAME_CLOSE_BYTES, 0 },
};

_Static_assert(FRAME_HELLO_BYTES <= CONTROL_PAYLOAD_MAX, "HELLO is a control frame");
_Static_assert(FRAME_ACK_MAX <= CONTROL_PAYLOAD_MAX, "the largest ACK is a control frame");
_Static_assert(FRAME_PING_MAX <= CONTROL_PAYLOAD_MAX, "the largest PING is a control frame");
_Static_assert(PATHS_MAX <= UINT8_MAX, "ACK counts paths in one byte");

void preamble_encode(uint8_t out[PREAMBLE_BYTES], uint8_t min_version, uint8_t max_version)
{
	assert(min_version > 0 && min_version <= max_version);
	out = put_bytes(out, magic, sizeof magic);
	out = put_u8(out, min_version);
	put_u8(out, max_version);
}

int preamble_decode(const uint8_t in[PREAMBLE_BYTES], uint8_t *min_version, uint8_t *max_version)
{
	if (!preamble_begins(in, PREAMBLE_BYTES))
		return -EPROTO;
	*min_version = in[sizeof magic];
	*max_version = in[sizeof magic + 1];
	return 0;
}

bool preamble_begins(const uint8_t *in, size_t length)
{
	const uint8_t *min_version = in + sizeof magic, *max_version = min_version + 1;

	assert(length <= PREAMBLE_BYTES);
	if (memcmp(in, magic, length < sizeof magic ? length : sizeof magic) != 0)
		return false;
	if (length > sizeof magic && *min_version == 0)
		return false;
	return length < PREAMBLE_BYTES || *min_version <= *max_version;
}

bool frame_known(const struct frame_header *header)
{
	return header->type < sizeof rules / sizeof rules[0] && rules[header->type].length_max > 0;
}

static bool valid_header(const struct frame_header *header)
{
	if (!frame_known(header))
		return header->flags & FRAME_FLAG_OPTIONAL && header->length <= CONTROL_PAYLOAD_MAX;
	if (header->flags & ~rules[header->type].flags)
		return false;
	if (header->length < rules[header->type].length_min)
		return false;
	if (header->length > rules[header->type].length_max)
		return false;
	/* DATA that says nothing. */
	return header->type != FRAME_DATA || header->length > FRAME_DATA_MIN ||
	       header->flags & FRAME_FLAG_FIN;
}

int frame_header_decode(const uint8_t in[FRAME_HEADER_BYTES], struct frame_header *header)
{
	struct frame_header got;

	got.type = take_u8(&in);
	got.flags = take_u8(&in);
	if (!take_zero(&in, 2))
		return -EPROTO;
	got.length = take_u32(&in);
	if (!valid_header(&got))
		return -EPROTO;
	*header = got;
	return 0;
}

/* Writes the header when it and payload_here bytes of the payload fit; NULL when not. */
static uint8_t *begin(uint8_t *out, size_t capacity, struct frame_header header,
		      size_t payload_here)
{
	assert(valid_header(&header));
	if (capacity < FRAME_HEADER_BYTES + payload_here)
		return NULL;
	out = put_u8(out, header.type);
	out = put_u8(out, header.flags);
	out = put_zero(out, 2);
	return put_u32(out, header.length);
}

static uint8_t *begin_whole(uint8_t *out, size_t capacity, enum frame_type type, size_t length)
{
	struct frame_header header = { .type = (uint8_t)type, .length = (uint32_t)length };

	return begin(out, capacity, header, length);
}

static bool valid_hello(const struct frame_hello *hello)
{
	return hello->path_id != PATH_ID_NONE && hello->kind <= FRAME_KIND_LAST &&
	       hello->mode <= FRAME_MODE_LAST && hello->carrier > 0 &&
	       hello->carrier <= FRAME_CARRIER_LAST && hello->receive_limit <= STREAM_OFFSET_MAX;
}

size_t frame_hello_encode(uint8_t *out, size_t capacity, const struct frame_hello *hello)
{
	assert(valid_hello(hello));
	out = begin_whole(out, capacity, FRAME_HELLO, FRAME_HELLO_BYTES);
	if (!out)
		return 0;
	out = put_bytes(out, hello->id, sizeof hello->id);
	out = put_bytes(out, hello->secret, sizeof hello->secret);
	out = put_bytes(out, hello->nonce, sizeof hello->nonce);
	out = put_u16(out, hello->path_id);
	out = put_u8(out, hello->kind);
	out = put_u8(out, hello->mode);
	out = put_u8(out, hello->carrier);
	out = put_zero(out, 3);
	out = put_u64(out, hello->receive_limit);
	out = put_u16(out, hello->range_credit);
	out = put_zero(out, 2);
	out = put_u32(out, hello->resume_timeout_ms);
	put_u32(out, hello->orphan_timeout_ms);
	return FRAME_HEADER_BYTES + FRAME_HELLO_BYTES;
}

int frame_hello_decode(const uint8_t *payload, size_t length, struct frame_hello *hello)
{
	const uint8_t *secret = payload + FRAME_HELLO_SECRET_AT;
	struct frame_hello got = {0};
	bool reserved;

	if (length != FRAME_HELLO_BYTES)
		return -EPROTO;
	take_bytes(&payload, got.id, sizeof got.id);
	payload += SECRET_BYTES;        /* no copy of it stays on the stack */
	take_bytes(&payload, got.nonce, sizeof got.nonce);
	got.path_id = take_u16(&payload);
	got.kind = take_u8(&payload);
	got.mode = take_u8(&payload);
	got.carrier = take_u8(&payload);
	reserved = take_zero(&payload, 3);
	got.receive_limit = take_u64(&payload);
	got.range_credit = take_u16(&payload);
	reserved &= take_zero(&payload, 2);
	got.resume_timeout_ms = take_u32(&payload);
	got.orphan_timeout_ms = take_u32(&payload);
	if (!reserved || !valid_hello(&got))
		return -EPROTO;
	*hello = got;
	memcpy(hello->secret, secret, sizeof hello->secret);
	return 0;
}

static bool valid_join(const struct frame_join *join)
{
	return join->path_id != PATH_ID_NONE && join->replaces != join->path_id &&
	       join->carrier > 0 && join->carrier <= FRAME_CARRIER_LAST;
}

size_t frame_join_encode(uint8_t *out, size_t capacity, const struct frame_join *join)
{
	assert(valid_join(join));
	out = begin_whole(out, capacity, FRAME_JOIN, FRAME_JOIN_BYTES);
	if (!out)
		return 0;
	out = put_bytes(out, join->id, sizeof join->id);
	out = put_bytes(out, join->nonce, sizeof join->nonce);
	out = put_u16(out, join->path_id);
	out = put_u16(out, join->replaces);
	out = put_u8(out, join->carrier);
	out = put_u8(out, join->resume);
	out = put_zero(out, 2);
	put_bytes(out, join->confirmed, sizeof join->confirmed);
	return FRAME_HEADER_BYTES + FRAME_JOIN_BYTES;
}

int frame_join_decode(const uint8_t *payload, size_t length, struct frame_join *join)
{
	struct frame_join got;
	uint8_t flags;

	if (length != FRAME_JOIN_BYTES)
		return -EPROTO;
	take_bytes(&payload, got.id, sizeof got.id);
	take_bytes(&payload, got.nonce, sizeof got.nonce);
	got.path_id = take_u16(&payload);
	got.replaces = take_u16(&payload);
	got.carrier = take_u8(&payload);
	flags = take_u8(&payload);
	got.resume = flags != 0;
	if (flags > 1 || !take_zero(&payload, 2) || !valid_join(&got))
		return -EPROTO;
	take_bytes(&payload, got.confirmed, sizeof got.confirmed);
	*join = got;
	return 0;
}

static bool valid_accept(const struct frame_accept *accept)
{
	return accept->receive_limit <= STREAM_OFFSET_MAX && accept->kind <= FRAME_KIND_LAST &&
	       accept->version > 0;
}

size_t frame_accept_encode(uint8_t *out, size_t capacity, const struct frame_accept *accept)
{
	assert(valid_accept(accept));
	out = begin_whole(out, capacity, FRAME_ACCEPT, FRAME_ACCEPT_BYTES);
	if (!out)
		return 0;
	out = put_bytes(out, accept->nonce, sizeof accept->nonce);
	out = put_bytes(out, accept->mac, sizeof accept->mac);
	out = put_u64(out, accept->receive_limit);
	out = put_u16(out, accept->range_credit);
	out = put_u8(out, accept->kind);
	out = put_u8(out, accept->version);
	put_u32(out, accept->resume_timeout_ms);
	return FRAME_HEADER_BYTES + FRAME_ACCEPT_BYTES;
}

int frame_accept_decode(const uint8_t *payload, size_t length, struct frame_accept *accept)
{
	struct frame_accept got;

	if (length != FRAME_ACCEPT_BYTES)
		return -EPROTO;
	take_bytes(&payload, got.nonce, sizeof got.nonce);
	take_bytes(&payload, got.mac, sizeof got.mac);
	got.receive_limit = take_u64(&payload);
	got.range_credit = take_u16(&payload);
	got.kind = take_u8(&payload);
	got.version = take_u8(&payload);
	got.resume_timeout_ms = take_u32(&payload);
	if (!valid_accept(&got))
		return -EPROTO;
	*accept = got;
	return 0;
}

size_t frame_confirm_encode(uint8_t *out, size_t capacity, const struct frame_confirm *confirm)
{
	out = begin_whole(out, capacity, FRAME_CONFIRM, FRAME_CONFIRM_BYTES);
	if (!out)
		return 0;
	put_bytes(out, confirm->mac, sizeof confirm->mac);
	return FRAME_HEADER_BYTES + FRAME_CONFIRM_BYTES;
}

int frame_confirm_decode(const uint8_t *payload, size_t length, struct frame_confirm *confirm)
{
	if (length != FRAME_CONFIRM_BYTES)
		return -EPROTO;
	take_bytes(&payload, confirm->mac, sizeof confirm->mac);
	return 0;
}

/* FIN occupies an offset of its own, so that an ACK can name it. */
static bool valid_data(const struct frame_data *data)
{
	return data->offset <= STREAM_OFFSET_MAX && data->length <= FRAME_PAYLOAD_MAX &&
	       data->length + data->fin <= STREAM_OFFSET_MAX - data->offset;
}

size_t frame_data_encode(uint8_t *out, size_t capacity, const struct frame_data *data)
{
	struct frame_header header = {
		.type = FRAME_DATA,
		.flags = data->fin ? FRAME_FLAG_FIN : 0,
		.length = FRAME_DATA_MIN + data->length,
	};

	assert(valid_data(data));
	out = begin(out, capacity, header, FRAME_DATA_MIN);
	if (!out)
		return 0;
	put_u64(out, data->offset);
	return FRAME_DATA_HEAD_BYTES;
}

int frame_data_decode(const struct frame_header *header, const uint8_t offset[FRAME_DATA_MIN],
		      struct frame_data *data)
{
	struct frame_data got = {
		.offset = take_u64(&offset),
		.length = header->length - FRAME_DATA_MIN,
		.fin = header->flags & FRAME_FLAG_FIN,
	};

	assert(header->type == FRAME_DATA && valid_header(header));
	if (!valid_data(&got))
		return -EPROTO;
	*data = got;
	return 0;
}

/* Bounded by PATHS_MAX squared. */
static bool valid_ack_paths(const struct frame_ack *ack)
{
	for (unsigned i = 0; i < ack->path_count; i++) {
		if (ack->paths[i].path_id == PATH_ID_NONE)
			return false;
		for (unsigned j = 0; j < i; j++)
			if (ack->paths[i].path_id == ack->paths[j].path_id)
				return false;
	}
	return true;
}

static bool valid_ack(const struct frame_ack *ack)
{
	uint64_t above = ack->cumulative;

	if (ack->path_count > PATHS_MAX || ack->range_count > ACK_RANGES_MAX)
		return false;
	if (ack->window_units > WINDOW_UNITS_MAX)
		return false;
	if (ack->cumulative > STREAM_OFFSET_MAX || ack->receive_limit > STREAM_OFFSET_MAX)
		return false;
	for (unsigned i = 0; i < ack->range_count; i++) {
		if (ack->ranges[i].start <= above || ack->ranges[i].end <= ack->ranges[i].start)
			return false;
		above = ack->ranges[i].end;
	}
	return above <= STREAM_OFFSET_MAX && valid_ack_paths(ack);
}

static size_t ack_length(size_t path_count, size_t range_count)
{
	return FRAME_ACK_MIN + path_count * FRAME_ACK_PATH_BYTES +
	       range_count * FRAME_ACK_RANGE_BYTES;
}

size_t frame_ack_encode(uint8_t *out, size_t capacity, const struct frame_ack *ack)
{
	size_t length;

	assert(valid_ack(ack));
	length = ack_length(ack->path_count, ack->range_count);
	out = begin_whole(out, capacity, FRAME_ACK, length);
	if (!out)
		return 0;
	out = put_u64(out, ack->cumulative);
	out = put_u64(out, ack->receive_limit);
	out = put_u16(out, ack->range_credit);
	out = put_u16(out, (uint16_t)ack->range_count);
	out = put_u8(out, (uint8_t)ack->path_count);
	out = put_u16(put_u8(out, (uint8_t)(ack->window_units >> 16)), (uint16_t)ack->window_units);
	for (unsigned i = 0; i < ack->path_count; i++) {
		out = put_u16(out, ack->paths[i].path_id);
		out = put_zero(out, 2);
		out = put_u32(out, ack->paths[i].age_us);
		out = put_u64(out, ack->paths[i].received_bytes);
	}
	for (unsigned i = 0; i < ack->range_count; i++) {
		out = put_u64(out, ack->ranges[i].start);
		out = put_u64(out, ack->ranges[i].end);
	}
	return FRAME_HEADER_BYTES + length;
}

int frame_ack_decode(const uint8_t *payload, size_t length, struct frame_ack *ack)
{
	struct frame_ack got;
	bool reserved = true;

	if (length < FRAME_ACK_MIN)
		return -EPROTO;
	got.cumulative = take_u64(&payload);
	got.receive_limit = take_u64(&payload);
	got.range_credit = take_u16(&payload);
	got.range_count = take_u16(&payload);
	got.path_count = take_u8(&payload);
	got.window_units = (uint32_t)take_u8(&payload) << 16;
	got.window_units |= take_u16(&payload);
	if (got.path_count > PATHS_MAX || got.range_count > ACK_RANGES_MAX)
		return -EPROTO;
	if (length != ack_length(got.path_count, got.range_count))
		return -EPROTO;
	for (unsigned i = 0; i < got.path_count; i++) {
		got.paths[i].path_id = take_u16(&payload);
		reserved &= take_zero(&payload, 2);
		got.paths[i].age_us = take_u32(&payload);
		got.paths[i].received_bytes = take_u64(&payload);
	}
	for (unsigned i = 0; i < got.range_count; i++) {
		got.ranges[i].start = take_u64(&payload);
		got.ranges[i].end = take_u64(&payload);
	}
	if (!reserved || !valid_ack(&got))
		return -EPROTO;
	*ack = got;
	return 0;
}

size_t frame_ping_encode(uint8_t *out, size_t capacity, const struct frame_ping *ping)
{
	assert(ping->padding <= PROBE_PADDING_MAX);
	out = begin_whole(out, capacity, FRAME_PING, FRAME_PING_MIN + ping->padding);
	if (!out)
		return 0;
	out = put_u64(out, ping->token);
	put_zero(out, ping->padding);
	return FRAME_HEADER_BYTES + FRAME_PING_MIN + ping->padding;
}

int frame_ping_decode(const uint8_t *payload, size_t length, struct frame_ping *ping)
{
	if (length < FRAME_PING_MIN || length > FRAME_PING_MAX)
		return -EPROTO;
	ping->token = take_u64(&payload);
	ping->padding = (uint16_t)(length - FRAME_PING_MIN);
	return 0;
}

size_t frame_pong_encode(uint8_t *out, size_t capacity, const struct frame_pong *pong)
{
	out = begin_whole(out, capacity, FRAME_PONG, FRAME_PONG_BYTES);
	if (!out)
		return 0;
	put_u64(out, pong->token);
	return FRAME_HEADER_BYTES + FRAME_PONG_BYTES;
}

int frame_pong_decode(const uint8_t *payload, size_t length, struct frame_pong *pong)
{
	if (length != FRAME_PONG_BYTES)
		return -EPROTO;
	pong->token = take_u64(&payload);
	return 0;
}

size_t frame_mode_encode(uint8_t *out, size_t capacity, const struct frame_mode *mode)
{
	assert(mode->mode <= FRAME_MODE_LAST);
	out = begin_whole(out, capacity, FRAME_MODE, FRAME_MODE_BYTES);
	if (!out)
		return 0;
	put_u8(out, mode->mode);
	return FRAME_HEADER_BYTES + FRAME_MODE_BYTES;
}

int frame_mode_decode(const uint8_t *payload, size_t length, struct frame_mode *mode)
{
	if (length != FRAME_MODE_BYTES || *payload > FRAME_MODE_LAST)
		return -EPROTO;
	mode->mode = take_u8(&payload);
	return 0;
}

size_t frame_reset_encode(uint8_t *out, size_t capacity, const struct frame_reset *reset)
{
	assert(reset->consumed <= STREAM_OFFSET_MAX);
	out = begin_whole(out, capacity, FRAME_RESET, FRAME_RESET_BYTES);
	if (!out)
		return 0;
	out = put_u16(out, reset->reason);
	put_u64(out, reset->consumed);
	return FRAME_HEADER_BYTES + FRAME_RESET_BYTES;
}

int frame_reset_decode(const uint8_t *payload, size_t length, struct frame_reset *reset)
{
	struct frame_reset got;

	if (length != FRAME_RESET_BYTES)
		return -EPROTO;
	got.reason = take_u16(&payload);
	got.consumed = take_u64(&payload);
	if (got.consumed > STREAM_OFFSET_MAX)
		return -EPROTO;
	*reset = got;
	return 0;
}

size_t frame_close_encode(uint8_t *out, size_t capacity, const struct frame_close *close)
{
	out = begin_whole(out, capacity, FRAME_CLOSE, FRAME_CLOSE_BYTES);
	if (!out)
		return 0;
	out = put_u16(out, close->reason);
	put_u16(out, close->detail);
	return FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES;
}

int frame_close_decode(const uint8_t *payload, size_t length, struct frame_close *close)
{
	if (length != FRAME_CLOSE_BYTES)
		return -EPROTO;
	close->reason = take_u16(&payload);
	close->detail = take_u16(&payload);
	return 0;
}
