/* SPDX-License-Identifier: Apache-2.0 */
/* What a session works in: given back when nothing is under way, and never before. */
#include "core/work.h"

#include "test/solo.h"
#include "test/test.h"

#define LIMIT (1u << 20)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;
static struct session *s;

static void take_blocks_back(void)
{
	void *block;

	while ((block = session_reclaim(s)) != NULL) {
		free(block);
		solo->blocks--;
	}
}

/* Something is under way, and blocks are short. */
static void check_stays_awake(void)
{
	take_blocks_back();
	CHECK(!session_asleep(s));
	CHECK(!work_end(s));
	CHECK(!session_may_doze(s));
	CHECK(solo->path[0].work == &s->work->paths[0]);
}

static void check_sleeps(void)
{
	take_blocks_back();
	CHECK(session_asleep(s));
	CHECK_EQ(solo->blocks, 0);
	CHECK(!session_may_doze(s));
}

static void begin(enum session_mode mode, unsigned paths)
{
	solo = solo_alike(mode, LIMIT, paths, RTT);
	s = solo->s;
	check_sleeps();
	solo_lend(solo);
}

static void end(void)
{
	check_sleeps();
	solo_free(solo);
}

/* All that was written, on whichever path, has come to the peer. */
static void acknowledge(uint64_t cumulative)
{
	CHECK_EQ(solo_ack(solo, 0, cumulative, NULL, 0), 0);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		CHECK(s->sender.paths[i] == NULL || s->sender.paths[i]->health.stamps_count == 0);
}

static void asleep_it_points_to_nothing(void)
{
	begin(MODE_STRIPE, 1);
	CHECK(solo->path[0].work == &s->work->paths[0]);
	CHECK(solo->path[0].health.stamps == s->work->paths[0].stamps);
	CHECK(work_end(s));
	CHECK(solo->path[0].work == NULL && solo->path[0].health.stamps == NULL);
	CHECK(s->sender.flight.at == NULL && s->sender.converge.at == NULL && s->receive.ahead.at == NULL);
	CHECK(s->sender.buffer.table.slots == NULL && s->receive.table.slots == NULL);
	/* It has none to give. */
	CHECK(!work_end(s));
	end();
}

/* Of the bytes of both directions those count that moved since it woke. */
static void dozes_until_bytes_move(void)
{
	begin(MODE_STRIPE, 1);
	CHECK(session_may_doze(s));
	solo_write(solo, 50);
	solo_carry_all(solo);
	acknowledge(50);
	CHECK(!session_may_doze(s));
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_receive_consume(s, 100, solo->now);
	solo_carry_all(solo);
	CHECK(!session_may_doze(s));
	check_sleeps();
	solo_lend(solo);
	CHECK(session_may_doze(s));
	end();
}

/* --- each of these alone keeps it awake --- */

static void a_reading(void)
{
	struct iovec iov[4];

	begin(MODE_STRIPE, 1);
	CHECK_EQ(session_place(s, &solo->path[0], iov, 4), 1);
	check_stays_awake();
	CHECK_EQ(session_arrived(s, &solo->path[0], 0, solo->now), 0);
	end();
}

static void a_byte_not_sent(void)
{
	begin(MODE_STRIPE, 1);
	solo_write(solo, 1);
	CHECK_EQ(s->sender.flight.count, 0);
	check_stays_awake();
	solo_carry_all(solo);
	acknowledge(1);
	end();
}

static void a_byte_not_read(void)
{
	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	CHECK_EQ(s->receive.ahead.count, 0);
	check_stays_awake();
	session_receive_consume(s, 1, solo->now);
	end();
}

static void a_byte_ahead(void)
{
	begin(MODE_STRIPE, 1);
	CHECK_EQ(solo_data(solo, 0, 1, 1, false), 0);
	check_stays_awake();
	CHECK_EQ(solo_data(solo, 0, 0, 1, false), 0);
	session_receive_consume(s, 2, solo->now);
	end();
}

/* The bytes of the program were acknowledged: no block is held for the end, only a segment of no bytes. */
static void the_end_not_acknowledged(void)
{
	begin(MODE_STRIPE, 1);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	acknowledge(0);
	CHECK_EQ(s->sender.flight.count, 1);
	check_stays_awake();
	acknowledge(1);
	end();
}

/* Half of it is written, and the peer has seen that half. */
static void a_probe(void)
{
	begin(MODE_STRIPE, 1);
	solo->path[0].ping_due = true;
	CHECK_EQ(solo_carry(solo, 0, FRAME_HEADER_BYTES), FRAME_HEADER_BYTES);
	check_stays_awake();
	acknowledge(0);
	check_stays_awake();
	solo_carry_all(solo);
	check_stays_awake();
	acknowledge(0);
	end();
}

/* The other path brought the bytes meanwhile; the carrier still waits for the rest of the frame. */
static void a_frame_half_written(void)
{
	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 1000);
	CHECK_EQ(solo_carry(solo, 0, FRAME_DATA_HEAD_BYTES + 10), FRAME_DATA_HEAD_BYTES + 10);
	CHECK(solo_carry(solo, 1, SIZE_MAX) > 1000);
	acknowledge(1000);
	CHECK(session_path_halved(&solo->path[0]));
	CHECK_EQ(s->sender.flight.count + s->sender.buffer.table.held, 0);
	check_stays_awake();
	CHECK_EQ(solo_carry(solo, 0, SIZE_MAX), 990);
	acknowledge(1000);
	end();
}

static void a_header_half_read(void)
{
	struct frame_data data = { .length = 1 };
	uint8_t bytes[FRAME_DATA_HEAD_BYTES + 1];

	CHECK_EQ(frame_data_encode(bytes, sizeof bytes, &data), FRAME_DATA_HEAD_BYTES);
	bytes[FRAME_DATA_HEAD_BYTES] = solo_byte(0);
	begin(MODE_STRIPE, 1);
	for (size_t i = 0; i < sizeof bytes; i++) {
		CHECK_EQ(solo_feed(solo, 0, bytes + i, 1), 0);
		check_stays_awake();
	}
	session_receive_consume(s, 1, solo->now);
	end();
}

int main(void)
{
	RUN(asleep_it_points_to_nothing);
	RUN(dozes_until_bytes_move);
	RUN(a_reading);
	RUN(a_byte_not_sent);
	RUN(a_byte_not_read);
	RUN(a_byte_ahead);
	RUN(the_end_not_acknowledged);
	RUN(a_probe);
	RUN(a_frame_half_written);
	RUN(a_header_half_read);
	return 0;
}
