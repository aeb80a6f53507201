/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a session: what is asked for and used, the blocks that it wants, and where the program writes. */
#include <errno.h>
#include <limits.h>

#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT       (1u << 20)
#define RTT         (20 * NS_PER_MS)
#define GUARD_BYTES 65536u
/* Of both windows together; each wants two slots more than it has blocks. */
#define FITS_BYTES  ((WORK_SLOTS - 4) * (uint64_t)BLOCK_BYTES)

static struct solo *solo;
static struct session *s;

static struct session_config windows(uint64_t send_bytes, uint64_t receive_bytes)
{
	struct session_config config = world_config(MODE_STRIPE);

	config.send_limit_bytes = send_bytes;
	config.receive_limit_bytes = receive_bytes;
	return config;
}

static void begin(unsigned paths)
{
	solo = solo_alike(MODE_STRIPE, LIMIT, paths, RTT);
	s = solo->s;
}

static void take_blocks_back(unsigned most)
{
	void *block;

	while (most-- > 0 && (block = session_reclaim(s)) != NULL) {
		free(block);
		solo->blocks--;
	}
}

/* No more than it needs, whatever it is. */
static void lend(unsigned blocks)
{
	while (blocks-- > 0) {
		void *block = malloc(BLOCK_BYTES);

		CHECK(block != NULL);
		session_lend(s, block);
		solo->blocks++;
	}
}

/* --- of the session itself --- */

/* Windows that a block of work has room for cost nothing; larger ones a pointer for each of their blocks. */
static void what_windows_cost(void)
{
	struct session_config none = windows(0, 0), fit = windows(FITS_BYTES / 4, FITS_BYTES / 4 * 3);
	struct session_config more = windows(FITS_BYTES / 4, FITS_BYTES / 4 * 3 + BLOCK_BYTES);

	CHECK_EQ(session_bytes(&none), sizeof(struct session));
	CHECK_EQ(session_bytes(&fit), session_bytes(&none));
	CHECK_EQ(session_bytes(&more), session_bytes(&none) + (WORK_SLOTS + 1) * sizeof(void *));
}

/* It keeps to the memory that it asked for, whatever was there before. */
static void nothing_beyond_its_memory(void)
{
	const struct session_config all[] = {
		windows(LIMIT, LIMIT), windows(FITS_BYTES / 4, FITS_BYTES / 4 * 3),
		windows(FITS_BYTES, FITS_BYTES / 4), windows(20 * LIMIT, 20 * LIMIT), windows(0, 2 * FITS_BYTES),
	};
	static uint8_t guard[GUARD_BYTES];

	memset(guard, 0xa5, sizeof guard);
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		size_t bytes = session_bytes(&all[i]);
		uint8_t *memory = malloc(GUARD_BYTES + bytes + GUARD_BYTES);
		struct session *made;
		void *block = malloc(BLOCK_BYTES);

		CHECK(memory != NULL && block != NULL);
		memset(memory, 0xa5, GUARD_BYTES + bytes + GUARD_BYTES);
		made = session_init(memory + GUARD_BYTES, &all[i], NS_PER_S);
		CHECK_EQ(session_room(made), all[i].send_limit_bytes);
		CHECK_EQ(session_receive_limit(made), all[i].receive_limit_bytes);
		session_lend(made, block);
		CHECK(!session_asleep(made));
		session_fini(made);
		CHECK(session_reclaim(made) == block);
		CHECK(session_reclaim(made) == NULL);
		CHECK_MEM(memory, guard, GUARD_BYTES);
		CHECK_MEM(memory + GUARD_BYTES + bytes, guard, GUARD_BYTES);
		free(block);
		free(memory);
	}
}

/* Windows whose blocks are listed beside the session: some of their bytes go out, and come in, as any. */
static void large_windows_work(void)
{
	struct session_config config = windows(FITS_BYTES, FITS_BYTES / 2);
	struct solo_frame frame;
	uint64_t start, end, sent = 0;

	solo = solo_new(&config, FITS_BYTES);
	s = solo->s;
	solo_path(solo, 0, RTT, true);
	solo_write(solo, 3 * BLOCK_BYTES);
	for (uint64_t at = 0; at < 3 * BLOCK_BYTES; at += BLOCK_BYTES / 2)
		CHECK_EQ(solo_data(solo, 0, at, BLOCK_BYTES / 2, false), 0);
	solo_check_readable(solo, 3 * BLOCK_BYTES);
	solo->path[0].health.rate_bytes = 1000000000;
	solo_carry_all(solo);
	/* solo_take compares the bytes. */
	while (solo_take_type(solo, 0, FRAME_DATA, &frame)) {
		solo_data_range(&frame, &start, &end);
		CHECK_EQ(start, sent);
		sent = end;
	}
	CHECK_EQ(sent, 3 * BLOCK_BYTES);
	CHECK_EQ(solo_ack(solo, 0, sent, NULL, 0), 0);
	session_receive_consume(s, 3 * BLOCK_BYTES, solo->now);
	take_blocks_back(UINT_MAX);
	CHECK_EQ(solo->blocks, 0);
	solo_free(solo);
}

/* --- blocks --- */

/* Given up between place and arrived: the block that was to be read into comes back. */
static void given_up_within_a_reading(void)
{
	struct iovec iov[4];

	begin(1);
	solo_lend(solo);
	CHECK(session_place(s, &solo->path[0], iov, 4) > 0);
	/* solo_free counts. */
	solo_free(solo);
}

