/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send, in every cut, and what it must not. */
#include <errno.h>

#include "core/bytes.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)

static struct solo *solo_with_path(void)
{
	struct session_config config = world_config(MODE_STRIPE);
	struct solo *solo;

	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, LIMIT);
	solo_path(solo, 0, NS_PER_MS, false);
	return solo;
}

static size_t header(uint8_t *out, uint8_t type, uint8_t flags, uint32_t length)
{
	put_u32(put_zero(put_u8(put_u8(out, type), flags), 2), length);
	return FRAME_HEADER_BYTES;
}

static void check_readable(struct solo *solo, uint64_t bytes)
{
	struct iovec iov[32];
	uint64_t at = solo->s->receive.consumed;
	unsigned used;

	CHECK_EQ(session_readable(solo->s), bytes);
	used = session_receive_peek(solo->s, iov, 32);
	for (unsigned i = 0; i < used; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++)
			CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], solo_byte(at++));
}

static void refused(struct solo *solo, const void *bytes, size_t length)
{
	CHECK_EQ(solo_feed(solo, 0, bytes, length), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_PROTOCOL_ERROR);
	solo_free(solo);
}

/* A conversation with every kind of frame: DATA ahead and behind, an unknown one, MODE, PING. */
static size_t conversation(uint8_t *out, size_t capacity)
{
	static const struct { uint64_t offset; uint32_t length; bool fin; } pieces[] = {
		{ 100, 50, false }, { 0, 100, false }, { 120, 60, false }, { 180, 0, true },
	};
	struct frame_mode mode = { .mode = MODE_BACKUP };
	struct frame_ping ping = { .token = 7, .padding = 30 };
	size_t length = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct frame_data data = { pieces[i].offset, pieces[i].length, pieces[i].fin };

		length += frame_data_encode(out + length, capacity - length, &data);
		for (uint32_t k = 0; k < pieces[i].length; k++)
			out[length++] = solo_byte(pieces[i].offset + k);
		length += header(out + length, 99, FRAME_FLAG_OPTIONAL | 0x80, 3 * i);
		memset(out + length, 0xee, 3 * i);
		length += 3 * i;
	}
	length += frame_mode_encode(out + length, capacity - length, &mode);
	length += frame_ping_encode(out + length, capacity - length, &ping);
	return length;
}

static void frames_in_every_cut(void)
{
	uint8_t bytes[1024];
	size_t length = conversation(bytes, sizeof bytes);

	for (size_t step = 1; step <= length; step++) {
		struct solo *solo = solo_with_path();

		for (size_t at = 0; at < length; at += step)
			CHECK_EQ(solo_feed(solo, 0, bytes + at, length - at < step ? length - at : step), 0);
		check_readable(solo, 180);
		CHECK_EQ(solo->s->receive.fin_offset, 180);
		CHECK_EQ(session_mode(solo->s), MODE_BACKUP);
		CHECK_EQ(solo->path[0].received_bytes, length);
		CHECK_EQ(solo->path[0].out.notes_count, 1);
		CHECK_EQ(solo->s->duplicate_received, 30);
		session_receive_consume(solo->s, 180, solo->now);
		CHECK(session_receive_ended(solo->s));
		solo_free(solo);
	}
}

