/* SPDX-License-Identifier: Apache-2.0 */
/* What a session offers at first, what it may be granted, what its peer hears of that, and when it is given back. */
#include <errno.h>

#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define KIB   UINT64_C(1024)
#define MIB   (UINT64_C(1) << 20)
#define START (128 * KIB)
#define MOST  (8 * MIB)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;
static struct session *s;

static void begin(enum session_mode mode, uint64_t start_bytes, uint64_t limit_bytes)
{
	struct session_config config = world_config(mode);

	config.start_bytes = start_bytes;
	config.send_limit_bytes = config.receive_limit_bytes = limit_bytes;
	solo = solo_new(&config, 64 * MIB);
	s = solo->s;
}

static void receive(uint64_t offset, uint32_t length)
{
	CHECK_EQ(solo_data(solo, 0, offset, length, false), 0);
}

/* The peer has what is below cumulative, and all that went by the path but so many bytes. */
static void acknowledge(uint64_t cumulative, uint64_t missing)
{
	struct frame_ack ack = {
		.cumulative = cumulative,
		.receive_limit = 64 * MIB,
		.range_credit = RANGE_CREDIT,
		.path_count = 1,
		.paths = { { solo->path[0].id, 0, solo->path[0].health.sent_bytes - missing } },
	};
	uint8_t frame[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

	CHECK_EQ(solo_feed(solo, 0, frame, frame_ack_encode(frame, sizeof frame, &ack)), 0);
}

/* An ACK wants to go at once, and says so much. */
static void check_told(uint64_t receive_limit)
{
	struct solo_frame frame;
	struct frame_ack ack;

	CHECK(session_next_writer(s, solo->now) == &solo->path[0]);
	solo_carry_all(solo);
	CHECK(solo_take_type(solo, 0, FRAME_ACK, &frame));
	CHECK_EQ(frame_ack_decode(frame.payload, frame.header.length, &ack), 0);
	CHECK_EQ(ack.receive_limit, receive_limit);
}

/* --- at first --- */

/* Receiving promises memory to a peer, sending does not: it begins with four times as much, up to a megabyte. */
static void what_there_is_at_first(void)
{
	static const struct {
		uint64_t start, limit, receive, send;
	} all[] = {
		{ 0, 3 * MIB, 3 * MIB, 3 * MIB },
		{ 1000, 3 * MIB, 1000, 4000 },
		{ 256 * KIB, 3 * MIB, 256 * KIB, MIB },
		{ 256 * KIB + 1, 3 * MIB, 256 * KIB + 1, MIB },
		{ MIB, 3 * MIB, MIB, MIB },
		{ MIB + 1, 3 * MIB, MIB + 1, MIB + 1 },
		{ 100 * KIB, 256 * KIB, 100 * KIB, 256 * KIB },
		{ 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB },
		{ 4 * MIB, 3 * MIB, 3 * MIB, 3 * MIB },
	};

	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		begin(MODE_STRIPE, all[i].start, all[i].limit);
		CHECK_EQ(session_receive_limit(s), all[i].receive);
		CHECK_EQ(session_room(s), all[i].send);
		solo_free(solo);
	}
}

/* --- what the peer hears --- */

/* Of a window that is a quarter further at once, of less not before there is another reason to write. */
static void a_quarter_is_told_at_once(void)
{
	begin(MODE_STRIPE, 0, 100000);
	solo_path(solo, 0, RTT, false);
	receive(0, 30000);
	CHECK(session_next_writer(s, solo->now) == NULL);
	session_receive_consume(s, 24999, solo->now);
	CHECK(session_next_writer(s, solo->now) == NULL);
	session_receive_consume(s, 1, solo->now);
	check_told(125000);
	receive(30000, 20000);
	session_receive_consume(s, 24999, solo->now);
	CHECK(session_next_writer(s, solo->now) == NULL);
	session_receive_consume(s, 1, solo->now);
	check_told(150000);
	solo_free(solo);
}