/* What waits for blocks lies on one itself: with the last one gone it still wants more, and that helps. */
static void what_waits_wants_blocks(void)
{
	struct frame_data data = { .length = 10 };
	uint8_t frame[FRAME_DATA_HEAD_BYTES + 10];
	struct iovec iov[4];

	begin(1);
	take_blocks_back(UINT_MAX);
	CHECK(session_asleep(s));
	lend(2);
	frame_data_encode(frame, FRAME_DATA_HEAD_BYTES, &data);
	for (unsigned i = 0; i < 10; i++)
		frame[FRAME_DATA_HEAD_BYTES + i] = solo_byte(i);
	CHECK_EQ(session_place(s, &solo->path[0], iov, 4), 1);
	memcpy(iov[0].iov_base, frame, sizeof frame);
	CHECK_EQ(session_arrived(s, &solo->path[0], sizeof frame, solo->now), -ENOMEM);
	/* The one it lies on comes back, so that this makes as many as a session at work has. */
	CHECK_EQ(session_blocks_wanted(s), STOCK_BLOCKS - 1);
	lend(1);
	CHECK_EQ(session_read_on(s, solo->now), 0);
	solo_check_readable(solo, 10);
	solo_free(solo);
}

/* Most wake for a probe: few blocks at first, however much was moved before it slept. */
static void few_when_it_wakes(void)
{
	begin(1);
	for (uint64_t at = 0; at < 2 * BLOCK_BYTES; at += BLOCK_BYTES) {
		CHECK_EQ(solo_data(solo, 0, at, BLOCK_BYTES, false), 0);
		session_receive_consume(s, BLOCK_BYTES, solo->now);
	}
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 0, NULL, 0), 0);
	take_blocks_back(UINT_MAX);
	CHECK(session_asleep(s));
	CHECK_EQ(session_blocks_wanted(s), STOCK_BLOCKS_FIRST + 1);
	lend(STOCK_BLOCKS_FIRST + 1);
	CHECK_EQ(session_blocks_wanted(s), 0);
	/* With one that is left it has not used them up. */
	take_blocks_back(STOCK_BLOCKS_FIRST - 1);
	CHECK_EQ(session_blocks_wanted(s), STOCK_BLOCKS_FIRST - 1);
	solo_free(solo);
}

/* Both know that all is over: awake as it is, it wants nothing. */
static void none_when_all_is_over(void)
{
	struct frame_close close = { .reason = REASON_DONE };
	uint8_t frame[64];

	begin(1);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(solo_feed(solo, 0, frame, frame_close_encode(frame, sizeof frame, &close)), 0);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	while (s->stock.free > 0)
		take_blocks_back(1);
	/* The program has yet to read. */
	CHECK(!session_asleep(s));
	CHECK_EQ(session_blocks_wanted(s), 0);
	solo_check_readable(solo, 10);
	solo_free(solo);
}

/* --- the program's bytes --- */

static void no_space_asleep_or_full(void)
{
	struct iovec iov[4];

	begin(0);
	CHECK(session_asleep(s));
	CHECK_EQ(session_room(s), LIMIT);
	CHECK_EQ(session_send_space(s, 100, iov, 4), 0);
	solo_write(solo, LIMIT - 1);
	/* The last byte has room. */
	CHECK_EQ(session_room(s), 1);
	CHECK_EQ(session_send_space(s, 100, iov, 4), 1);
	CHECK_EQ(iov[0].iov_len, 1);
	*(uint8_t *)iov[0].iov_base = 1;
	session_send_commit(s, 1, solo->now);
	CHECK_EQ(session_room(s), 0);
	CHECK_EQ(session_send_space(s, 100, iov, 4), 0);
	solo_free(solo);
}

static void a_single_byte_is_read(void)
{
	struct iovec iov[4];

	begin(1);
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	CHECK_EQ(session_receive_peek(s, iov, 4), 1);
	CHECK_EQ(iov[0].iov_len, 1);
	solo_check_readable(solo, 1);
	solo_free(solo);
}

/* What is out is counted over all loans, less what is acknowledged. */
static void what_is_lent_together(void)
{
	static const uint8_t lent[6000];
	uint64_t bytes;

	begin(1);
	for (unsigned i = 1; i <= 3; i++) {
		solo_lend(solo);
		CHECK_EQ(session_borrow(s, NULL, 0, lent, i * 1000, solo->now), 0);
		CHECK_EQ(session_loans_out(s, &bytes), i);
		CHECK_EQ(bytes, 500 * i * (i + 1));
	}
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1500, NULL, 0), 0);
	CHECK_EQ(session_loans_out(s, &bytes), 2);
	CHECK_EQ(bytes, 4500);
	solo_free(solo);
}

int main(void)
{
	RUN(what_windows_cost);
	RUN(nothing_beyond_its_memory);
	RUN(large_windows_work);
	RUN(given_up_within_a_reading);
	RUN(what_waits_wants_blocks);
	RUN(few_when_it_wakes);
	RUN(none_when_all_is_over);
	RUN(no_space_asleep_or_full);
	RUN(a_single_byte_is_read);
	RUN(what_is_lent_together);
	return 0;
}
