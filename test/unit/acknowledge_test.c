/* SPDX-License-Identifier: Apache-2.0 */
/* When an ACK goes, by which path, and what it says. */
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (1u << 20)
#define RTT   (20 * NS_PER_MS)

static struct solo *solo;
static struct frame_ack ack;

static void begin(unsigned paths)
{
	struct session_config config = world_config(MODE_STRIPE);
	struct solo_frame frame;

	config.receive_limit_bytes = config.send_limit_bytes = LIMIT;
	solo = solo_new(&config, LIMIT);
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, RTT, true);
	solo_carry_all(solo);
	for (unsigned i = 0; i < paths; i++)
		while (solo_take(solo, i, &frame))
			;
}

/* How many ACKs have gone by this path since the last look; `ack` is the last of them. */
static unsigned acks(unsigned path)
{
	struct solo_frame frame;
	unsigned count = 0;

	solo_carry_all(solo);
	while (solo_take_type(solo, path, FRAME_ACK, &frame)) {
		CHECK_EQ(frame_ack_decode(frame.payload, frame.header.length, &ack), 0);
		count++;
	}
	return count;
}

static void within_a_quarter_of_the_round_trip(void)
{
	time_ns deadline;

	begin(2);
	CHECK_EQ(acknowledge_deadline(&solo->path[0]), TIME_NEVER);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(acks(0), 0);
	deadline = session_deadline(solo->s, solo->now);
	CHECK(deadline > solo->now);
	CHECK(deadline <= solo->now + solo->path[0].health.srtt_ns / 4);
	/* More data does not put it off. */
	solo->now = deadline - 1;
	CHECK_EQ(solo_data(solo, 0, 100, 100, false), 0);
	CHECK_EQ(acks(0), 0);
	solo->now = deadline;
	session_tick(solo->s, solo->now);
	CHECK_EQ(acks(0), 1);
	CHECK_EQ(ack.cumulative, 200);
	/* On the path by which the data came, and once. */
	CHECK_EQ(acks(1), 0);
	solo->now += NS_PER_S / 10;
	CHECK_EQ(acks(0), 0);
	solo_free(solo);
}

static void sooner_for_much(void)
{
	begin(1);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(solo_data(solo, 0, i * 65536, 65536, false), 0);
	CHECK_EQ(acks(0), 1);
	solo_free(solo);
}

/* The program's own end follows soon, as a rule: the ACK goes with it. */
static void the_end_waits_as_data_does(void)
{
	begin(1);
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	CHECK_EQ(acks(0), 0);
	solo->now = session_deadline(solo->s, solo->now);
	CHECK_EQ(acks(0), 1);
	/* The phantom counts. */
	CHECK_EQ(ack.cumulative, 11);
	/* A copy of the end: that ACK was lost, perhaps. */
	CHECK_EQ(solo_data(solo, 0, 0, 10, true), 0);
	solo->now += RTT;
	CHECK_EQ(acks(0), 1);
	solo_free(solo);
}

static void ahead_of_data(void)
{
	begin(1);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	CHECK_EQ(acks(0), 0);
	solo_write(solo, 100);
	CHECK_EQ(acks(0), 1);
	solo_free(solo);
}

static void says_what_arrived(void)
{
	begin(2);
	for (unsigned i = 0; i < 40; i++)
		CHECK_EQ(solo_data(solo, 1, 100 + i * 20, 10, false), 0);
	solo->now += 3 * NS_PER_MS;
	CHECK_EQ(solo_data(solo, 0, 0, 50, false), 0);
	solo->now += 5 * NS_PER_MS;
	session_tick(solo->s, solo->now);
	CHECK_EQ(acks(0), 1);
	CHECK_EQ(ack.cumulative, 50);
	/* The lowest ranges, as many as there is room for. */
	CHECK_EQ(ack.range_count, ACK_RANGES_MAX);
	for (unsigned i = 0; i < ACK_RANGES_MAX; i++) {
		CHECK_EQ(ack.ranges[i].start, 100 + i * 20);
		CHECK_EQ(ack.ranges[i].end, 110 + i * 20);
	}
	/* Evidence of all paths, whichever it goes by. */
	CHECK_EQ(ack.path_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(ack.paths[i].path_id, solo->path[i].id);
		CHECK_EQ(ack.paths[i].received_bytes, solo->path[i].received_bytes);
	}
	CHECK_EQ(ack.paths[0].age_us, 5000);
	CHECK_EQ(ack.paths[1].age_us, 8000);
	CHECK_EQ(ack.range_credit, RANGE_CREDIT);
	solo_free(solo);
}