/* A grant is told as well; it is the promise from then on, up to the limit, and is not taken back. */
static void what_is_granted(void)
{
	begin(MODE_STRIPE, START, MIB);
	solo_path(solo, 0, RTT, false);
	session_receive_grant(s, START, solo->now);
	CHECK(session_next_writer(s, solo->now) == NULL);
	session_receive_grant(s, 2 * START, solo->now);
	check_told(2 * START);
	session_receive_grant(s, 2 * MIB, solo->now);
	check_told(MIB);
	CHECK_EQ(session_receive_promised(s), MIB);
	receive(0, 1000);
	CHECK_EQ(session_receive_promised(s), MIB);
	session_receive_consume(s, 600, solo->now);
	CHECK_EQ(session_receive_promised(s), MIB);
	session_receive_grant(s, START, solo->now);
	CHECK_EQ(session_receive_promised(s), MIB);
	session_receive_consume(s, 400, solo->now);
	CHECK_EQ(session_receive_promised(s), MIB - 400);
	/* Up to its last byte the peer may use it, and not beyond. */
	CHECK_EQ(solo_data(solo, 0, MIB + 599, 1, false), 0);
	CHECK_EQ(solo_data(solo, 0, MIB + 600, 1, false), -EPROTO);
	CHECK_EQ(session_state(s), SESSION_RESET);
	CHECK_EQ(session_reason(s), REASON_PROTOCOL_ERROR);
	solo_free(solo);
}

/* --- when carriers are asked --- */

static void report(unsigned path)
{
	struct carrier_report carrier = { .known = false };

	session_path_report(s, &solo->path[path], &carrier, solo->now);
}

/* For a window that can grow: when bytes moved since they were asked last, and not too often. */
static void asked_while_a_window_grows(void)
{
	time_ns asked_at;

	begin(MODE_STRIPE, START, MIB);
	solo_path(solo, 0, RTT, true);
	receive(0, 1000);
	session_receive_consume(s, 100, solo->now);
	report(0);
	asked_at = solo->now;
	CHECK(!session_report_due(s, asked_at + NS_PER_S));
	solo->now++;
	session_receive_consume(s, 100, solo->now);
	CHECK(!session_report_due(s, asked_at + WINDOW_REPORT_NS - 1));
	CHECK(session_report_due(s, asked_at + WINDOW_REPORT_NS));
	solo->now = asked_at + WINDOW_REPORT_NS;
	report(0);
	CHECK(!session_report_due(s, solo->now + NS_PER_S));
	solo_free(solo);

	begin(MODE_STRIPE, 0, MIB);
	solo_path(solo, 0, RTT, true);
	receive(0, 1000);
	session_receive_consume(s, 100, solo->now);
	CHECK(!session_report_due(s, solo->now + NS_PER_S));
	solo_free(solo);
}

/* For what waits and could go by two paths, as soon as what they told may be wrong. */
static void asked_which_of_two_is_quicker(void)
{
	begin(MODE_STRIPE, 0, MIB);
	solo_path(solo, 0, RTT, true);
	solo_path(solo, 1, 2 * RTT, true);
	report(0);
	CHECK(!session_report_due(s, solo->now + NS_PER_S));
	solo_write(solo, 100000);
	CHECK(!session_report_due(s, solo->now));
	CHECK(session_report_due(s, solo->now + RTT));
	solo_free(solo);
}

/* --- at rest --- */

/* Both windows are larger than they were, and nothing is under way. */
static void begin_grown(void)
{
	begin(MODE_STRIPE, START, MOST);
	solo_path(solo, 0, RTT, true);
	receive(0, FRAME_PAYLOAD_MAX);
	receive(FRAME_PAYLOAD_MAX, FRAME_PAYLOAD_MAX);
	session_receive_consume(s, START, solo->now);
	session_receive_grant(s, session_receive_wish(s), solo->now);
	solo->path[0].health.rate_bytes = 1000000000;
	solo_write(solo, 10000);
	solo_carry_all(solo);
	acknowledge(5000, 5000);
	acknowledge(10000, 0);
	CHECK_EQ(session_unacknowledged(s), 0);
	CHECK(session_receive_wish(s) > START);
	CHECK(session_room(s) > WINDOW_SEND_STARTS * START);
}

static bool at_rest(time_ns now)
{
	bool small;

	session_rest(s, now);
	small = session_receive_wish(s) == START;
	/* Both windows or none. */
	CHECK_EQ(session_room(s) + session_unacknowledged(s) == WINDOW_SEND_STARTS * START, small);
	return small;
}

static void a_second_without_bytes(void)
{
	uint64_t limit;

	begin_grown();
	limit = session_receive_limit(s);
	CHECK(!at_rest(solo->now + WINDOW_REST_NS - 1));
	CHECK(at_rest(solo->now + WINDOW_REST_NS));
	/* What was promised stands, and no more is until that is used up. */
	CHECK_EQ(session_receive_limit(s), limit);
	receive(START, 1000);
	session_receive_consume(s, 1000, solo->now);
	CHECK_EQ(session_receive_limit(s), limit);
	solo_free(solo);
}

