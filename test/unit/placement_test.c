/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of a carrier are put: blocks, the program's memory, a staging block, and what waits there. */
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

/* What of a frame is still to come is read straight to where it belongs, and no byte beyond its end. */
static void the_rest_of_a_frame_needs_no_copy(void)
{
	struct solo *solo = solo_fresh(LIMIT);
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
	solo_check_readable(solo, 6000);
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
	struct solo *solo = solo_fresh(LIMIT);
	struct session_figures figures;
	uint8_t memory[6000];

	solo_path(solo, 1, NS_PER_MS, false);
	begin_frame(solo, 0, 0, 5000);
	/* Ten bytes are readable: nothing may go past them. */
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 90), 0);
	CHECK_EQ(session_receive_taken(solo->s), 0);
	solo_check_readable(solo, 100);
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
	struct solo *solo = solo_fresh(LIMIT);
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
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t memory[5000];
	struct iovec iov[4];

	solo_path(solo, 1, NS_PER_MS, false);
	begin_frame(solo, 0, 0, 5000);
	session_receive_consume(solo->s, 10, solo->now);
	CHECK_EQ(solo_data(solo, 1, 100, 0, true), 0);
	CHECK_EQ(session_state(solo->s), SESSION_OPEN);
	if (lent)
		session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 90), 0);
	/* No place for bytes that may not be. */
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
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
	CHECK_EQ(solo->path[0].stream_bytes_received, STOCK_BLOCKS_FIRST - 1);
	CHECK_EQ(solo->path[0].ack_bytes, STOCK_BLOCKS_FIRST - 1);
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

	for (unsigned i = 0; i <= FAR_BLOCKS / (STOCK_BLOCKS - 1) && error == -ENOMEM; i++) {
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
	CHECK_EQ(solo->path[0].notes_count, 1);
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
	CHECK_EQ(solo->path[0].stream_bytes_received, STOCK_BLOCKS_FIRST - 1);
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
	solo_check_readable(solo, 100);
	CHECK_EQ(solo->s->receive.ahead.count, STOCK_BLOCKS_FIRST - 1);
	solo_free(solo);

	solo = solo_that_holds("", 0);
	spare = solo->s->stock.free;
	session_remove_path(solo->s, &solo->path[0], solo->now);
	CHECK_EQ(solo->s->stock.free, spare + 1);
	CHECK_EQ(solo_data(solo, 1, 0, 100, false), 0);
	solo_check_readable(solo, 100);
	free(solo->out[0].bytes);
	solo->out[0].bytes = NULL;
	solo_free(solo);
}

/* One range more than credit and room for what paths have under way, read straight to its place. */
static void too_many_ranges_in_place(void)
{
	struct frame_data data = { .offset = 2 * RANGES_HELD_MAX + 1, .length = 1 };
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t head[FRAME_DATA_HEAD_BYTES];
	struct iovec iov;

	for (unsigned i = 0; i < RANGES_HELD_MAX; i++)
		CHECK_EQ(solo_data(solo, 0, 2 * i + 1, 1, false), 0);
	frame_data_encode(head, sizeof head, &data);
	CHECK_EQ(solo_feed(solo, 0, head, sizeof head), 0);
	CHECK_EQ(solo_feed(solo, 0, "x", 1), -EPROTO);
	CHECK_EQ(session_state(solo->s), SESSION_RESET);
	CHECK_EQ(session_reason(solo->s), REASON_PROTOCOL_ERROR);
	/* Nothing of it waits. */
	CHECK_EQ(session_place(solo->s, &solo->path[0], &iov, 1), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	solo_free(solo);
}

/* A single byte of the program's memory is used too, and what comes behind it waits. */
static void one_byte_of_memory(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t memory[2] = { 0 };

	begin_frame(solo, 0, 0, 100);
	session_receive_consume(solo->s, 10, solo->now);
	session_receive_into(solo->s, memory, 1);
	CHECK_EQ(read_payload(solo, 0, 10, 20), 0);
	CHECK_EQ(session_readable(solo->s), 19);
	CHECK_EQ(session_receive_taken(solo->s), 1);
	CHECK_EQ(memory[0], solo_byte(10));
	CHECK_EQ(memory[1], 0);
	solo_free(solo);
}

/* What the program took itself counts as what came by blocks does: in figures, waits and the window. */
static void what_lent_memory_took_counts(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	struct session_figures figures;
	static uint8_t memory[LIMIT / 4];
	struct iovec iov[32];

	solo_path(solo, 1, NS_PER_MS, false);
	begin_frame(solo, 0, 0, 1000);
	session_receive_consume(solo->s, 10, solo->now);
	CHECK_EQ(solo_data(solo, 1, 1000, 50, false), 0);
	solo->now += 70 * NS_PER_MS;
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 10, 990), 0);
	CHECK_EQ(session_receive_taken(solo->s), 990);
	CHECK_EQ(solo->path[0].stream_bytes_received, 1000);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.longest_gap_ns, 70 * NS_PER_MS);
	session_receive_consume(solo->s, 50, solo->now);
	/* A quarter of the window: the peer hears of it at once, on every path. */
	for (uint64_t at = 1050; at < LIMIT / 4; at += 50000) {
		CHECK(!solo->path[1].ack_urgent);
		begin_frame(solo, 0, at, 50000);
		session_receive_consume(solo->s, 10, solo->now);
		session_receive_into(solo->s, memory, sizeof memory);
		while (solo->s->receive.consumed < at + 50000) {
			unsigned used;

			solo_lend(solo);
			used = session_place(solo->s, &solo->path[0], iov, 32);
			CHECK(used == 2 && iov[0].iov_base == memory + (solo->s->receive.consumed - at - 10));
			CHECK_EQ(session_arrived(solo->s, &solo->path[0], iov[0].iov_len, solo->now), 0);
		}
		CHECK_EQ(session_receive_taken(solo->s), 49990);
	}
	CHECK(solo->path[1].ack_urgent);
	solo_free(solo);
}