static void unknown_frames(void)
{
	uint8_t bytes[FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX];
	struct solo *solo = solo_with_path();

	memset(bytes, 0x55, sizeof bytes);
	header(bytes, 200, FRAME_FLAG_OPTIONAL, CONTROL_PAYLOAD_MAX);
	CHECK_EQ(solo_feed(solo, 0, bytes, sizeof bytes), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	check_readable(solo, 10);
	header(bytes, 200, FRAME_FLAG_OPTIONAL, CONTROL_PAYLOAD_MAX + 1);
	refused(solo, bytes, FRAME_HEADER_BYTES);
	header(bytes, 200, 0, 4);
	refused(solo_with_path(), bytes, FRAME_HEADER_BYTES);
}

static void handshake_frames_have_no_place_here(void)
{
	uint8_t bytes[FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX];
	struct frame_hello hello = { .carrier = 1 };
	struct frame_join join = { .carrier = 1, .replaces = PATH_ID_NONE };
	struct frame_accept accept = { .version = 1 };
	struct frame_confirm confirm = { .mac = { 0 } };

	refused(solo_with_path(), bytes, frame_hello_encode(bytes, sizeof bytes, &hello));
	refused(solo_with_path(), bytes, frame_join_encode(bytes, sizeof bytes, &join));
	refused(solo_with_path(), bytes, frame_accept_encode(bytes, sizeof bytes, &accept));
	refused(solo_with_path(), bytes, frame_confirm_encode(bytes, sizeof bytes, &confirm));
	memcpy(bytes, "GET / HTTP/1.1\r\n", 16);
	refused(solo_with_path(), bytes, 16);
}

static void data_out_of_bounds(void)
{
	struct solo *solo = solo_with_path();

	CHECK_EQ(solo_data(solo, 0, LIMIT - 10, 10, false), 0);
	CHECK_EQ(solo_data(solo, 0, LIMIT - 9, 10, false), -EPROTO);
	solo_free(solo);
	solo = solo_with_path();
	CHECK_EQ(solo_data(solo, 0, STREAM_OFFSET_MAX - 1, 1, false), -EPROTO);
	solo_free(solo);
	/* The end is the end: no byte beyond it, no other end, none below what came. */
	for (unsigned i = 0; i < 4; i++) {
		static const struct { uint64_t offset; uint32_t length; bool fin; } wrong[] = {
			{ 100, 1, false }, { 50, 40, true }, { 90, 20, true }, { 60, 0, true },
		};

		solo = solo_with_path();
		CHECK_EQ(solo_data(solo, 0, 50, 50, true), 0);
		CHECK_EQ(solo_data(solo, 0, 50, 50, true), 0);
		CHECK_EQ(solo_data(solo, 0, wrong[i].offset, wrong[i].length, wrong[i].fin), -EPROTO);
		solo_free(solo);
	}
}

/* One range more than credit and room for what paths have under way. */
static void too_many_ranges(void)
{
	struct solo *solo = solo_with_path();

	for (unsigned i = 0; i < RANGES_HELD_MAX; i++)
		CHECK_EQ(solo_data(solo, 0, 2 * i + 1, 1, false), 0);
	CHECK_EQ(solo_data(solo, 0, 2 * RANGES_HELD_MAX + 1, 1, false), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

/* The same, when the byte is read straight to its place. */
static void too_many_ranges_in_place(void)
{
	struct frame_data data = { .offset = 2 * RANGES_HELD_MAX + 1, .length = 1 };
	struct solo *solo = solo_with_path();
	uint8_t head[FRAME_DATA_HEAD_BYTES];

	for (unsigned i = 0; i < RANGES_HELD_MAX; i++)
		CHECK_EQ(solo_data(solo, 0, 2 * i + 1, 1, false), 0);
	frame_data_encode(head, sizeof head, &data);
	CHECK_EQ(solo_feed(solo, 0, head, sizeof head), 0);
	CHECK_EQ(solo_feed(solo, 0, "x", 1), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_PROTOCOL_ERROR);
	solo_free(solo);
}

static void feed_ack(struct solo *solo, const struct frame_ack *ack, int expected)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	CHECK_EQ(solo_feed(solo, 0, bytes, frame_ack_encode(bytes, sizeof bytes, ack)), expected);
}

static struct solo *solo_having_sent(uint64_t bytes)
{
	struct solo *solo = solo_with_path();

	solo_write(solo, bytes);
	solo_carry_all(solo);
	return solo;
}

static void acknowledged_but_never_sent(void)
{
	struct frame_ack ack = { .cumulative = 1000 };
	struct solo *solo = solo_having_sent(1000);

	feed_ack(solo, &ack, 0);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	ack.cumulative = 1001;
	feed_ack(solo, &ack, -EPROTO);
	solo_free(solo);

	solo = solo_having_sent(1000);
	ack = (struct frame_ack){ .range_count = 1, .ranges = { { 500, 1001 } } };
	feed_ack(solo, &ack, -EPROTO);
	solo_free(solo);

	/* Written by the program and not yet sent. */
	solo = solo_having_sent(1000);
	solo_write(solo, 500);
	ack = (struct frame_ack){ .cumulative = 1200 };
	feed_ack(solo, &ack, -EPROTO);
	solo_free(solo);

	/* More evidence than bytes; for an unknown path it is nothing. */
	solo = solo_having_sent(1000);
	ack = (struct frame_ack){ .path_count = 1, .paths = { { 77, 0, UINT64_MAX } } };
	feed_ack(solo, &ack, 0);
	ack.paths[0] = (struct ack_path){ solo->path[0].id, 0, solo->path[0].health.sent_bytes + 1 };
	feed_ack(solo, &ack, -EPROTO);
	solo_free(solo);
}

/* What only a lost path carried stays sent: the peer may have it all the same. */
static void acknowledged_after_its_path_was_lost(void)
{
	struct frame_ack ack = { .cumulative = 1000 };
	struct solo *solo = solo_having_sent(1000);

	solo_path(solo, 1, NS_PER_MS, false);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(solo_ack(solo, 1, 0, NULL, 0), 0);
	feed_ack(solo, &ack, 0);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	solo_free(solo);
}

static void limits_and_evidence_of_old_acks(void)
{
	struct frame_ack ack = { .cumulative = 600, .receive_limit = 2 * LIMIT };
	struct solo *solo = solo_having_sent(1000);

	feed_ack(solo, &ack, 0);
	ack = (struct frame_ack){ .cumulative = 100, .receive_limit = LIMIT, .range_count = 1,
				  .ranges = { { 200, 300 } } };
	feed_ack(solo, &ack, 0);
	CHECK_EQ(solo->s->sender.peer_limit, 2 * LIMIT);
	CHECK_EQ(session_unacknowledged(solo->s), 400);
	/* A peer that claims to have consumed more than there is. */
	ack = (struct frame_ack){ .receive_limit = STREAM_OFFSET_MAX };
	feed_ack(solo, &ack, 0);
	struct session_figures figures;
	session_figures(solo->s, &figures);
	CHECK(figures.peer_consumed <= figures.written);
	solo_free(solo);
}

static void close_frame(struct solo *solo, enum reason reason, int expected)
{
	struct frame_close close = { .reason = (uint16_t)reason };
	uint8_t bytes[64];

	CHECK_EQ(solo_feed(solo, 0, bytes, frame_close_encode(bytes, sizeof bytes, &close)), expected);
}

static void done_too_early(void)
{
	struct solo *solo = solo_having_sent(1000);

	close_frame(solo, REASON_DONE, -EPROTO);
	solo_free(solo);

	/* Everything came, ours was written and finished, but not all of it sent. */
	solo = solo_having_sent(1000);
	session_send_finish(solo->s, solo->now);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	close_frame(solo, REASON_DONE, -EPROTO);
	solo_free(solo);

	/* All of ours sent, and a byte of theirs missing. */
	solo = solo_having_sent(1000);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 1, 9, true), 0);
	close_frame(solo, REASON_DONE, -EPROTO);
	solo_free(solo);
}

