/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send, in every cut, and what it must not. */
#include <errno.h>

#include "core/bytes.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)

static size_t header(uint8_t *out, uint8_t type, uint8_t flags, uint32_t length)
{
	put_u32(put_zero(put_u8(put_u8(out, type), flags), 2), length);
	return FRAME_HEADER_BYTES;
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
		struct solo *solo = solo_fresh(LIMIT);

		for (size_t at = 0; at < length; at += step)
			CHECK_EQ(solo_feed(solo, 0, bytes + at, length - at < step ? length - at : step), 0);
		solo_check_readable(solo, 180);
		CHECK_EQ(solo->s->receive.fin_offset, 180);
		CHECK_EQ(session_mode(solo->s), MODE_BACKUP);
		CHECK_EQ(solo->path[0].received_bytes, length);
		CHECK_EQ(solo->path[0].notes_count, 1);
		CHECK_EQ(solo->s->duplicate_received, 30);
		session_receive_consume(solo->s, 180, solo->now);
		CHECK(session_receive_ended(solo->s));
		solo_free(solo);
	}
}

static void unknown_frames(void)
{
	uint8_t bytes[FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX];
	struct solo *solo = solo_fresh(LIMIT);

	memset(bytes, 0x55, sizeof bytes);
	header(bytes, 200, FRAME_FLAG_OPTIONAL, CONTROL_PAYLOAD_MAX);
	CHECK_EQ(solo_feed(solo, 0, bytes, sizeof bytes), 0);
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	solo_check_readable(solo, 10);
	header(bytes, 200, FRAME_FLAG_OPTIONAL, CONTROL_PAYLOAD_MAX + 1);
	refused(solo, bytes, FRAME_HEADER_BYTES);
	header(bytes, 200, 0, 4);
	refused(solo_fresh(LIMIT), bytes, FRAME_HEADER_BYTES);
}

/* A frame without payload is over with its header: nothing of it is left that would keep the session awake. */
static void an_empty_frame_is_over_at_once(void)
{
	uint8_t bytes[FRAME_HEADER_BYTES];
	struct solo *solo = solo_fresh(LIMIT);

	CHECK_EQ(solo_feed(solo, 0, bytes, header(bytes, 200, FRAME_FLAG_OPTIONAL, 0)), 0);
	CHECK_EQ(solo->path[0].work->in.header_have, 0);
	CHECK(!solo->path[0].work->in.in_payload);
	CHECK(session_may_doze(solo->s));
	solo_free(solo);
}

static void handshake_frames_have_no_place_here(void)
{
	uint8_t bytes[FRAME_HEADER_BYTES + CONTROL_PAYLOAD_MAX];
	struct frame_hello hello = { .carrier = 1 };
	struct frame_join join = { .carrier = 1, .replaces = PATH_ID_NONE };
	struct frame_accept accept = { .version = 1 };
	struct frame_confirm confirm = { .mac = { 0 } };

	refused(solo_fresh(LIMIT), bytes, frame_hello_encode(bytes, sizeof bytes, &hello));
	refused(solo_fresh(LIMIT), bytes, frame_join_encode(bytes, sizeof bytes, &join));
	refused(solo_fresh(LIMIT), bytes, frame_accept_encode(bytes, sizeof bytes, &accept));
	refused(solo_fresh(LIMIT), bytes, frame_confirm_encode(bytes, sizeof bytes, &confirm));
	memcpy(bytes, "GET / HTTP/1.1\r\n", 16);
	refused(solo_fresh(LIMIT), bytes, 16);
}

static void data_out_of_bounds(void)
{
	struct solo *solo = solo_fresh(LIMIT);

	CHECK_EQ(solo_data(solo, 0, LIMIT - 10, 10, false), 0);
	CHECK_EQ(solo_data(solo, 0, LIMIT - 9, 10, false), -EPROTO);
	solo_free(solo);
	solo = solo_fresh(LIMIT);
	CHECK_EQ(solo_data(solo, 0, STREAM_OFFSET_MAX - 1, 1, false), -EPROTO);
	solo_free(solo);
	/* Nor may the stream end there, without a byte. */
	solo = solo_fresh(LIMIT);
	CHECK_EQ(solo_data(solo, 0, LIMIT + 1, 0, true), -EPROTO);
	solo_free(solo);
	/* The end is the end: no byte beyond it, no other end, none below what came. */
	for (unsigned i = 0; i < 4; i++) {
		static const struct { uint64_t offset; uint32_t length; bool fin; } wrong[] = {
			{ 100, 1, false }, { 50, 40, true }, { 90, 20, true }, { 60, 0, true },
		};

		solo = solo_fresh(LIMIT);
		CHECK_EQ(solo_data(solo, 0, 50, 50, true), 0);
		CHECK_EQ(solo_data(solo, 0, 50, 50, true), 0);
		CHECK_EQ(solo_data(solo, 0, wrong[i].offset, wrong[i].length, wrong[i].fin), -EPROTO);
		solo_free(solo);
	}
}

