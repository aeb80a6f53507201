/* SPDX-License-Identifier: Apache-2.0 */
/* How far each direction of a session has come: ends that are not reached yet, the last words, and the figures. */
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;
static struct session *s;

static void begin(enum session_mode mode, unsigned paths)
{
	solo = solo_alike(mode, LIMIT, paths, RTT);
	s = solo->s;
}

/* The peer closes this carrier: it has everything. */
static void close_done(unsigned path)
{
	struct frame_close close = { .reason = REASON_DONE };
	uint8_t frame[64];

	CHECK_EQ(solo_feed(solo, path, frame, frame_close_encode(frame, sizeof frame, &close)), 0);
}

/* --- ends --- */

/* Our end is acknowledged while something below the peer's is still missing: that may yet come. */
static void a_hole_below_the_end(void)
{
	begin(MODE_STRIPE, 1);
	solo_write(solo, 100);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 10, 10, true), 0);
	CHECK_EQ(solo_ack(solo, 0, 101, NULL, 0), 0);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	CHECK(!session_receive_ended(s));
	CHECK_EQ(solo_data(solo, 0, 0, 10, false), 0);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
	solo_check_readable(solo, 20);
	session_receive_consume(s, 20, solo->now);
	CHECK(session_receive_ended(s));
	solo_free(solo);
}

/* Our end says nothing about the peer's: bytes come, and are the program's, for as long as it likes. */
static void one_direction_goes_on(void)
{
	begin(MODE_STRIPE, 1);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(session_room(s), 0);
	for (unsigned i = 0; i < 10; i++) {
		solo_pass(solo, 100 * NS_PER_S);
		CHECK_EQ(solo_data(solo, 0, i * UINT64_C(1000), 1000, i == 9), 0);
		solo_check_readable(solo, 1000);
		session_receive_consume(s, 1000, solo->now);
		CHECK_EQ(session_state(s), i == 9 ? SESSION_FINISHED : SESSION_OPEN);
		solo_carry_all(solo);
		CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	}
	solo_free(solo);
}

/* Nothing is waited for when all is over, nor asked: not an answer that is owed, nor a path that joins too late. */
static void over_is_over(void)
{
	struct solo_frame frame;

	begin(MODE_STRIPE, 2);
	solo_write(solo, 100);
	session_send_finish(s, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 101, NULL, 0), 0);
	solo->path[1].ping_due = true;
	solo_carry_all(solo);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(session_state(s), SESSION_FINISHED);
	solo_carry_all(solo);
	CHECK(session_deadline(s, solo->now) < TIME_NEVER);
	close_done(0);
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	CHECK_EQ(session_reason(s), REASON_NONE);
	CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
	solo_path(solo, 2, RTT, false);
	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(session_deadline(s, solo->now), TIME_NEVER);
		solo_pass(solo, NS_PER_S);
		solo_carry_all(solo);
	}
	CHECK(!solo_take_type(solo, 2, FRAME_PING, &frame));
	CHECK_EQ(session_state(s), SESSION_CLOSED);
	solo_free(solo);
}

/* In mode duplicate bytes have gone twice, and every word still goes once on each path, to the last one. */
static void words_after_copies(void)
{
	struct solo_frame frame;
	struct frame_reset reset;

	begin(MODE_DUPLICATE, 2);
	solo_write(solo, 5000);
	solo_carry_all(solo);
	session_ask_mode(s, MODE_STRIPE, solo->now);
	solo_carry_all(solo);
	session_reset(s, REASON_ABORTED, solo->now);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(solo_take_type(solo, i, FRAME_MODE, &frame));
		CHECK_EQ(frame.payload[0], MODE_STRIPE);
		CHECK(solo_take(solo, i, &frame));
		CHECK_EQ(frame.header.type, FRAME_RESET);
		CHECK_EQ(frame_reset_decode(frame.payload, frame.header.length, &reset), 0);
		CHECK_EQ(reset.reason, REASON_ABORTED);
		CHECK(!solo_take(solo, i, &frame));
	}
	solo_free(solo);
}

/* --- silence --- */