static void done_is_the_last_acknowledgement(void)
{
	struct solo *solo = solo_having_sent(1000);

	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	close_frame(solo, REASON_DONE, 0);
	CHECK_EQ(session_state(solo->s), SESSION_CLOSED);
	CHECK_EQ(session_unacknowledged(solo->s), 0);
	check_readable(solo, 10);
	solo_carry_all(solo);
	CHECK(session_path_done(solo->s, &solo->path[0]));
	solo_free(solo);
}

static void other_closes_end_the_carrier_only(void)
{
	struct solo *solo = solo_having_sent(1000);
	enum reason reason = REASON_NONE;

	close_frame(solo, REASON_REPLACED, 0);
	CHECK(session_path_closed_by_peer(&solo->path[0], &reason));
	CHECK_EQ(reason, REASON_REPLACED);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	/* Nothing may follow; what does is not looked at. */
	CHECK_EQ(solo_feed(solo, 0, "rubbish", 7), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	solo_free(solo);
}

static void a_reset_tells_what_was_consumed(void)
{
	struct frame_reset reset = { .reason = 4711, .consumed = 600 };
	struct solo *solo = solo_having_sent(1000);
	struct session_figures figures;
	uint8_t bytes[64];

	CHECK_EQ(solo_feed(solo, 0, bytes, frame_reset_encode(bytes, sizeof bytes, &reset)), 0);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ((int)session_reason(solo->s), 4711);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 600);
	solo_free(solo);
}

/* A peer that asks and does not read: no queue grows, and one ACK answers all. */
static void a_flood_of_pings(void)
{
	struct frame_ping ping = { .padding = PROBE_PADDING_MAX };
	struct solo *solo = solo_with_path();
	struct solo_frame frame;
	unsigned pongs = 0, acks = 0;
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PING_MAX];

	solo_carry_all(solo);
	while (solo_take(solo, 0, &frame))
		;
	for (unsigned i = 0; i < 1000; i++) {
		ping.token = i;
		CHECK_EQ(solo_feed(solo, 0, bytes, frame_ping_encode(bytes, sizeof bytes, &ping)), 0);
	}
	CHECK(solo->path[0].out.notes_count < PATH_NOTES_MAX);
	solo_carry_all(solo);
	while (solo_take(solo, 0, &frame)) {
		pongs += frame.header.type == FRAME_PONG;
		acks += frame.header.type == FRAME_ACK;
	}
	CHECK(pongs > 0 && pongs < PATH_NOTES_MAX);
	CHECK_EQ(acks, 1);
	solo_free(solo);
}

static void discarded_bytes_are_acknowledged(void)
{
	struct solo *solo = solo_with_path();

	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_receive_discard(solo->s, solo->now);
	for (unsigned i = 0; i < 40; i++)
		CHECK_EQ(solo_data(solo, 0, 100 + i * 60000, 60000, false), 0);
	CHECK_EQ(session_readable(solo->s), 0);
	CHECK_EQ(receive_buffer_cumulative(&solo->s->receive), 100 + 40 * 60000);
	solo_free(solo);
}

/* --- frames at random: nothing that a peer sends reaches an assert, an endless loop or much memory --- */

static uint64_t random_state;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t random_offset(const struct solo *solo)
{
	static const uint64_t far[] = { LIMIT, 2 * LIMIT, STREAM_OFFSET_MAX, UINT64_MAX, UINT32_MAX };
	uint64_t at = solo->s->receive.contiguous;

	if (random_number() % 2000 == 0)
		return far[random_number() % 5] - random_number() % 3;
	switch (random_number() % 8) {
	case 0:
		return at + random_number() % 100000;
	case 1:
		return at > 50 ? at - random_number() % 50 : at;
	case 2:
	case 3:
		return at + random_number() % 300;
	default:
		return at;
	}
}