/* A frame across a boundary has as many places as there are iovecs, but for one that may take anything. */
static void no_more_places_than_iovecs(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	struct iovec iov[4];

	begin_frame(solo, 0, BLOCK_BYTES - 100, 5000);
	for (unsigned max = 2; max <= 3; max++) {
		solo_lend(solo);
		CHECK_EQ(session_place(solo->s, &solo->path[0], iov, max), max);
		CHECK_EQ(iov[0].iov_len, 90);
		CHECK_EQ(iov[max - 1].iov_len, STAGING_BYTES);
		CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	}
	CHECK_EQ(iov[1].iov_len, 4900);
	solo_free(solo);
}

/* With no block nothing is read. A first one is for anything, and what is read there waits for another. */
static void the_first_block_is_for_anything(void)
{
	struct frame_data data = { .offset = 0, .length = 5000 };
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t bytes[FRAME_DATA_HEAD_BYTES];
	struct iovec iov[4];

	frame_data_encode(bytes, sizeof bytes, &data);
	CHECK_EQ(solo_feed(solo, 0, bytes, sizeof bytes), 0);
	solo_carry_all(solo);
	for (void *block; (block = session_reclaim(solo->s)) != NULL; solo->blocks--)
		free(block);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 0);
	session_lend(solo->s, malloc(BLOCK_BYTES));
	solo->blocks++;
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 1);
	CHECK_EQ(iov[0].iov_len, STAGING_BYTES);
	for (unsigned i = 0; i < 100; i++)
		((uint8_t *)iov[0].iov_base)[i] = solo_byte(i);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 100, solo->now), -ENOMEM);
	/* Nothing that an ACK could tell of. */
	CHECK(!solo->path[0].ack_due);
	solo_lend(solo);
	CHECK_EQ(session_read_on(solo->s, solo->now), 0);
	CHECK(solo->path[0].ack_due);
	CHECK_EQ(solo->path[0].ack_bytes, 100);
	solo_check_readable(solo, 100);
	solo_free(solo);
}

/* Behind a large frame only so much is read that the next one has its place; behind others a block full. */
static void what_is_read_beyond_a_large_frame(void)
{
	static const struct { uint32_t length; size_t beyond; } cases[] = {
		{ BULK_FRAME_BYTES - 1, STAGING_BYTES }, { BULK_FRAME_BYTES, STAGING_BYTES_BULK },
		{ FRAME_PAYLOAD_MAX, STAGING_BYTES_BULK }, { 100, STAGING_BYTES },
	};
	struct solo *solo = solo_fresh(LIMIT);
	struct iovec iov[4];
	uint64_t at = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned used;

		begin_frame(solo, 0, at, cases[i].length);
		at += cases[i].length;
		solo_lend(solo);
		used = session_place(solo->s, &solo->path[0], iov, 4);
		CHECK(used > 1);
		CHECK_EQ(iov[used - 1].iov_len, cases[i].beyond);
		CHECK_EQ(session_arrived(solo->s, &solo->path[0], cases[i].length - 10, solo->now), 0);
	}
	CHECK_EQ(session_readable(solo->s), at);
	solo_free(solo);
}

