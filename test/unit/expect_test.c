/* SPDX-License-Identifier: Apache-2.0 */
/* Several frames in one reading, expected rightly or in vain. */
#include <errno.h>

#include "core/bytes.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT      (2u << 20)
#define HEAD       FRAME_DATA_HEAD_BYTES
#define FULL       FRAME_PAYLOAD_MAX
#define WIRE_BYTES (16u << 20)

/* What the carrier will bring, and has brought. */
static struct wire {
	uint8_t bytes[WIRE_BYTES];
	size_t end, at;
	uint64_t offset;                /* of the stream: what comes next in order */
} wire;

/* The stream's bytes, and what the program's memory holds before: made once, for they are looked at all the time. */
static uint8_t stream[WIRE_BYTES + 4 * FULL];
static uint8_t memory[6 * FULL], untouched[sizeof memory];

static void put_data(uint64_t offset, uint32_t length, bool fin)
{
	struct frame_data data = { .offset = offset, .length = length, .fin = fin };

	CHECK(wire.end + HEAD + length <= sizeof wire.bytes);
	wire.end += frame_data_encode(wire.bytes + wire.end, HEAD, &data);
	CHECK(offset + length <= sizeof stream);
	memcpy(wire.bytes + wire.end, stream + offset, length);
	wire.end += length;
}

static void put_next(uint32_t length)
{
	put_data(wire.offset, length, false);
	wire.offset += length;
}

static void put_ping(void)
{
	struct frame_ping ping = { .token = 7 };

	wire.end += frame_ping_encode(wire.bytes + wire.end, FRAME_HEADER_BYTES + FRAME_PING_MAX, &ping);
}

static void check_bytes(const uint8_t *bytes, uint64_t offset, size_t length)
{
	CHECK(offset + length <= sizeof stream);
	CHECK_MEM(bytes, stream + offset, length);
}

/* Everything that is readable is taken, and is right. */
static void take_readable(struct solo *solo)
{
	struct iovec iov;

	while (session_receive_peek(solo->s, &iov, 1) == 1) {
		check_bytes(iov.iov_base, solo->s->receive.consumed, iov.iov_len);
		session_receive_consume(solo->s, iov.iov_len, solo->now);
	}
}

/*
 * One reading of at most `most` bytes into at most `max` iovecs, with so much of the program's memory, of which no
 * byte behind its end may change: how many went straight there. *error: what session_arrived said.
 */
static size_t reading(struct solo *solo, size_t room, size_t most, unsigned max, int *error)
{
	uint64_t from = solo->s->receive.consumed;
	struct iovec iov[16];
	size_t moved = 0, taken;

	solo_lend(solo);
	memcpy(memory + room, untouched, sizeof memory - room);
	session_receive_into(solo->s, room > 0 ? memory : NULL, room);
	unsigned used = session_place(solo->s, &solo->path[0], iov, max);
	CHECK(used > 0 && used <= max);
	if (most > wire.end - wire.at)
		most = wire.end - wire.at;
	for (unsigned i = 0; i < used && moved < most; i++) {
		size_t count = iov[i].iov_len < most - moved ? iov[i].iov_len : most - moved;

		memcpy(iov[i].iov_base, wire.bytes + wire.at + moved, count);
		moved += count;
	}
	wire.at += moved;
	*error = session_arrived(solo->s, &solo->path[0], moved, solo->now);
	taken = session_receive_taken(solo->s);
	check_bytes(memory, from, taken);
	CHECK_MEM(memory + room, untouched, sizeof memory - room);
	return taken;
}

static void wire_begin(void)
{
	wire.end = wire.at = 0;
	wire.offset = 0;
}

static void read_the_rest(struct solo *solo)
{
	int error;

	while (wire.at < wire.end) {
		reading(solo, sizeof memory, SIZE_MAX, 16, &error);
		CHECK_EQ(error, 0);
		take_readable(solo);
	}
}

/* A session that has seen EXPECT_STREAK frames in a row, and is between two of them. */
static struct solo *solo_in_streak(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	int error;

	wire_begin();
	/* The first of a stream has none before it. */
	for (unsigned i = 0; i < EXPECT_STREAK; i++)
		put_next(FULL);
	while (wire.at < wire.end) {
		reading(solo, 0, HEAD + FULL - wire.at % (HEAD + FULL), 4, &error);
		CHECK_EQ(error, 0);
		take_readable(solo);
	}
	CHECK_EQ(solo->s->receive.consumed, wire.offset);
	CHECK_EQ(solo->path[0].work->in.streak, EXPECT_STREAK);
	return solo;
}