static size_t random_ack(const struct solo *solo, uint8_t *out)
{
	unsigned paths = random_number() % 4, ranges = random_number() % (ACK_RANGES_MAX + 1);
	uint64_t at = solo->s->sender.flight.base, top = flight_top(&solo->s->sender.flight);
	uint8_t *to = out + FRAME_HEADER_BYTES;

	if (random_number() % 4 == 0 && top > at)
		at += random_number() % (top - at + 1 + (random_number() % 2000 == 0));
	to = put_u64(to, at);
	to = put_u64(to, solo->s->sender.peer_limit + random_number() % 5000);
	to = put_u16(to, (uint16_t)random_number());
	to = put_u16(to, (uint16_t)ranges);
	to = put_zero(put_u8(to, (uint8_t)paths), 3);
	for (unsigned i = 0; i < paths; i++) {
		uint64_t sent = i < 3 ? solo->path[i].health.sent_bytes : 0;

		to = put_zero(put_u16(to, (uint16_t)i), 2);
		to = put_u32(to, (uint32_t)random_number());
		to = put_u64(to, sent > 0 ? random_number() % (sent + 1) + (random_number() % 3000 == 0) : 0);
	}
	if (random_number() % 2 == 0 && top > at)
		at += random_number() % (top - at);
	for (unsigned i = 0; i < ranges; i++) {
		uint64_t start = at + 1 + random_number() % 5;

		at = start + 1 + random_number() % 5;
		if (at > top && random_number() % 2000 != 0) {
			put_u16(out + FRAME_HEADER_BYTES + 18, (uint16_t)i);
			break;
		}
		to = put_u64(put_u64(to, start), at);
	}
	header(out, FRAME_ACK, 0, (uint32_t)(to - out) - FRAME_HEADER_BYTES);
	return (size_t)(to - out);
}

static size_t random_frame(const struct solo *solo, uint8_t *out)
{
	static const uint16_t reasons[] = { 0, 32, 35, 18, 5, 1000 };
	unsigned kind = (unsigned)(random_number() % 100);
	struct frame_close close = { .reason = reasons[random_number() % 6] };
	struct frame_ping ping = { .padding = (uint16_t)(random_number() % PROBE_PADDING_MAX) };
	struct frame_mode mode = { .mode = random_number() % 4 };
	size_t length;

	if (kind < 40) {
		length = random_number() % 8 == 0 ? random_number() % 40000 : random_number() % 20;
		put_u64(out + FRAME_HEADER_BYTES, random_offset(solo));
		header(out, FRAME_DATA, random_number() % 2000 == 0 ? FRAME_FLAG_FIN : 0,
		       (uint32_t)length + FRAME_DATA_MIN);
		for (size_t i = 0; i < length; i++)
			out[FRAME_DATA_HEAD_BYTES + i] = (uint8_t)i;
		return length == 0 && out[1] == 0 ? 0 : FRAME_DATA_HEAD_BYTES + length;
	}
	if (kind < 80)
		return random_ack(solo, out);
	if (kind < 90)
		return frame_ping_encode(out, 4096, &ping);
	if (kind < 97)
		return frame_mode_encode(out, 4096, &mode);
	if (kind < 99 || random_number() % 8 != 0)
		return header(out, 100 + kind, FRAME_FLAG_OPTIONAL, 0);
	if (random_number() % 20 == 0)
		return frame_close_encode(out, 4096, &close);
	length = random_number() % 100;
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)random_number();
	return random_number() % 20 == 0 ? length : 0;
}

static void write_some(struct solo *solo)
{
	for (unsigned i = 0; i < 3; i++) {
		solo->out[i].length = solo->out[i].parsed = 0;
		session_path_room(solo->s, &solo->path[i], random_number() % 3 != 0);
	}
	for (unsigned turns = 0;; turns++) {
		struct path *p = session_next_writer(solo->s, solo->now);

		CHECK(turns < 1000);
		if (p == NULL)
			return;
		solo->out[p->slot].length = 0;
		if (random_number() % 2 == 0) {
			CHECK(solo_carry(solo, p->slot, SIZE_MAX) > 0);
		} else {
			solo_carry(solo, p->slot, random_number() % 3000);
			session_path_room(solo->s, p, false);
		}
	}
}

static void hostile_run(uint64_t seed)
{
	static uint8_t bytes[FRAME_HEADER_BYTES + FRAME_DATA_MAX];
	struct session_config config = world_config((enum session_mode)(seed % 4));
	struct solo *solo;

	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, 100000);
	for (unsigned i = 0; i < 3; i++)
		solo_path(solo, i, (time_ns)(i + 1) * NS_PER_MS, false);
	for (unsigned step = 0; step < 600 && session_state(solo->s) < SESSION_CLOSED; step++) {
		uint64_t room = session_room(solo->s);

		solo->now += (time_ns)(random_number() % (20 * NS_PER_MS));
		if (room > 0 && random_number() % 2 == 0)
			solo_write(solo, 1 + random_number() % (room < 50000 ? room : 50000));
		if (step > 300 && random_number() % 50 == 0)
			session_send_finish(solo->s, solo->now);
		session_tick(solo->s, solo->now);
		write_some(solo);
		(void)solo_feed(solo, random_number() % 3, bytes, random_frame(solo, bytes));
		if (random_number() % 4 == 0 && session_readable(solo->s) > 0)
			session_receive_consume(solo->s, session_readable(solo->s), solo->now);
		CHECK(solo->blocks <= 2 * buffer_slots_for(LIMIT) + 8 + 3 + 1);
	}
	write_some(solo);
	solo_free(solo);
}