static void says_that_the_window_grew(void)
{
	begin(2);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(solo_data(solo, 0, i * 60000, 60000, false), 0);
	CHECK(acks(0) > 0);
	CHECK_EQ(ack.receive_limit, LIMIT);
	session_receive_consume(solo->s, LIMIT / 4 - 1, solo->now);
	CHECK_EQ(acks(0), 0);
	session_receive_consume(solo->s, 1, solo->now);
	CHECK_EQ(acks(0), 1);
	CHECK_EQ(ack.receive_limit, LIMIT + LIMIT / 4);
	CHECK_EQ(acks(1), 1);
	CHECK_EQ(ack.receive_limit, LIMIT + LIMIT / 4);
	/* That was told: the next quarter counts from there. */
	session_receive_consume(solo->s, 1000, solo->now);
	CHECK_EQ(acks(0), 0);
	CHECK_EQ(acks(1), 0);
	solo_free(solo);
}

/* What an ACK on a lost path said is said again by the others, and soon on a new one. */
static void after_a_path_is_lost_or_new(void)
{
	begin(2);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	solo->now += RTT;
	CHECK_EQ(acks(0), 1);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(acks(1), 1);
	CHECK_EQ(ack.cumulative, 100);
	solo_path(solo, 2, RTT, false);
	solo->now += RTT / 4;
	CHECK_EQ(acks(2), 1);
	CHECK_EQ(ack.cumulative, 100);
	CHECK_EQ(solo->out[2].bytes[0], FRAME_ACK);
	solo_free(solo);
}

/* Only what is due is waited for: not on a carrier without room, nor on one that closes. */
static void no_deadline_that_cannot_be_kept(void)
{
	struct carrier_report report = { .known = true };

	begin(1);
	CHECK_EQ(solo_data(solo, 0, 0, 100, false), 0);
	session_path_room(solo->s, &solo->path[0], false);
	solo->now++;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(session_deadline(solo->s, solo->now) > solo->now + 100 * NS_PER_MS);
	session_path_room(solo->s, &solo->path[0], true);
	session_reset(solo->s, REASON_ABORTED, solo->now);
	CHECK_EQ(session_deadline(solo->s, solo->now), TIME_NEVER);
	solo_free(solo);
}

static void evidence_makes_a_path_active(void)
{
	begin(1);
	solo_path(solo, 1, RTT, false);
	solo->path[1].ping_due = true;
	solo_carry_all(solo);
	CHECK_EQ(solo->path[1].health.state, HEALTH_FRESH);
	ack = (struct frame_ack){ .path_count = 1, .paths = { { solo->path[1].id, 0, 0 } } };
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(solo->path[1].health.state, HEALTH_FRESH);
	/* Told by the other path's ACK. */
	ack.paths[0].received_bytes = solo->path[1].health.sent_bytes;
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(solo->path[1].health.state, HEALTH_ACTIVE);
	/* Of a path that is down it changes nothing. */
	session_path_lost(solo->s, &solo->path[1], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(solo->path[1].health.state, HEALTH_DOWN);
	solo_free(solo);
}

/* How much the peer's program has consumed shows in how far its window moved. */
static void what_the_peer_consumed(void)
{
	struct session_figures figures;

	begin(1);
	solo_write(solo, 50000);
	solo_carry_all(solo);
	ack = (struct frame_ack){ .receive_limit = LIMIT + 20000, .range_credit = RANGE_CREDIT,
				  .window_units = LIMIT / WINDOW_UNIT_BYTES };
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 20000);
	CHECK_EQ(solo->s->sender.peer_limit, LIMIT + 20000);
	/* Neither goes back, nor beyond what was written. */
	ack.receive_limit = LIMIT - 1;
	ack.range_credit = 7;
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(solo->s->sender.peer_limit, LIMIT + 20000);
	CHECK_EQ(solo->s->sender.peer_credit, 7);
	ack.receive_limit = LIMIT + 10000;
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 20000);
	ack.receive_limit = LIMIT + 70000;
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	session_figures(solo->s, &figures);
	CHECK_EQ(figures.peer_consumed, 50000);
	solo_free(solo);
	/* A window that grows is not consumed; one that is not told says nothing; nor does one beyond all. */
	begin(1);
	solo_write(solo, 50000);
	solo_carry_all(solo);
	for (unsigned i = 0; i < 5; i++) {
		static const uint32_t units[] = { 2 * LIMIT / WINDOW_UNIT_BYTES, 0, WINDOW_UNITS_MAX,
						  2 * LIMIT / WINDOW_UNIT_BYTES - 1, 1 };
		static const uint64_t consumed[] = { 0, 0, 0, WINDOW_UNIT_BYTES, 50000 };

		ack = (struct frame_ack){ .receive_limit = 2 * LIMIT, .range_credit = RANGE_CREDIT,
					  .window_units = units[i] };
		CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
		session_figures(solo->s, &figures);
		CHECK_EQ(figures.peer_consumed, consumed[i]);
	}
	solo_free(solo);
}