static void several_frames_in_one_reading(void)
{
	struct solo *solo = solo_in_streak();
	int error;

	for (unsigned i = 0; i < 12; i++)
		put_next(FULL);
	/* Not more iovecs than there are, and none for what would not be wanted. */
	CHECK_EQ(reading(solo, sizeof memory, SIZE_MAX, 2, &error), 0);
	CHECK_EQ(error, 0);
	take_readable(solo);
	/* The rest of the frame at hand, and four of them. */
	size_t rest = solo->path[0].work->in.end - solo->path[0].work->in.at;
	CHECK(rest > 0 && rest < FULL);
	CHECK_EQ(reading(solo, sizeof memory, SIZE_MAX, 16, &error), rest + EXPECT_MAX * FULL);
	CHECK_EQ(error, 0);
	take_readable(solo);
	/* Memory that is full is filled exactly, and the next reading goes on in the frame. */
	CHECK_EQ(reading(solo, 2 * FULL, SIZE_MAX, 16, &error), 2 * FULL);
	CHECK_EQ(session_readable(solo->s), 0);
	/* It ends anywhere: in a payload, between two frames, in a header. */
	rest = solo->path[0].work->in.end - solo->path[0].work->in.at;
	CHECK_EQ(reading(solo, sizeof memory, rest - 100, 16, &error), rest - 100);
	CHECK_EQ(reading(solo, sizeof memory, 100, 16, &error), 100);
	CHECK_EQ(solo->path[0].work->in.header_have, 0);
	CHECK_EQ(reading(solo, sizeof memory, HEAD + FULL + HEAD / 2, 16, &error), FULL);
	CHECK_EQ(reading(solo, sizeof memory, HEAD / 2 + 10, 16, &error), 0);
	CHECK_EQ(session_readable(solo->s), 10);
	take_readable(solo);
	read_the_rest(solo);
	CHECK_EQ(solo->s->receive.consumed, wire.offset);
	CHECK_EQ(solo->s->duplicate_received, 0);
	solo_free(solo);
}

/* The streak that a frame leaves, of which nothing goes to the memory of the program. */
static unsigned streak_after(struct solo *solo, uint64_t offset, uint32_t length, bool fin)
{
	int error;

	put_data(offset, length, fin);
	while (wire.at < wire.end) {
		reading(solo, 0, SIZE_MAX, 4, &error);
		CHECK_EQ(error, 0);
	}
	return solo->path[0].work->in.streak;
}

/* It is of the largest frames, each next to what came before it on this path. */
static void what_makes_a_streak(void)
{
	struct solo *solo = solo_in_streak();
	uint64_t at = wire.offset;

	CHECK_EQ(streak_after(solo, at, FULL, false), EXPECT_STREAK);
	CHECK_EQ(streak_after(solo, at + FULL, FULL - 1, false), 0);
	CHECK_EQ(streak_after(solo, at + 2 * FULL - 1, FULL, false), 1);
	put_ping();
	CHECK_EQ(streak_after(solo, at + 3 * FULL - 1, FULL, false), 1);
	/* Again, too far on, and the end. */
	CHECK_EQ(streak_after(solo, at + 3 * FULL - 1, FULL, false), 0);
	CHECK_EQ(streak_after(solo, at + 4 * FULL - 1, FULL, false), 1);
	CHECK_EQ(streak_after(solo, at + 5 * FULL, FULL, false), 0);
	CHECK_EQ(streak_after(solo, at + 6 * FULL, FULL, true), 0);
	take_readable(solo);
	CHECK_EQ(solo->s->receive.consumed, at + 5 * FULL - 1);
	solo_free(solo);
}

/* As much is expected as there is memory and iovecs for: two for each frame, one for what comes behind. */
static void as_much_as_there_is_place_for(void)
{
	struct solo *solo = solo_in_streak();
	struct iovec iov[16];
	int error;

	for (unsigned max = 1; max <= 2 * EXPECT_MAX + 3; max++) {
		unsigned frames = (max - 1) / 2 < EXPECT_MAX ? (max - 1) / 2 : EXPECT_MAX;

		solo_lend(solo);
		session_receive_into(solo->s, memory, sizeof memory);
		CHECK_EQ(session_place(solo->s, &solo->path[0], iov, max), 2 * frames + 1);
		CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	}
	put_next(FULL);
	CHECK_EQ(reading(solo, 1, SIZE_MAX, 16, &error), 1);
	CHECK_EQ(error, 0);
	CHECK_EQ(session_readable(solo->s), 0);
	CHECK_EQ(reading(solo, FULL, SIZE_MAX, 16, &error), FULL - 1);
	CHECK_EQ(error, 0);
	solo_free(solo);
}