static void hostile_frames(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++)
		hostile_run(seed);
}

static void each_ping_is_answered(void)
{
	struct frame_ping ping = { .token = UINT64_C(0x0123456789abcdef), .padding = 3 };
	struct solo *solo = solo_with_path();
	struct frame_pong pong;
	struct solo_frame frame;
	uint8_t bytes[64];

	solo_carry_all(solo);
	CHECK_EQ(solo_feed(solo, 0, bytes, frame_ping_encode(bytes, sizeof bytes, &ping)), 0);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_PONG, &frame));
	CHECK_EQ(frame_pong_decode(frame.payload, frame.header.length, &pong), 0);
	CHECK_EQ(pong.token, ping.token);
	CHECK(!solo_take_type(solo, 0, FRAME_PONG, &frame));
	/* A PONG asks for nothing. */
	CHECK_EQ(solo_feed(solo, 0, bytes, frame_pong_encode(bytes, sizeof bytes, &pong)), 0);
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	solo_free(solo);
}

/* Which carriers the peer ended, and why: by CLOSE of any reason, and by RESET. */
static void ended_by_the_peer(void)
{
	struct frame_reset reset = { .reason = 4711, .consumed = 0 };
	enum reason reason = REASON_NONE;
	struct solo *solo = solo_having_sent(1000);
	uint8_t bytes[64];

	CHECK(!session_path_closed_by_peer(&solo->path[0], &reason));
	CHECK_EQ(reason, REASON_NONE);
	CHECK_EQ(solo_feed(solo, 0, bytes, frame_reset_encode(bytes, sizeof bytes, &reset)), 0);
	CHECK(session_path_closed_by_peer(&solo->path[0], &reason));
	CHECK_EQ((int)reason, 4711);
	solo_free(solo);

	/* It claims to have consumed more than was written: not believed. */
	solo = solo_having_sent(1000);
	reset.consumed = 1001;
	CHECK_EQ(solo_feed(solo, 0, bytes, frame_reset_encode(bytes, sizeof bytes, &reset)), 0);
	struct session_figures figures;
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 0);
	solo_free(solo);
}

/* The longest time for which the program had to wait for bytes that were behind others. */
static void the_longest_wait_for_missing_bytes(void)
{
	struct solo *solo = solo_with_path();
	struct session_figures figures;

	CHECK_EQ(solo_data(solo, 0, 100, 100, false), 0);
	solo->now += 30 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 300, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 0);
	CHECK_EQ(figures.received, 0);
	solo->now += 10 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 40 * NS_PER_MS);
	CHECK_EQ(figures.received, 200);
	/* The next hole has its own beginning: when the one before it was filled. */
	solo->now += 15 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 200, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 40 * NS_PER_MS);
	CHECK_EQ(solo->s->waiting_at, TIME_NEVER);
	/* Nothing missing, nothing waited for, however long nothing comes. */
	solo->now += NS_PER_S;
	CHECK_EQ(solo_data(solo, 0, 400, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 40 * NS_PER_MS);
	CHECK_EQ(solo_data(solo, 0, 600, 100, false), 0);
	solo->now += 41 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 500, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 41 * NS_PER_MS);
	solo_free(solo);
}

/* Bytes that came before are counted, by path and in all, and stored once. */
static void copies_are_counted(void)
{
	struct solo *solo = solo_with_path();
	struct session_figures figures;

	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(solo_data(solo, 0, 150, 50, false), 0);
	CHECK_EQ(solo_data(solo, 0, 50, 200, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.duplicate_received, 100);
	CHECK_EQ(figures.received, 250);
	CHECK_EQ(figures.consumed, 0);
	CHECK_EQ(solo->path[0].duplicate_bytes_received, 100);
	CHECK_EQ(solo->path[0].stream_bytes_received, 250);
	check_readable(solo, 250);
	session_receive_consume(solo->s, 100, solo->now);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.consumed, 100);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.duplicate_received, 200);
	solo_free(solo);
}

/* Data keeps a path from being probed: it is quiet from the last of it on. */
static void data_is_a_sign_of_life(void)
{
	struct solo *solo = solo_with_path();

	solo->path[0].ping_due = true;
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	solo->now += 300 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(solo->s->heard_at, solo->now);
	CHECK_EQ(solo->path[0].received_at, solo->now);
	CHECK_EQ(solo->path[0].ping_at, solo->now + 500 * NS_PER_MS);
	/* An empty reading is none. */
	solo->now += NS_PER_MS;
	struct iovec iov[2];
	CHECK(session_place(solo->s, &solo->path[0], iov, 2) > 0);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	CHECK_EQ(solo->s->heard_at, solo->now - NS_PER_MS);
	solo_free(solo);
}