/*
 * How far the limit lies beyond what is consumed, in whole units, the last of which may be a part; further than the
 * field can say is not told.
 */
static void says_how_large_the_window_is(void)
{
	const uint64_t most = (uint64_t)WINDOW_UNITS_MAX * WINDOW_UNIT_BYTES;
	const struct { uint64_t promised; uint32_t units; } windows[] = {
		{ LIMIT, LIMIT / WINDOW_UNIT_BYTES }, { LIMIT + 1, LIMIT / WINDOW_UNIT_BYTES + 1 },
		{ LIMIT + WINDOW_UNIT_BYTES, LIMIT / WINDOW_UNIT_BYTES + 1 }, { most - 1, WINDOW_UNITS_MAX },
		{ most, WINDOW_UNITS_MAX }, { most + 1, 0 },
	};

	begin(1);
	CHECK_EQ(solo_data(solo, 0, 0, 300, false), 0);
	session_receive_consume(solo->s, 300, solo->now);
	for (unsigned i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		receive_buffer_promised(&solo->s->receive, 300 + windows[i].promised);
		CHECK_EQ(session_receive_promised(solo->s), windows[i].promised);
		solo->path[0].ack_due = solo->path[0].ack_urgent = true;
		CHECK_EQ(acks(0), 1);
		CHECK_EQ(ack.receive_limit, 300 + windows[i].promised);
		CHECK_EQ(ack.window_units, windows[i].units);
	}
	solo_free(solo);
}

/* The wait for an ACK follows the round trip between a millisecond and ten. */
static void how_long_an_ack_may_wait(void)
{
	static const struct { time_ns srtt_ns, wait_ns; } cases[] = {
		{ NS_PER_MS, NS_PER_MS }, { 8 * NS_PER_MS, 2 * NS_PER_MS }, { 36 * NS_PER_MS, 9 * NS_PER_MS },
		{ NS_PER_S, 10 * NS_PER_MS },
	};

	begin(1);
	solo->path[0].ack_due = true;
	solo->path[0].ack_since = solo->now;
	for (unsigned i = 0; i < 4; i++) {
		solo->path[0].health.srtt_ns = cases[i].srtt_ns;
		CHECK_EQ(acknowledge_deadline(&solo->path[0]), solo->now + cases[i].wait_ns);
		CHECK(!acknowledge_due(solo->s, &solo->path[0], solo->now + cases[i].wait_ns - 1));
		CHECK(acknowledge_due(solo->s, &solo->path[0], solo->now + cases[i].wait_ns));
	}
	solo_free(solo);
}