/* To be granted what it has is no news for the peer, though what was consumed is a quarter of the small window now. */
static void the_same_again_is_not_told(void)
{
	begin_grown();
	solo_carry_all(solo);
	receive(START, START / 2);
	solo_carry_all(solo);
	session_receive_grant(s, MOST, solo->now);
	solo_carry_all(solo);
	session_receive_consume(s, START / 2, solo->now);
	CHECK(session_next_writer(s, solo->now) == NULL);
	CHECK(at_rest(solo->now + WINDOW_REST_NS));
	session_receive_grant(s, START, solo->now);
	CHECK(session_next_writer(s, solo->now) == NULL);
	solo_free(solo);
}

/* A single byte, either way, keeps it from resting for as long as it is under way or unread. */
static void a_byte_keeps_it_from_resting(void)
{
	begin_grown();
	solo_write(solo, 1);
	CHECK(!at_rest(solo->now + 10 * WINDOW_REST_NS));
	solo_carry_all(solo);
	CHECK(!at_rest(solo->now + 10 * WINDOW_REST_NS));
	acknowledge(10001, 0);
	CHECK(at_rest(solo->now + 10 * WINDOW_REST_NS));
	solo_free(solo);

	begin_grown();
	receive(START, 1);
	CHECK(!at_rest(solo->now + 10 * WINDOW_REST_NS));
	session_receive_consume(s, 1, solo->now);
	CHECK(at_rest(solo->now + 10 * WINDOW_REST_NS));
	solo_free(solo);

	/* One that came before those below it. */
	begin_grown();
	receive(START + 1, 1);
	CHECK_EQ(session_readable(s), 0);
	CHECK(!at_rest(solo->now + 10 * WINDOW_REST_NS));
	receive(START, 1);
	session_receive_consume(s, 2, solo->now);
	CHECK(at_rest(solo->now + 10 * WINDOW_REST_NS));
	solo_free(solo);
}

static void move(unsigned how)
{
	static const uint8_t lent[1];
	struct iovec iov;

	switch (how) {
	case 0:
		solo_write(solo, 1);
		break;
	case 1:
		solo_write(solo, 1000);
		break;
	case 2:
		solo_lend(solo);
		CHECK_EQ(session_borrow(s, NULL, 0, lent, sizeof lent, solo->now), 0);
		break;
	case 3:
		receive(START, 1);
		session_receive_consume(s, 1, solo->now);
		break;
	case 4:
		session_receive_discard(s, solo->now);
		break;
	default:
		solo_lend(solo);
		CHECK_EQ(session_send_space(s, 1, &iov, 1), 1);
		session_send_commit(s, 0, solo->now);
		break;
	}
}

/*
 * The second begins anew with whatever the program writes, lends or takes; not when it wants to read no more and
 * nothing is there, nor when it has nothing to write after all.
 */
static void the_second_begins_anew(void)
{
	for (unsigned how = 0; how < 6; how++) {
		time_ns began_at;

		begin_grown();
		began_at = solo->now;
		solo->now += WINDOW_REST_NS / 2;
		move(how);
		solo_carry_all(solo);
		acknowledge(s->sender.buffer.end, 0);
		CHECK_EQ(session_unacknowledged(s), 0);
		CHECK_EQ(at_rest(began_at + WINDOW_REST_NS), how >= 4);
		CHECK(at_rest(solo->now + WINDOW_REST_NS));
		solo_free(solo);
	}
}

/* What a program that reads no more throws away is no reason to let the peer send faster. */
static void thrown_away_is_not_consumed(void)
{
	begin(MODE_STRIPE, START, MOST);
	solo_path(solo, 0, RTT, true);
	session_receive_discard(s, solo->now);
	for (unsigned i = 0; i < 40; i++) {
		receive(i * UINT64_C(60000), 60000);
		solo->now += NS_PER_MS;
	}
	CHECK_EQ(session_readable(s), 0);
	CHECK_EQ(session_receive_wish(s), START);
	solo_free(solo);
}

int main(void)
{
	RUN(what_there_is_at_first);
	RUN(a_quarter_is_told_at_once);
	RUN(what_is_granted);
	RUN(asked_while_a_window_grows);
	RUN(asked_which_of_two_is_quicker);
	RUN(a_second_without_bytes);
	RUN(the_same_again_is_not_told);
	RUN(a_byte_keeps_it_from_resting);
	RUN(the_second_begins_anew);
	RUN(thrown_away_is_not_consumed);
	return 0;
}