/* What of a frame is still to come is read straight to where it belongs, and no byte beyond its end. */
static void the_rest_of_a_frame_needs_no_copy(void)
{
	struct solo *solo = solo_with_path();
	struct frame_data data = { .offset = 1000, .length = 5000 };
	uint8_t bytes[FRAME_DATA_HEAD_BYTES + 10];
	struct iovec iov[4];
	unsigned used;

	solo_lend(solo);
	used = session_place(solo->s, &solo->path[0], iov, 4);
	CHECK_EQ(used, 1);
	CHECK_EQ(iov[0].iov_len, STAGING_BYTES);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	frame_data_encode(bytes, sizeof bytes, &data);
	for (unsigned i = 0; i < 10; i++)
		bytes[FRAME_DATA_HEAD_BYTES + i] = solo_byte(1000 + i);
	CHECK_EQ(solo_feed(solo, 0, bytes, sizeof bytes), 0);
	used = session_place(solo->s, &solo->path[0], iov, 4);
	CHECK_EQ(used, 2);
	CHECK_EQ(iov[0].iov_len, 4990);
	CHECK_EQ(iov[1].iov_len, STAGING_BYTES);
	for (unsigned i = 0; i < 4990; i++)
		((uint8_t *)iov[0].iov_base)[i] = solo_byte(1010 + i);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 2000, solo->now), 0);
	CHECK_EQ(solo->path[0].stream_bytes_received, 2010);
	used = session_place(solo->s, &solo->path[0], iov, 2);
	CHECK_EQ(used, 2);
	CHECK_EQ(iov[0].iov_len, 2990);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	/* One iovec alone is for what may be anything. */
	used = session_place(solo->s, &solo->path[0], iov, 1);
	CHECK_EQ(used, 1);
	CHECK_EQ(iov[0].iov_len, STAGING_BYTES);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	/* The same bytes came by another way: nothing to place them for. */
	solo_path(solo, 1, NS_PER_MS, false);
	CHECK_EQ(solo_data(solo, 1, 0, 6000, false), 0);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	check_readable(solo, 6000);
	solo_free(solo);
}

/* The header of a DATA frame and the first ten of its bytes, so that the rest has a place. */
static void begin_frame(struct solo *solo, unsigned index, uint64_t offset, uint32_t length)
{
	struct frame_data data = { .offset = offset, .length = length };
	uint8_t bytes[FRAME_DATA_HEAD_BYTES + 10];

	frame_data_encode(bytes, sizeof bytes, &data);
	for (unsigned i = 0; i < 10; i++)
		bytes[FRAME_DATA_HEAD_BYTES + i] = solo_byte(offset + i);
	CHECK_EQ(solo_feed(solo, index, bytes, sizeof bytes), 0);
}

/* One reading of so many stream bytes, which are the next of a frame begun. */
static int read_payload(struct solo *solo, unsigned index, uint64_t offset, size_t length)
{
	struct iovec iov[4];
	size_t done = 0;

	solo_lend(solo);
	unsigned used = session_place(solo->s, &solo->path[index], iov, 4);
	for (unsigned i = 0; i < used; i++)
		for (size_t k = 0; k < iov[i].iov_len && done < length; k++, done++)
			((uint8_t *)iov[i].iov_base)[k] = solo_byte(offset + done);
	CHECK_EQ(done, length);
	return session_arrived(solo->s, &solo->path[index], length, solo->now);
}

static void check_bytes(const uint8_t *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		CHECK_EQ(bytes[i], solo_byte(offset + i));
}

/* What comes next in order goes to the program's memory and counts as consumed; all else does not. */
static void the_program_lends_its_memory(void)
{
	struct solo *solo = solo_with_path();
	struct session_figures figures;
	uint8_t memory[6000];

	solo_path(solo, 1, NS_PER_MS, false);
	begin_frame(solo, 0, 0, 5000);
	/* Ten bytes are readable: nothing may go past them. */
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 90), 0);
	CHECK_EQ(session_receive_taken(solo->s), 0);
	check_readable(solo, 100);
	session_receive_consume(solo->s, 100, solo->now);
	/* In order, up to the end of the memory, the rest of it in the next reading of either path. */
	session_receive_into(solo->s, memory, 300);
	CHECK_EQ(read_payload(solo, 0, 100, 200), 0);
	CHECK_EQ(solo_data(solo, 1, 1000, 500, false), 0);
	CHECK_EQ(solo_data(solo, 1, 200, 60, false), 0);
	CHECK_EQ(read_payload(solo, 0, 300, 100), 0);
	CHECK_EQ(read_payload(solo, 0, 400, 100), 0);
	CHECK_EQ(session_receive_taken(solo->s), 300);
	CHECK_EQ(session_receive_taken(solo->s), 0);
	check_bytes(memory, 100, 300);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.consumed, 400);
	CHECK_EQ(figures.received, 500);
	CHECK_EQ(figures.duplicate_received, 60);
	CHECK_EQ(session_readable(solo->s), 100);
	session_receive_consume(solo->s, 100, solo->now);
	/* Up to what came before, which then follows. */
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 500, 500), 0);
	CHECK_EQ(session_receive_taken(solo->s), 500);
	check_bytes(memory, 500, 500);
	CHECK_EQ(session_readable(solo->s), 500);
	session_receive_consume(solo->s, 500, solo->now);
	/* Not once the program reads no more. */
	session_receive_discard(solo->s, solo->now);
	session_receive_into(solo->s, memory, sizeof memory);
	begin_frame(solo, 1, 5000, 100);
	CHECK_EQ(read_payload(solo, 0, 1000, 600), 0);
	CHECK_EQ(session_receive_taken(solo->s), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.consumed, 1600);
	solo_free(solo);
}