/* Something else came: every byte of the reading is taken apart as it came. */
static void expected_in_vain(unsigned what)
{
	struct solo *solo = solo_in_streak();
	uint64_t at = wire.offset, left_out = 0;
	int error;

	put_next(FULL);
	if (what == 0)
		put_ping();
	if (what == 1)
		put_data(0, 3 * FULL / 4, false);
	if (what == 2)
		put_next(FULL - 1);
	if (what == 3)
		wire.offset += left_out = FULL;
	for (unsigned i = 0; i < 3; i++)
		put_next(FULL);
	CHECK_EQ(reading(solo, sizeof memory, SIZE_MAX, 16, &error), FULL);
	CHECK_EQ(error, 0);
	CHECK(solo->s->staging == NULL);
	take_readable(solo);
	read_the_rest(solo);
	if (left_out > 0) {
		CHECK_EQ(solo->s->receive.consumed, at + FULL);
		put_data(at + FULL, FULL, false);
		read_the_rest(solo);
	}
	CHECK_EQ(solo->s->receive.consumed, wire.offset);
	CHECK_EQ(solo->s->duplicate_received, what == 1 ? 3 * FULL / 4 : 0);
	CHECK_EQ(solo->path[0].notes_count, what == 0);
	CHECK(solo->path[0].work->in.streak < EXPECT_STREAK);
	solo_free(solo);
}

static void something_else_came(void)
{
	for (unsigned what = 0; what < 4; what++)
		expected_in_vain(what);
}

/* Such a reading ends anywhere: in what came instead, at its end, or next to that. */
static void something_else_came_in_part(void)
{
	static const size_t ends[] = {
		0, 1, HEAD - 1, HEAD, HEAD + 1, FULL - 1, FULL, FULL + 1, HEAD + FULL - 1, HEAD + FULL,
		HEAD + FULL + 1, 2 * HEAD + FULL, 2 * HEAD + FULL + 1, 2 * (HEAD + FULL) - 1, 2 * (HEAD + FULL),
	};

	for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct solo *solo = solo_in_streak();
		int error;

		put_next(FULL - 1);
		put_next(FULL);
		put_next(FULL);
		CHECK_EQ(reading(solo, sizeof memory, HEAD + ends[i], 16, &error), 0);
		CHECK_EQ(error, 0);
		take_readable(solo);
		read_the_rest(solo);
		CHECK_EQ(solo->s->receive.consumed, wire.offset);
		solo_free(solo);
	}
}

/* What came instead wants more blocks than there are, and waits in those that it was put in. */
static struct solo *solo_that_holds(void)
{
	struct solo *solo = solo_in_streak();
	uint64_t at = wire.offset;
	int error;

	put_next(FULL);
	/* Far from one another: a block for each. */
	for (unsigned i = 1; i <= 20; i++)
		put_data(at + (uint64_t)(i + 1) * FULL, 1, false);
	put_next(3 * FULL / 4);
	put_next(3 * FULL / 4);
	put_next(FULL / 2);
	CHECK_EQ(reading(solo, 4 * FULL, 3 * FULL, 16, &error), FULL);
	CHECK_EQ(error, -ENOMEM);
	CHECK(solo->s->held.more_count > 0);
	/* The blocks that it waits in come back: they count as spare ones. */
	CHECK_EQ(session_blocks_wanted(solo->s) + solo->s->stock.free + 1 + solo->s->held.more_count, STOCK_BLOCKS);
	return solo;
}