/* Four full frames are acknowledged at once, one byte less waits; what was told is forgotten. */
static void much_is_acknowledged_at_once(void)
{
	begin(1);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(solo_data(solo, 0, i * 65536, 65536, false), 0);
	CHECK_EQ(solo_data(solo, 0, 196608, 65535, false), 0);
	CHECK_EQ(acks(0), 0);
	CHECK_EQ(solo_data(solo, 0, 262143, 1, false), 0);
	CHECK_EQ(acks(0), 1);
	for (unsigned i = 4; i < 7; i++)
		CHECK_EQ(solo_data(solo, 0, i * 65536, 65536, false), 0);
	CHECK_EQ(acks(0), 0);
	/* A frame of no bytes that ends the stream adds none. */
	CHECK_EQ(solo_data(solo, 0, 458752, 65535, false), 0);
	CHECK_EQ(solo_data(solo, 0, 524287, 0, true), 0);
	CHECK_EQ(acks(0), 0);
	solo_free(solo);
}

/* An age that the field cannot hold is the largest one. */
static void the_oldest_age(void)
{
	begin(1);
	solo->path[0].received_at = solo->now - UINT32_MAX * NS_PER_US;
	solo->path[0].ack_due = solo->path[0].ack_urgent = true;
	CHECK_EQ(acks(0), 1);
	CHECK_EQ(ack.paths[0].age_us, UINT32_MAX);
	solo->now += NS_PER_S;
	solo->path[0].ack_due = solo->path[0].ack_urgent = true;
	CHECK_EQ(acks(0), 1);
	CHECK_EQ(ack.paths[0].age_us, UINT32_MAX);
	solo_free(solo);
}

/* After the end of the peer's stream its window is of no use to it. */
static void no_window_behind_the_end(void)
{
	begin(1);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(solo_data(solo, 0, i * 60000, 60000, i == 7), 0);
	CHECK(acks(0) > 0);
	session_receive_consume(solo->s, LIMIT / 4, solo->now);
	CHECK_EQ(acks(0), 0);
	solo_free(solo);
}

/*
 * Evidence of a path that is not there any more is skipped; a range of what was never sent is an error. What lies
 * behind the last of either is not looked at.
 */
static void what_an_ack_may_say(void)
{
	begin(1);
	solo_write(solo, 1000);
	solo_carry_all(solo);
	ack = (struct frame_ack){ .path_count = 2, .paths = { { 999, 0, 5 }, { 0, 0, 0 } }, .range_count = 1,
				  .ranges = { { 500, 1000 } } };
	ack.paths[1].path_id = solo->path[0].id;
	ack.paths[1].received_bytes = solo->path[0].health.sent_bytes;
	solo->now += RTT;
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(health_outstanding(&solo->path[0].health), 0);
	CHECK_EQ(solo->s->heard_at, solo->now);
	ack.ranges[0].end = 1001;
	CHECK(acknowledge_received(solo->s, &ack, solo->now) < 0);
	ack.range_count = 0;
	ack.cumulative = 1001;
	CHECK(acknowledge_received(solo->s, &ack, solo->now) < 0);
	ack.cumulative = 1000;
	ack.paths[1].received_bytes++;
	CHECK(acknowledge_received(solo->s, &ack, solo->now) < 0);
	CHECK_EQ(session_unacknowledged(solo->s), 1000);
	ack.path_count = 1;
	ack.cumulative = 0;
	ack.range_count = 2;
	ack.ranges[0] = (struct range){ 100, 200 };
	ack.ranges[1] = (struct range){ 300, 400 };
	ack.ranges[2] = (struct range){ 1000, 1001 };
	CHECK_EQ(acknowledge_received(solo->s, &ack, solo->now), 0);
	CHECK_EQ(flight_bytes(&solo->s->sender.flight, 0, 500, FLIGHT_ACKED), 200);
	solo_free(solo);
}

int main(void)
{
	RUN(within_a_quarter_of_the_round_trip);
	RUN(sooner_for_much);
	RUN(the_end_waits_as_data_does);
	RUN(ahead_of_data);
	RUN(says_what_arrived);
	RUN(says_that_the_window_grew);
	RUN(after_a_path_is_lost_or_new);
	RUN(no_deadline_that_cannot_be_kept);
	RUN(evidence_makes_a_path_active);
	RUN(what_the_peer_consumed);
	RUN(says_how_large_the_window_is);
	RUN(how_long_an_ack_may_wait);
	RUN(much_is_acknowledged_at_once);
	RUN(the_oldest_age);
	RUN(no_window_behind_the_end);
	RUN(what_an_ack_may_say);
	return 0;
}