/* The end of the stream comes with bytes that the program took itself. */
static void the_end_after_lent_memory(void)
{
	struct solo *solo = solo_with_path();
	uint8_t memory[100];

	begin_frame(solo, 0, 0, 100);
	session_receive_consume(solo->s, 10, solo->now);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 90), 0);
	CHECK_EQ(session_receive_taken(solo->s), 90);
	CHECK(!session_receive_ended(solo->s));
	CHECK_EQ(solo_data(solo, 0, 100, 0, true), 0);
	CHECK(session_receive_ended(solo->s));
	solo_free(solo);
}

/* A frame is under way on one path when another brings a FIN that lies before its end. */
static void a_fin_contradicts_a_frame_under_way(bool lent)
{
	struct solo *solo = solo_with_path();
	uint8_t memory[5000];

	solo_path(solo, 1, NS_PER_MS, false);
	begin_frame(solo, 0, 0, 5000);
	session_receive_consume(solo->s, 10, solo->now);
	CHECK_EQ(solo_data(solo, 1, 100, 0, true), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	if (lent)
		session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 90), 0);
	CHECK_EQ(read_payload(solo, 0, 100, 1000), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

static void a_fin_contradicts_another_frame(void)
{
	a_fin_contradicts_a_frame_under_way(false);
	a_fin_contradicts_a_frame_under_way(true);
}

#define FAR_BLOCKS 100u

/* One byte in each of FAR_BLOCKS blocks, in frames of their own; the first byte of the stream is not among them. */
static size_t scattered(uint8_t *out, size_t capacity)
{
	size_t length = 0;

	for (unsigned k = 1; k <= FAR_BLOCKS; k++) {
		struct frame_data data = { .offset = (uint64_t)k * BLOCK_BYTES + k, .length = 1 };

		length += frame_data_encode(out + length, capacity - length, &data);
		out[length++] = solo_byte(data.offset);
	}
	return length;
}

/* One reading of `bytes`, all of it into the staging block; what session_arrived said. */
static int one_reading(struct solo *solo, unsigned index, const uint8_t *bytes, size_t length)
{
	struct iovec iov[1];

	solo_lend(solo);
	CHECK_EQ(session_place(solo->s, &solo->path[index], iov, 1), 1);
	CHECK(length <= iov[0].iov_len);
	memcpy(iov[0].iov_base, bytes, length);
	return session_arrived(solo->s, &solo->path[index], length, solo->now);
}

/* On path 0 of two there are scattered bytes for more blocks than are lent at once, `after` behind them. */
static struct solo *solo_that_holds(const void *after, size_t length)
{
	struct session_config config = world_config(MODE_STRIPE);
	static uint8_t bytes[BLOCK_BYTES];
	size_t count = scattered(bytes, sizeof bytes);
	struct iovec iov[4];
	struct solo *solo;

	config.receive_limit_bytes = 8 * LIMIT;
	solo = solo_new(&config, LIMIT);
	solo_path(solo, 0, NS_PER_MS, false);
	solo_path(solo, 1, NS_PER_MS, false);
	memcpy(bytes + count, after, length);
	CHECK_EQ(one_reading(solo, 0, bytes, count + length), -ENOMEM);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	CHECK_EQ(solo->path[0].received_bytes, count + length);
	CHECK_EQ(solo->path[0].stream_bytes_received, STOCK_BLOCKS - 1);
	CHECK_EQ(solo->path[0].ack_bytes, STOCK_BLOCKS - 1);
	/* Nothing is read past it. */
	CHECK_EQ(session_read_on(solo->s, solo->now), -ENOMEM);
	CHECK_EQ(session_blocks_wanted(solo->s), STOCK_BLOCKS - 1);
	solo_lend(solo);
	CHECK_EQ(session_blocks_wanted(solo->s), 0);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 0);
	CHECK_EQ(session_place(solo->s, &solo->path[1], iov, 4), 0);
	return solo;
}

static int read_on(struct solo *solo)
{
	int error = -ENOMEM;

	for (unsigned i = 0; i < FAR_BLOCKS / (STOCK_BLOCKS - 1) && error == -ENOMEM; i++) {
		solo_lend(solo);
		error = session_read_on(solo->s, solo->now);
	}
	return error;
}