static void what_came_instead_waits_for_blocks(void)
{
	struct solo *solo = solo_that_holds();
	int error;

	CHECK_EQ(session_read_on(solo->s, solo->now), -ENOMEM);
	do {
		solo_lend(solo);
		error = session_read_on(solo->s, solo->now);
	} while (error == -ENOMEM);
	CHECK_EQ(error, 0);
	CHECK(solo->s->staging == NULL);
	take_readable(solo);
	read_the_rest(solo);
	CHECK_EQ(solo->s->receive.consumed, wire.offset + 1);
	solo_free(solo);

	/* The path is lost, or the session is over: all blocks go back, which solo_free sees to. */
	solo = solo_that_holds();
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_LOST, false, solo->now);
	CHECK(solo->s->staging == NULL && solo->s->held.more_count == 0);
	solo_free(solo);
	solo = solo_that_holds();
	session_reset(solo->s, REASON_NONE, solo->now);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	CHECK(solo->s->staging == NULL && solo->s->held.more_count == 0);
	solo_free(solo);
}

/* Nothing is expected when it could not be held, when it is there, or when the program is not ready for it. */
static void nothing_is_expected(void)
{
	struct solo *solo = solo_in_streak();
	struct iovec iov[16];
	void *block, *blocks[STOCK_BLOCKS];
	unsigned count = 0;

	solo_lend(solo);
	session_receive_into(solo->s, NULL, 0);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	while (solo->s->stock.free > HELD_BLOCKS_MAX && (block = session_reclaim(solo->s)) != NULL)
		blocks[count++] = block;
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	session_lend(solo->s, blocks[--count]);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 2 * EXPECT_MAX + 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	while (count > 0)
		session_lend(solo->s, blocks[--count]);
	solo_path(solo, 1, NS_PER_MS, false);
	CHECK_EQ(solo_data(solo, 1, wire.offset + 5, 1, false), 0);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	CHECK_EQ(solo_data(solo, 1, wire.offset, 5, false), 0);
	CHECK_EQ(session_readable(solo->s), 6);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	/* Then the other path is ahead, and this one's next frame is no longer the next of the stream. */
	take_readable(solo);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	solo_free(solo);
}

/* A FIN that another path brings ends it within what is expected: that is the peer's error, and no byte comes of it. */
static void the_end_comes_first(void)
{
	struct solo *solo = solo_in_streak();
	int error;

	solo_path(solo, 1, NS_PER_MS, false);
	CHECK_EQ(solo_data(solo, 1, wire.offset + FULL, 0, true), 0);
	put_next(FULL);
	put_next(FULL);
	CHECK_EQ(reading(solo, sizeof memory, SIZE_MAX, 16, &error), FULL);
	CHECK_EQ(error, -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK(solo->s->staging == NULL);
	solo_free(solo);
}

/* The program gives the session up while a thread reads: nothing is taken of what comes then. */
static void over_meanwhile(void)
{
	struct solo *solo = solo_in_streak();
	struct iovec iov[16];

	put_next(FULL);
	solo_lend(solo);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 2 * EXPECT_MAX + 1);
	memcpy(iov[0].iov_base, wire.bytes + wire.at, HEAD);
	memcpy(iov[1].iov_base, wire.bytes + wire.at + HEAD, FULL);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], HEAD + FULL, solo->now), 0);
	CHECK_EQ(session_receive_taken(solo->s), 0);
	CHECK(solo->s->staging == NULL);
	solo_free(solo);
}

/* An unread byte goes first, a program that reads no more wants nothing, and nor does a session that is over. */
static void nobody_waits_for_frames(void)
{
	struct solo *solo = solo_in_streak();
	struct iovec iov[16];
	int error;

	put_next(FULL);
	CHECK_EQ(reading(solo, 0, SIZE_MAX, 4, &error), 0);
	while (wire.at < wire.end)
		CHECK_EQ(reading(solo, 0, SIZE_MAX, 4, &error), 0);
	session_receive_consume(solo->s, FULL - 1, solo->now);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	session_receive_consume(solo->s, 1, solo->now);
	solo_lend(solo);
	CHECK(session_place(solo->s, &solo->path[0], iov, 16) > 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	session_receive_discard(solo->s, solo->now);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	solo_free(solo);

	solo = solo_in_streak();
	session_reset(solo->s, REASON_ABORTED, solo->now);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	solo_free(solo);
}

/* Both have ended and both know it, while a path in a streak still stands. */
static void nobody_waits_for_frames_after_the_end(void)
{
	struct solo *solo = solo_in_streak();
	struct frame_close close = { .reason = REASON_DONE };
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_CLOSE_BYTES];
	struct iovec iov[16];

	solo_path(solo, 1, NS_PER_MS, false);
	session_send_finish(solo->s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 1, wire.offset, 0, true), 0);
	CHECK_EQ(solo_feed(solo, 1, frame, frame_close_encode(frame, sizeof frame, &close)), 0);
	CHECK_EQ(session_state(solo->s), SESSION_CLOSED);
	solo_lend(solo);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 16), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	solo_free(solo);
}