/* One range more than credit and room for what paths have under way. */
static void too_many_ranges(void)
{
	struct solo *solo = solo_fresh(LIMIT);

	for (unsigned i = 0; i < RANGES_HELD_MAX; i++)
		CHECK_EQ(solo_data(solo, 0, 2 * i + 1, 1, false), 0);
	CHECK_EQ(solo_data(solo, 0, 2 * RANGES_HELD_MAX + 1, 1, false), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	solo_free(solo);
}

static void feed_ack(struct solo *solo, const struct frame_ack *ack, int expected)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	CHECK_EQ(solo_feed(solo, 0, bytes, frame_ack_encode(bytes, sizeof bytes, ack)), expected);
}

static struct solo *solo_having_sent(uint64_t bytes)
{
	struct solo *solo = solo_fresh(LIMIT);

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

	/* Everything came and went, but ours is not finished. */
	solo = solo_having_sent(1000);
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
	solo_check_readable(solo, 10);
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

	/* All that there was. */
	reset.consumed = 1000;
	solo = solo_having_sent(1000);
	CHECK_EQ(solo_feed(solo, 0, bytes, frame_reset_encode(bytes, sizeof bytes, &reset)), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 1000);
	solo_free(solo);
}

/* A peer that asks and does not read: no queue grows, two notes stay free for others, and one ACK answers all. */
static void a_flood_of_pings(void)
{
	struct frame_ping ping = { .padding = PROBE_PADDING_MAX };
	struct solo *solo = solo_fresh(LIMIT);
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
	CHECK_EQ(solo->path[0].notes_count, PATH_NOTES_MAX - 2);
	solo_carry_all(solo);
	while (solo_take(solo, 0, &frame)) {
		pongs += frame.header.type == FRAME_PONG;
		acks += frame.header.type == FRAME_ACK;
	}
	CHECK_EQ(pongs, PATH_NOTES_MAX - 2);
	CHECK_EQ(acks, 1);
	solo_free(solo);
}

static void discarded_bytes_are_acknowledged(void)
{
	struct solo *solo = solo_fresh(LIMIT);

	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_receive_discard(solo->s, solo->now);
	for (unsigned i = 0; i < 40; i++)
		CHECK_EQ(solo_data(solo, 0, 100 + i * 60000, 60000, false), 0);
	CHECK_EQ(session_readable(solo->s), 0);
	CHECK_EQ(receive_buffer_cumulative(&solo->s->receive), 100 + 40 * 60000);
	/* A single one too. */
	CHECK_EQ(solo_data(solo, 0, 100 + 40 * 60000, 1, false), 0);
	CHECK_EQ(session_readable(solo->s), 0);
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
	struct solo *solo = solo_fresh(LIMIT);
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
	struct solo *solo = solo_fresh(LIMIT);
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
	struct solo *solo = solo_fresh(LIMIT);
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
	solo_check_readable(solo, 250);
	session_receive_consume(solo->s, 100, solo->now);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.consumed, 100);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.duplicate_received, 200);
	solo_free(solo);
}

/* What was read along with its header, and belongs to two blocks. */
static void a_small_frame_across_two_blocks(void)
{
	struct solo *solo = solo_fresh(2 * BLOCK_BYTES);

	CHECK_EQ(solo_data(solo, 0, 0, BLOCK_BYTES - 100, false), 0);
	CHECK_EQ(solo_data(solo, 0, BLOCK_BYTES - 100, 300, false), 0);
	solo_check_readable(solo, BLOCK_BYTES + 200);
	solo_free(solo);
}

/* Data keeps a path from being probed: it is quiet from the last of it on. */
static void data_is_a_sign_of_life(void)
{
	struct solo *solo = solo_fresh(LIMIT);

	solo->path[0].ping_due = true;
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	solo->now += 300 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(solo->s->heard_at, solo->now);
	CHECK_EQ(solo->path[0].received_at, solo->now);
	CHECK_EQ(solo->path[0].ping_at, solo->now + 500 * NS_PER_MS);
	solo_free(solo);
}

/* Windows grow by the longest round trip that was seen: the carrier's, or that of evidence where it is longer. */
static void the_round_trip_of_what_came(void)
{
	static const struct {
		bool known;
		time_ns carrier_ns, own_ns, want_ns;
	} trips[] = {
		{ true, 80 * NS_PER_MS, 50 * NS_PER_MS, 80 * NS_PER_MS },
		{ true, 60 * NS_PER_MS, 100 * NS_PER_MS, 100 * NS_PER_MS },
		{ false, 800 * NS_PER_MS, 150 * NS_PER_MS, 150 * NS_PER_MS },
		{ true, 90 * NS_PER_MS, 50 * NS_PER_MS, 150 * NS_PER_MS },
	};
	struct solo *solo = solo_fresh(LIMIT);

	for (unsigned i = 0; i < sizeof trips / sizeof trips[0]; i++) {
		struct health *h = &solo->path[0].health;

		h->report.known = trips[i].known;
		h->report.rtt_ns = trips[i].carrier_ns;
		h->srtt_ns = trips[i].own_ns;
		CHECK_EQ(solo_data(solo, 0, 100 * i, 100, false), 0);
		CHECK_EQ(solo->s->window.rtt_ns, trips[i].want_ns);
	}
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
	RUN(an_empty_frame_is_over_at_once);
	RUN(handshake_frames_have_no_place_here);
	RUN(data_out_of_bounds);
	RUN(too_many_ranges);
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
	RUN(a_small_frame_across_two_blocks);
	RUN(data_is_a_sign_of_life);
	RUN(the_round_trip_of_what_came);
	RUN(hostile_frames);
	return 0;
}