/* A session that is over takes none of what a carrier still brings. */
static void nothing_is_placed_after_a_reset(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	struct iovec iov[4];

	begin_frame(solo, 0, 0, 5000);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 1);
	memset(iov[0].iov_base, 0, 100);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 100, solo->now), 0);
	solo_check_readable(solo, 10);
	solo_free(solo);
}

/* Any byte is a sign of life, the first of a header too; an empty reading is none. */
static void one_byte_is_heard(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t byte = FRAME_PING;
	struct iovec iov[2];

	solo->now += NS_PER_S;
	CHECK_EQ(solo_feed(solo, 0, &byte, 1), 0);
	CHECK_EQ(solo->s->heard_at, solo->now);
	CHECK_EQ(solo->path[0].received_at, solo->now);
	CHECK_EQ(solo->path[0].received_bytes, 1);
	solo->now += NS_PER_MS;
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 2), 1);
	CHECK_EQ(session_arrived(solo->s, &solo->path[0], 0, solo->now), 0);
	CHECK_EQ(solo->s->heard_at, solo->now - NS_PER_MS);
	CHECK_EQ(solo->path[0].received_at, solo->now - NS_PER_MS);
	solo_free(solo);
}

/* A receiver that went on by itself: some came straight, there is room for more, and nothing waits behind it. */
static void what_goes_on_into_lent_memory(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	uint8_t memory[100];

	begin_frame(solo, 0, 0, 1000);
	session_receive_consume(solo->s, 10, solo->now);
	CHECK(!session_receiving_into(solo->s));
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK(!session_receiving_into(solo->s));
	CHECK_EQ(read_payload(solo, 0, 10, 1), 0);
	CHECK(session_receiving_into(solo->s));
	CHECK_EQ(read_payload(solo, 0, 11, 98), 0);
	CHECK(session_receiving_into(solo->s));
	CHECK_EQ(read_payload(solo, 0, 109, 1), 0);
	CHECK(!session_receiving_into(solo->s));
	CHECK_EQ(session_receive_taken(solo->s), 100);
	CHECK(!session_receiving_into(solo->s));
	/* Another path has brought what follows. */
	solo_path(solo, 1, NS_PER_MS, false);
	CHECK_EQ(solo_data(solo, 1, 150, 1, false), 0);
	session_receive_into(solo->s, memory, sizeof memory);
	CHECK_EQ(read_payload(solo, 0, 110, 39), 0);
	CHECK(session_receiving_into(solo->s));
	CHECK_EQ(read_payload(solo, 0, 149, 1), 0);
	CHECK_EQ(session_readable(solo->s), 1);
	CHECK(!session_receiving_into(solo->s));
	solo_free(solo);
}

/* Asleep it reads nothing, and knows of no frames. */
static void asleep_nothing_is_placed(void)
{
	struct solo *solo = solo_fresh(LIMIT);
	struct iovec iov[4];

	CHECK(session_asleep(solo->s));
	CHECK_EQ(session_place(solo->s, &solo->path[0], iov, 4), 0);
	CHECK(!session_path_bulk(&solo->path[0]));
	solo_lend(solo);
	CHECK(!session_path_bulk(&solo->path[0]));
	begin_frame(solo, 0, 0, BULK_FRAME_BYTES);
	CHECK(session_path_bulk(&solo->path[0]));
	solo_free(solo);
}

int main(void)
{
	RUN(the_rest_of_a_frame_needs_no_copy);
	RUN(the_program_lends_its_memory);
	RUN(the_end_after_lent_memory);
	RUN(a_fin_contradicts_another_frame);
	RUN(scattered_bytes_wait_for_blocks);
	RUN(what_follows_held_bytes_counts);
	RUN(held_bytes_are_lost_with_their_path);
	RUN(too_many_ranges_in_place);
	RUN(one_byte_of_memory);
	RUN(what_lent_memory_took_counts);
	RUN(no_more_places_than_iovecs);
	RUN(the_first_block_is_for_anything);
	RUN(what_is_read_beyond_a_large_frame);
	RUN(nothing_is_placed_after_a_reset);
	RUN(one_byte_is_heard);
	RUN(what_goes_on_into_lent_memory);
	RUN(asleep_nothing_is_placed);
	return 0;
}