static void scattered_bytes_wait_for_blocks(void)
{
	struct frame_ping ping = { .token = 9 };
	uint8_t end[FRAME_HEADER_BYTES + FRAME_PING_MAX + 5];
	size_t length = frame_ping_encode(end, sizeof end, &ping);
	uint64_t all = (uint64_t)FAR_BLOCKS * BLOCK_BYTES + FAR_BLOCKS + 1;
	struct solo *solo;

	/* Half a header behind it all: the next reading goes on in it. */
	header(end + length, 98, FRAME_FLAG_OPTIONAL | 0x80, 0);
	solo = solo_that_holds(end, length + 5);
	CHECK_EQ(read_on(solo), 0);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	CHECK_EQ(solo->path[0].stream_bytes_received, FAR_BLOCKS);
	CHECK_EQ(solo->path[0].out.notes_count, 1);
	CHECK_EQ(solo->s->receive.ahead.count, FAR_BLOCKS);
	CHECK(solo->blocks <= FAR_BLOCKS + STOCK_BLOCKS);
	CHECK_EQ(solo_feed(solo, 0, end + length + 5, FRAME_HEADER_BYTES - 5), 0);
	for (uint64_t at = 0; at < all; at += FRAME_PAYLOAD_MAX)
		CHECK_EQ(solo_data(solo, at / FRAME_PAYLOAD_MAX % 2, at,
				   (uint32_t)(all - at < FRAME_PAYLOAD_MAX ? all - at : FRAME_PAYLOAD_MAX), false),
			 0);
	CHECK_EQ(solo->s->duplicate_received, FAR_BLOCKS);
	CHECK_EQ(session_readable(solo->s), all);
	for (struct iovec iov[32]; session_readable(solo->s) > 0;) {
		uint64_t at = solo->s->receive.consumed, first = at;
		unsigned used = session_receive_peek(solo->s, iov, 32);

		for (unsigned i = 0; i < used; i++)
			for (size_t k = 0; k < iov[i].iov_len; k++)
				CHECK_EQ(((uint8_t *)iov[i].iov_base)[k], solo_byte(at++));
		session_receive_consume(solo->s, at - first, solo->now);
	}
	solo_free(solo);
}

static void what_follows_held_bytes_counts(void)
{
	struct frame_close close = { .reason = REASON_PATH_STANDBY };
	uint8_t end[64];
	struct solo *solo = solo_that_holds(end, frame_close_encode(end, sizeof end, &close));
	enum reason reason;

	CHECK(!session_path_closed_by_peer(&solo->path[0], &reason));
	CHECK_EQ(read_on(solo), 0);
	CHECK(session_path_closed_by_peer(&solo->path[0], &reason));
	CHECK(!session_path_closed_by_peer(&solo->path[1], &reason));
	solo_free(solo);

	solo = solo_that_holds(end, header(end, 77, 0, 1));
	CHECK_EQ(read_on(solo), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_PROTOCOL_ERROR);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	solo_free(solo);

	/* A session that is over wants no blocks, and lets go of the one it has. */
	solo = solo_that_holds(end, 0);
	session_reset(solo->s, REASON_NONE, solo->now);
	CHECK_EQ(session_blocks_wanted(solo->s), 0);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	CHECK_EQ(solo->path[0].stream_bytes_received, STOCK_BLOCKS - 1);
	solo_free(solo);
}

static void held_bytes_are_lost_with_their_path(void)
{
	struct solo *solo = solo_that_holds("", 0);
	unsigned spare = solo->s->stock.free;

	session_path_lost(solo->s, &solo->path[1], REASON_PATH_LOST, false, solo->now);
	CHECK_EQ(solo->s->stock.free, spare);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, false, solo->now);
	CHECK_EQ(solo->s->stock.free, spare + 1);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	solo_path(solo, 2, NS_PER_MS, false);
	CHECK_EQ(solo_data(solo, 2, 0, 100, false), 0);
	check_readable(solo, 100);
	CHECK_EQ(solo->s->receive.ahead.count, STOCK_BLOCKS - 1);
	solo_free(solo);

	solo = solo_that_holds("", 0);
	spare = solo->s->stock.free;
	session_remove_path(solo->s, &solo->path[0], solo->now);
	CHECK_EQ(solo->s->stock.free, spare + 1);
	CHECK_EQ(solo_data(solo, 1, 0, 100, false), 0);
	check_readable(solo, 100);
	free(solo->out[0].bytes);
	solo->out[0].bytes = NULL;
	solo_free(solo);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		hostile_run(strtoull(argv[1], NULL, 0));
		return 0;
	}
	RUN(frames_in_every_cut);
	RUN(unknown_frames);
	RUN(handshake_frames_have_no_place_here);
	RUN(data_out_of_bounds);
	RUN(too_many_ranges);
	RUN(too_many_ranges_in_place);
	RUN(acknowledged_but_never_sent);
	RUN(acknowledged_after_its_path_was_lost);
	RUN(limits_and_evidence_of_old_acks);
	RUN(done_too_early);
	RUN(done_is_the_last_acknowledgement);
	RUN(other_closes_end_the_carrier_only);
	RUN(a_reset_tells_what_was_consumed);
	RUN(a_flood_of_pings);
	RUN(discarded_bytes_are_acknowledged);
	RUN(each_ping_is_answered);
	RUN(ended_by_the_peer);
	RUN(the_longest_wait_for_missing_bytes);
	RUN(copies_are_counted);
	RUN(data_is_a_sign_of_life);
	RUN(hostile_frames);
	RUN(the_rest_of_a_frame_needs_no_copy);
	RUN(the_program_lends_its_memory);
	RUN(the_end_after_lent_memory);
	RUN(a_fin_contradicts_another_frame);
	RUN(scattered_bytes_wait_for_blocks);
	RUN(what_follows_held_bytes_counts);
	RUN(held_bytes_are_lost_with_their_path);
	return 0;
}