/* How long the silent one of two paths is trusted though the other one answers, from when it was written on. */
static time_ns trusted_for(time_ns floor_ns)
{
	struct session_config config = world_config(MODE_STRIPE);
	time_ns sent_at;

	config.suspect_floor_ns = floor_ns;
	solo = solo_new(&config, LIMIT);
	s = solo->s;
	for (unsigned i = 0; i < 2; i++)
		solo_path(solo, i, RTT, true);
	solo->path[0].ping_due = true;
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 0);
	sent_at = solo->now;
	while (session_path_reason(s, &solo->path[0], solo->now) != REASON_PATH_SUSPECT) {
		if (solo->now - sent_at > 20 * NS_PER_S)
			break;
		solo->path[1].ping_due = true;
		CHECK(solo_carry(solo, 1, SIZE_MAX) > 0);
		solo_pass(solo, RTT);
		solo_prove(solo, 1, 0);
		solo_pass(solo, 0);
	}
	sent_at = solo->now - sent_at;
	solo_free(solo);
	return sent_at;
}

static void suspected_no_sooner_than_the_floor(void)
{
	CHECK(trusted_for(10 * NS_PER_MS) < NS_PER_S);
	CHECK(trusted_for(5 * NS_PER_S) >= 5 * NS_PER_S);
	CHECK(trusted_for(5 * NS_PER_S) < 6 * NS_PER_S);
	CHECK(trusted_for(TIME_NEVER) > 20 * NS_PER_S);
}

/* Patience begins when the answer is due, not when it was asked for: after a round trip, where those do not vary. */
static void patience_from_when_it_is_due(void)
{
	time_ns ends_at;

	begin(MODE_STRIPE, 1);
	solo->path[0].health.rttvar_ns = 0;
	solo_pass(solo, NS_PER_S);
	solo_write(solo, 100);
	solo_carry_all(solo);
	ends_at = solo->now + RTT + 300 * NS_PER_S;
	solo_pass(solo, ends_at - 1 - solo->now);
	CHECK_EQ(session_state(s), SESSION_OPEN);
	solo_pass(solo, 1);
	CHECK_EQ(session_state(s), SESSION_RESET);
	CHECK_EQ(session_reason(s), REASON_RESUME_TIMEOUT);
	solo_free(solo);
}

/* --- figures --- */

/* What the peer's program has taken, as the peer tells it; never more than there is, whatever it tells. */
static void what_the_peer_has_taken(void)
{
	static const struct {
		uint32_t window_units;
		uint64_t consumed;
	} all[] = { { 20, 2000 }, { 19, 3024 }, { 1, 5000 } };
	struct session_figures figures;

	begin(MODE_STRIPE, 1);
	solo_write(solo, 5000);
	solo_carry_all(solo);
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct frame_ack ack = {
			.cumulative = 4000,
			.receive_limit = 20 * WINDOW_UNIT_BYTES + 2000,
			.range_credit = RANGE_CREDIT,
			.window_units = all[i].window_units,
		};
		uint8_t frame[FRAME_HEADER_BYTES + FRAME_ACK_MAX];

		CHECK_EQ(solo_feed(solo, 0, frame, frame_ack_encode(frame, sizeof frame, &ack)), 0);
		session_figures(s, &figures);
		CHECK_EQ(figures.peer_consumed, all[i].consumed);
		CHECK_EQ(figures.acknowledged, 4000);
		CHECK_EQ(figures.written, 5000);
	}
	solo_free(solo);
}

/* Bytes that came by both paths count once as received. */
static void what_came_twice(void)
{
	struct session_figures figures;

	begin(MODE_STRIPE, 2);
	CHECK_EQ(solo_data(solo, 0, 0, 300, false), 0);
	CHECK_EQ(solo_data(solo, 1, 200, 300, false), 0);
	session_receive_consume(s, 150, solo->now);
	session_figures(s, &figures);
	CHECK_EQ(figures.received, 500);
	CHECK_EQ(figures.consumed, 150);
	CHECK_EQ(figures.duplicate_received, 100);
	CHECK_EQ(figures.duplicate_sent, 0);
	solo_free(solo);
}

int main(void)
{
	RUN(a_hole_below_the_end);
	RUN(one_direction_goes_on);
	RUN(over_is_over);
	RUN(words_after_copies);
	RUN(suspected_no_sooner_than_the_floor);
	RUN(patience_from_when_it_is_due);
	RUN(what_the_peer_has_taken);
	RUN(what_came_twice);
	return 0;
}