/* What is skipped is skipped, though it looks like the frame that is expected. */
static void what_only_looks_like_frames(void)
{
	struct frame_data data = { .length = FULL };
	uint32_t length = HEAD + 100;
	struct solo *solo = solo_in_streak();
	int error;

	data.offset = wire.offset;
	put_u32(put_zero(put_u8(put_u8(wire.bytes + wire.end, 98), FRAME_FLAG_OPTIONAL | 0x80), 2), length);
	frame_data_encode(wire.bytes + wire.end + FRAME_HEADER_BYTES, HEAD, &data);
	memset(wire.bytes + wire.end + FRAME_HEADER_BYTES + HEAD, 0xaa, 100);
	wire.end += FRAME_HEADER_BYTES + length;
	put_next(FULL);
	CHECK_EQ(reading(solo, 0, FRAME_HEADER_BYTES, 16, &error), 0);
	CHECK_EQ(error, 0);
	CHECK_EQ(reading(solo, sizeof memory, length, 16, &error), 0);
	CHECK_EQ(error, 0);
	CHECK_EQ(session_readable(solo->s), 0);
	read_the_rest(solo);
	CHECK_EQ(solo->s->receive.consumed, wire.offset);
	solo_free(solo);
}

/* A header without a byte behind it is nothing that the peer is to be told. */
static void a_header_alone_is_no_news(void)
{
	struct solo *solo = solo_in_streak();
	int error;

	put_next(FULL);
	solo->now += NS_PER_S;
	solo_carry_all(solo);
	CHECK(!solo->path[0].ack_due);
	CHECK_EQ(reading(solo, sizeof memory, HEAD, 16, &error), 0);
	CHECK_EQ(error, 0);
	CHECK(!solo->path[0].ack_due);
	CHECK_EQ(reading(solo, sizeof memory, 1, 16, &error), 1);
	CHECK(solo->path[0].ack_due);
	solo_free(solo);
}

static uint32_t random_state;

static uint32_t below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(random_state >> 4) * limit) >> 28);
}

/* Frames of all kinds, mostly of the largest, in readings of all sizes. */
static void anything_in_any_pieces(void)
{
	static const size_t rooms[] = { 0, 1000, FULL, 4 * FULL, 4 * FULL + 77, sizeof memory };

	for (uint32_t seed = 1; seed < 13; seed++) {
		struct solo *solo = solo_fresh(LIMIT);
		int error;

		random_state = seed;
		wire_begin();
		while (wire.end + 3 * (HEAD + FULL) < sizeof wire.bytes) {
			uint32_t what = below(30);

			if (what == 0)
				put_ping();
			else if (what == 1)
				put_next(1 + below(FULL));
			else if (what == 2)
				put_data(wire.offset / 2, 1 + below(FULL), false);
			else if (what == 3)
				put_data(wire.offset + below(FULL), 1 + below(FULL), false);
			else
				put_next(FULL);
		}
		while (wire.at < wire.end) {
			reading(solo, rooms[below(6)], below(3) > 0 ? SIZE_MAX : 1 + below(3 * FULL),
				4 + below(13), &error);
			while (error == -ENOMEM) {
				solo_lend(solo);
				error = session_read_on(solo->s, solo->now);
			}
			CHECK_EQ(error, 0);
			take_readable(solo);
			/* Answers to pings. */
			solo_carry_all(solo);
			solo->out[0].length = solo->out[0].parsed = 0;
		}
		CHECK(solo->s->receive.consumed >= wire.offset);
		solo_free(solo);
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof stream; i++)
		stream[i] = solo_byte(i);
	memset(untouched, 0xee, sizeof untouched);
	RUN(several_frames_in_one_reading);
	RUN(what_makes_a_streak);
	RUN(as_much_as_there_is_place_for);
	RUN(something_else_came);
	RUN(something_else_came_in_part);
	RUN(what_came_instead_waits_for_blocks);
	RUN(nothing_is_expected);
	RUN(the_end_comes_first);
	RUN(over_meanwhile);
	RUN(nobody_waits_for_frames);
	RUN(nobody_waits_for_frames_after_the_end);
	RUN(what_only_looks_like_frames);
	RUN(a_header_alone_is_no_news);
	RUN(anything_in_any_pieces);
	return 0;
}
