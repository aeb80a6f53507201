/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each path is given in modes stripe, duplicate and backup, and in all modes: the peer's credit, sizes,
 * limits. In small situations made by hand; converge has scheduler_converge_test.c.
 */
#include "test/given.h"
#include "test/test.h"
#include "test/world.h"

/* --- stripe --- */

static void stripe_gives_each_byte_once(void)
{
	uint64_t frame;

	given_begin(MODE_STRIPE, 3, 100000);
	frame = scheduler_frame_bytes(&solo->path[0]);
	CHECK_EQ(frame, FAST / 500);
	given_check(0, 0, frame);
	given_carry(0);
	given_check(1, frame, 2 * frame);
	given_carry(1);
	given_check(2, 2 * frame, 3 * frame);
	given_carry(2);
	given_check(0, 3 * frame, 100000);
	given_carry(0);
	for (unsigned i = 0; i < 3; i++)
		CHECK(!given_next(i));
	given_end();
}

static void a_suspect_path_has_its_bytes_go_elsewhere(void)
{
	given_begin(MODE_STRIPE, 2, 20000);
	given_carry(0);
	CHECK(!given_next(1));
	given_suspect(0);
	given_check(1, 0, 20000);
	given_carry(1);
	CHECK(!given_next(1));
	/* And nothing new on it while there is a better one. */
	solo_write(solo, 1000);
	CHECK(!given_next(0));
	given_check(1, 20000, 21000);
	given_end();
}

static void what_was_acknowledged_is_skipped(void)
{
	given_begin(MODE_STRIPE, 2, 25000);
	given_carry(0);
	CHECK_EQ(sender_acknowledge_range(sender, 10000, 15000), 0);
	given_suspect(0);
	given_check(1, 0, 10000);
	given_carry(1);
	given_check(1, 15000, 25000);
	given_end();
}

static void nothing_on_a_path_that_is_down_or_closing(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_BACKUP; mode++) {
		given_begin(mode, 2, 1000);
		session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
		CHECK(!given_next(0));
		given_check(1, 0, 1000);
		path_queue_close(&solo->path[1], REASON_GOING_AWAY, 0);
		CHECK(!given_next(1));
		given_end();
	}
}

static void the_last_suspects_carry_a_little(void)
{
	given_begin(MODE_STRIPE, 2, 1000000);
	given_suspect(0);
	given_suspect(1);
	given_carry(0);
	CHECK(chunk.end - chunk.start <= 65536);
	health_sent(&solo->path[0].health, 65536, true, solo->now);
	CHECK(!given_next(0));
	CHECK(given_next(1));
	given_end();
}

static void a_fresh_path_gets_little(void)
{
	given_begin(MODE_STRIPE, 1, 1000000);
	solo_path(solo, 1, 10 * NS_PER_MS, false);
	CHECK(given_next(1));
	health_sent(&solo->path[1].health, 65536 - FRAME_DATA_HEAD_BYTES - 100, true, solo->now);
	CHECK(given_next(1));
	CHECK_EQ(chunk.end - chunk.start, 100);
	health_sent(&solo->path[1].health, 100, true, solo->now);
	CHECK(!given_next(1));
	given_end();
}

/* All that a write carries counts, heads and all: no more than the carrier sends at once. */
static void a_fresh_path_gets_no_more_than_a_window(void)
{
	struct carrier_report report = { .known = true, .window_bytes = 14480 };

	given_begin(MODE_STRIPE, 1, 1000000);
	solo_path(solo, 1, 10 * NS_PER_MS, false);
	solo_carry_all(solo);
	solo_write(solo, 100000);
	session_path_room(solo->s, &solo->path[0], false);
	CHECK_EQ(health_outstanding(&solo->path[1].health), 65536);
	solo_prove(solo, 1, 0);
	solo->path[1].health.state = HEALTH_FRESH;
	solo->path[1].health.rtt_min_ns = 10 * NS_PER_MS;
	session_path_report(solo->s, &solo->path[1], &report, solo->now);
	solo_carry_all(solo);
	CHECK_EQ(health_outstanding(&solo->path[1].health), 14480);
	given_end();
}

/* How the paths stand is asked anew where it decides: several that may carry more than goes out at once. */
static void reports_that_are_due(void)
{
	given_begin(MODE_STRIPE, 2, 14600);
	solo->path[0].health.rtt_min_ns = 10 * NS_PER_MS;
	solo->path[1].health.rtt_min_ns = 6 * NS_PER_MS;
	CHECK(scheduler_report_due(sender, 3 * NS_PER_MS));
	CHECK(!scheduler_report_due(sender, 3 * NS_PER_MS - 1));
	solo->path[0].health.rtt_min_ns = 4 * NS_PER_MS;
	CHECK(scheduler_report_due(sender, 2 * NS_PER_MS));
	CHECK(!scheduler_report_due(sender, 2 * NS_PER_MS - 1));
	/* No oftener than each millisecond, and only for whom that is in time. */
	solo->path[0].health.rtt_min_ns = NS_PER_US;
	CHECK(scheduler_report_due(sender, NS_PER_MS));
	CHECK(!scheduler_report_due(sender, NS_PER_MS - 1));
	solo->path[1].health.rtt_min_ns = NS_PER_MS;
	CHECK(scheduler_report_due(sender, NS_PER_MS));
	solo->path[1].health.rtt_min_ns = NS_PER_MS - 1;
	CHECK(!scheduler_report_due(sender, NS_PER_MS));
	solo->path[1].health.rtt_min_ns = 6 * NS_PER_MS;
	sender->mode = MODE_CONVERGE;
	CHECK(scheduler_report_due(sender, NS_PER_MS));
	sender->mode = MODE_DUPLICATE;
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	sender->mode = MODE_BACKUP;
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	sender->mode = MODE_STRIPE;
	given_suspect(1);
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	health_move(&solo->path[1].health, HEALTH_FRESH, solo->now);
	CHECK(scheduler_report_due(sender, NS_PER_S));
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	given_end();
	given_begin(MODE_STRIPE, 2, 14599);
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	given_end();
}

/* Nothing goes by a path that would deliver it after another had delivered all there is. */
static void never_slower(void)
{
	given_begin(MODE_STRIPE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	CHECK(!given_next(1));
	CHECK(scheduler_slower(sender, &solo->path[1]));
	CHECK(given_next(0));
	CHECK(!scheduler_slower(sender, &solo->path[0]));
	/* With enough waiting it helps. */
	solo_write(solo, 3000000);
	CHECK(given_next(1));
	CHECK(!scheduler_slower(sender, &solo->path[1]));
	/* The quicker one is suspect: there is nothing to wait for. */
	given_end();
	given_begin(MODE_STRIPE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	given_suspect(0);
	CHECK(given_next(1));
	given_end();
}

/* Two slow paths with a little under way must not leave a few bytes to each other. */
static void somebody_takes_the_last_bytes(void)
{
	given_begin(MODE_STRIPE, 2, 100);
	for (unsigned i = 0; i < 2; i++) {
		solo->path[i].health.rate_bytes = 10000;
		health_sent(&solo->path[i].health, 20000, true, solo->now);
	}
	CHECK(given_next(0) || given_next(1));
	given_end();
	/* Nor two that are alike to the nanosecond. */
	given_begin(MODE_STRIPE, 2, 100);
	solo->path[0].health.rttvar_ns = solo->path[1].health.rttvar_ns = 0;
	CHECK(given_next(0) || given_next(1));
	given_end();
}

/* A path far slower than the other must not hold up a window, whatever its size. */
static void a_slow_path_does_not_hold_up_the_window(void)
{
	for (uint64_t window = 256u << 10; window <= 4u << 20; window *= 4) {
		struct session_config config = world_config(MODE_STRIPE);
		struct world *w;

		config.send_limit_bytes = config.receive_limit_bytes = window;
		w = world_new(&config, &config);
		world_add_link(w, 6400000, 10 * NS_PER_MS);
		world_add_link(w, 50000, 30 * NS_PER_MS);
		w->host[0].to_write = UINT64_C(1) << 40;
		world_run(w, w->now + 10 * NS_PER_S, NULL);
		printf("  window %" PRIu64 " KiB: %.2f of the better path\n", window >> 10,
		       (double)w->host[1].read / 64e6);
		CHECK(w->host[1].read > 64000000 * UINT64_C(95) / 100);
		world_free(w);
	}
}

/* --- duplicate --- */

static void duplicate_gives_everybody_everything(void)
{
	given_begin(MODE_DUPLICATE, 3, 30000);
	for (unsigned i = 0; i < 3; i++) {
		given_check(i, 0, 25000);
		given_carry(i);
		given_check(i, 25000, 30000);
		given_carry(i);
		CHECK(!given_next(i));
	}
	/* But not what has arrived. */
	given_end();
	given_begin(MODE_DUPLICATE, 2, 20000);
	given_carry(0);
	CHECK_EQ(sender_acknowledge_range(sender, 1000, 20000), 0);
	given_check(1, 0, 1000);
	/* Also a suspect one, which may well deliver. */
	given_suspect(1);
	given_check(1, 0, 1000);
	given_end();
}

/* --- backup --- */

static void backup_uses_the_preferred_path(void)
{
	given_begin(MODE_BACKUP, 3, 20000);
	CHECK(scheduler_preferred(sender) == &solo->path[0]);
	solo->path[2].rank = 0;
	solo->path[0].rank = 2;
	CHECK(scheduler_preferred(sender) == &solo->path[2]);
	CHECK(!given_next(0));
	CHECK(!given_next(1));
	given_check(2, 0, 20000);
	given_carry(2);
	/* While it is suspect the others carry the same, and it is not given more. */
	given_suspect(2);
	CHECK(scheduler_preferred(sender) == &solo->path[1]);
	given_check(1, 0, 20000);
	given_carry(1);
	CHECK(!given_next(2));
	CHECK(given_next(0));
	/* Gone for good: the next in rank alone. */
	session_path_lost(solo->s, &solo->path[2], REASON_PATH_RESET, false, solo->now);
	CHECK(!given_next(0));
	given_end();
}

static void backup_does_not_wait_for_suspicion(void)
{
	given_begin(MODE_BACKUP, 2, 20000);
	given_carry(0);
	health_sent(&solo->path[0].health, 20000, true, solo->now);
	CHECK(!given_next(1));
	solo->now = health_due_at(&solo->path[0].health, sender->floor_ns);
	given_check(1, 0, 20000);
	given_end();
}

/* A better path that is suspect may come back: both carry. One that closes, or a worse one, is no reason. */
static void backup_beside_a_suspect(void)
{
	given_begin(MODE_BACKUP, 3, 20000);
	given_suspect(2);
	CHECK(scheduler_preferred(sender) == &solo->path[0]);
	CHECK(!given_next(1));
	given_suspect(0);
	CHECK(scheduler_preferred(sender) == &solo->path[1]);
	given_check(1, 0, 20000);
	given_carry(1);
	CHECK(!given_next(1));
	given_end();

	given_begin(MODE_BACKUP, 3, 20000);
	given_suspect(0);
	given_check(2, 0, 20000);
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	CHECK(!given_next(2));
	given_check(1, 0, 20000);
	given_end();
}

/* --- the peer's credit --- */

static void credit_opens_no_new_ranges(void)
{
	given_begin(MODE_STRIPE, 2, 100000);
	sender->peer_credit = 0;
	given_carry(0);
	/* It may go on where it is; another may not begin beyond it. */
	given_check(0, 25000, 50000);
	CHECK(!given_next(1));
	/* The lowest hole is always welcome. */
	given_suspect(0);
	given_check(1, 0, 25000);
	given_carry(1);
	given_check(1, 25000, 50000);
	given_end();

	given_begin(MODE_STRIPE, 2, 100000);
	sender->peer_credit = 0;
	given_carry(0);
	CHECK_EQ(sender_acknowledge_range(sender, 1000, 25000), 0);
	/* Behind what the peer holds no new range opens. */
	given_check(1, 25000, 50000);
	given_end();

	/* Who comes down from the far end begins at the low end too. */
	given_begin(MODE_CONVERGE, 2, 100000);
	sender->peer_credit = 0;
	given_check(1, 0, 25000);
	given_end();
}

/* However the paths work, ranges that could come to be stay within the credit. */
static void credit_bounds_the_runs(void)
{
	given_begin(MODE_CONVERGE, 4, GIVEN_LIMIT - 1);
	sender->peer_credit = 40;
	for (unsigned turns = 0; turns < 3000; turns++) {
		if (turns % 97 == 96)
			CHECK_EQ(flight_clear(&sender->flight, 0, UINT64_MAX, FLIGHT_BIT(turns % 4)), 0);
		if (given_next(turns * 7 % 4))
			given_carry(turns * 7 % 4);
		CHECK(flight_runs(&sender->flight) <= 40);
	}
	given_end();
}

/* Beyond the credit a suspect path must not be given its own bytes again and again. */
static void duplicate_on_a_suspect_path_ends(void)
{
	unsigned turns = 0;

	given_begin(MODE_DUPLICATE, 2, 200000);
	sender->peer_credit = 0;
	given_suspect(1);
	while (given_next(1)) {
		given_carry(1);
		CHECK(++turns < 100);
	}
	CHECK_EQ(flight_bytes(&sender->flight, 0, UINT64_MAX, FLIGHT_BIT(1)), 200000);
	CHECK(!given_next(1));
	/* A hole behind its own part, where it may not begin. */
	given_end();
	given_begin(MODE_DUPLICATE, 2, 200000);
	sender->peer_credit = 0;
	given_suspect(1);
	given_carry(1);
	CHECK_EQ(flight_mark(&sender->flight, 30000, 200000, FLIGHT_BIT(1)), 0);
	CHECK_EQ(flight_mark(&sender->flight, 25000, 27000, FLIGHT_BIT(1)), 0);
	CHECK_EQ(flight_clear(&sender->flight, 26000, 27000, FLIGHT_BIT(1)), 0);
	for (turns = 0; given_next(1); turns++) {
		given_carry(1);
		CHECK(turns < 100);
	}
	given_end();
}

static void undone_as_if_never_planned(void)
{
	struct flight before;

	given_begin(MODE_STRIPE, 2, 100000);
	given_carry(0);
	before = sender->flight;
	CHECK(given_next(1));
	CHECK_EQ(scheduler_sent(sender, &solo->path[1], &chunk), 0);
	scheduler_undo(sender, &solo->path[1], &chunk);
	CHECK_EQ(sender->flight.count, before.count);
	CHECK_MEM(sender->flight.at, before.at, before.count * sizeof before.at[0]);
	given_end();
}

/* --- sizes --- */

/* Two milliseconds at the path's rate, within bounds. */
static void frames_and_backlog_by_rate(void)
{
	struct path p = { .health = { .rate_bytes = 0 } };

	CHECK_EQ(scheduler_frame_bytes(&p), 8192);
	CHECK_EQ(scheduler_backlog_bytes(&p), 32768);
	p.health.rate_bytes = 20000000;
	CHECK_EQ(scheduler_frame_bytes(&p), 40000);
	CHECK_EQ(scheduler_backlog_bytes(&p), 40000);
	p.health.rate_bytes = 100000000;
	CHECK_EQ(scheduler_frame_bytes(&p), 65536);
	CHECK_EQ(scheduler_backlog_bytes(&p), 200000);
	p.health.rate_bytes = UINT64_C(10000000000);
	CHECK_EQ(scheduler_backlog_bytes(&p), 524288);
}

/* A path alone has nobody to be slower than, however much one write is to carry. */
static void alone_it_takes_all_in_one_write(void)
{
	given_begin(MODE_STRIPE, 1, 31000);
	CHECK(!scheduler_slower(sender, &solo->path[0]));
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 31000);
	CHECK_EQ(flight_top(&sender->flight), 31000);
	given_end();
}

/* Of a path whose rate nobody knows nothing is expected, nor of one that is still proving itself. */
static void the_unknown_is_not_waited_for(void)
{
	given_begin(MODE_STRIPE, 3, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	session_path_lost(solo->s, &solo->path[2], REASON_PATH_RESET, false, solo->now);
	CHECK(!given_next(1));
	solo->path[0].health.rate_bytes = 0;
	CHECK(given_next(1));
	/* What its carrier can send at once is something to go by. */
	solo->path[0].health.report.window_bytes = 50000 + FRAME_DATA_HEAD_BYTES;
	CHECK(!given_next(1));
	solo->path[0].health.report.window_bytes = 0;
	solo->path[0].health.rate_bytes = FAST;
	CHECK(!given_next(1));
	/* It closes: what it would have delivered goes by the others. */
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	CHECK(given_next(1));
	given_end();
}

/* What a write is to carry already goes before the next chunk. */
static void planned_frames_count(void)
{
	given_begin(MODE_STRIPE, 2, 400000);
	solo->path[1].health.rate_bytes = 1000000;
	CHECK(given_next(1));
	solo->path[1].work->out.frames_count = 1;
	solo->path[1].work->frames[0].start = 0;
	solo->path[1].work->frames[0].end = 100000;
	CHECK(!given_next(1));
	/* By their length, not by where they lie; and what the last write carried does not count. */
	solo->path[1].work->frames[0].start = 99000;
	CHECK(given_next(1));
	solo->path[1].work->frames[0].start = 0;
	solo->path[1].work->out.frames_count = 0;
	CHECK(given_next(1));
	given_end();
}

/* --- the last resort --- */

/* Suspects alone: at most 64 KiB under way on each; a usable one among them, and they get nothing. */
static void the_last_resort_is_bounded(void)
{
	given_begin(MODE_STRIPE, 2, 1000000);
	given_suspect(0);
	given_suspect(1);
	health_sent(&solo->path[0].health, 65535 - FRAME_DATA_HEAD_BYTES, true, solo->now);
	given_check(0, 0, 1);
	health_sent(&solo->path[0].health, 1, true, solo->now);
	CHECK(!given_next(0));
	health_move(&solo->path[1].health, HEALTH_FRESH, solo->now);
	CHECK(given_next(1));
	CHECK(!given_next(0));
	given_end();
	/* Not so in mode duplicate: everything goes on all. */
	given_begin(MODE_DUPLICATE, 2, 1000000);
	given_suspect(0);
	health_sent(&solo->path[0].health, 65536, true, solo->now);
	CHECK(given_next(0));
	given_end();
}

/* --- limits --- */

/* A map without room takes nothing more; what cannot be bordered exactly is taken back whole. */
static void a_full_map(void)
{
	given_begin(MODE_STRIPE, 2, 100000);
	for (uint64_t at = 0; sender->flight.count + 3 <= SEGMENTS_MAX; at += 20)
		CHECK_EQ(flight_mark(&sender->flight, at, at + 10, FLIGHT_BIT(0)), 0);
	CHECK(!given_next(0));
	CHECK(!given_next(1));
	chunk = (struct chunk){ 3, 7 };
	while (sender->flight.count + 2 <= SEGMENTS_MAX) {
		struct flight_segment *last = &sender->flight.at[sender->flight.count];

		last->carriers = sender->flight.count % 2 == 0 ? FLIGHT_BIT(0) : FLIGHT_BIT(2);
		last->end = last[-1].end + 10;
		sender->flight.count++;
	}
	scheduler_undo(sender, &solo->path[0], &chunk);
	CHECK_EQ(flight_bytes(&sender->flight, 0, UINT64_MAX, FLIGHT_BIT(0)), 0);
	given_end();
}

/* Whoever is suspect with the rest, what a closing path carried goes again. */
static void what_a_closing_path_carried_goes_again(void)
{
	given_begin(MODE_STRIPE, 2, 20000);
	given_carry(0);
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	given_suspect(1);
	given_check(1, 0, 20000);
	given_end();
}

/* The better path that is suspect has nothing new, not a byte. */
static void backup_gives_a_suspect_nothing(void)
{
	given_begin(MODE_BACKUP, 2, 1000);
	given_suspect(0);
	given_check(1, 0, 1000);
	CHECK(!given_next(0));
	/* Both suspect: the better one is the last resort, alone. */
	given_suspect(1);
	given_check(0, 0, 1000);
	CHECK(!given_next(1));
	given_end();
}

/* The quicker path counts whichever place it has, and what it carries already does not wait. */
static void what_waits_is_what_nobody_carries(void)
{
	given_begin(MODE_STRIPE, 2, 50000);
	solo->path[0].health.rtt_min_ns = 200 * NS_PER_MS;
	CHECK(!given_next(0));
	CHECK(given_next(1));
	given_end();

	given_begin(MODE_STRIPE, 2, 3050000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	CHECK(given_next(1));
	CHECK_EQ(flight_mark(&sender->flight, 50000, 1000000, FLIGHT_BIT(0)), 0);
	CHECK_EQ(flight_mark(&sender->flight, 1000000, 3050000, FLIGHT_ACKED), 0);
	CHECK(!given_next(1));
	given_end();
}

/* Short of half of the credit, with a run for every path to spare, a path begins where it likes. */
static void half_of_the_credit(void)
{
	for (unsigned runs = 1; runs < 30; runs += 2) {
		given_begin(MODE_STRIPE, 2, 100000);
		for (unsigned i = 0; i < runs; i++)
			CHECK_EQ(flight_mark(&sender->flight, 10 * i, 10 * i + 10,
					     i % 2 == 0 ? FLIGHT_BIT(0) : FLIGHT_ACKED), 0);
		CHECK_EQ(flight_runs(&sender->flight), runs);
		sender->peer_credit = 2 * (runs + PATHS_MAX);
		CHECK(!given_next(1));
		sender->peer_credit++;
		CHECK(given_next(1));
		given_end();
	}
}

/* A copy of the lowest bytes opens no range; one byte of another's between its own and the next does. */
static void what_opens_no_range(void)
{
	given_begin(MODE_DUPLICATE, 2, 20000);
	sender->peer_credit = 0;
	given_carry(0);
	given_check(1, 0, 20000);
	given_end();

	given_begin(MODE_STRIPE, 2, 20000);
	sender->peer_credit = 0;
	CHECK_EQ(flight_mark(&sender->flight, 0, 1000, FLIGHT_BIT(0)), 0);
	CHECK_EQ(flight_mark(&sender->flight, 1000, 2000, FLIGHT_BIT(1)), 0);
	given_check(1, 2000, 20000);
	CHECK_EQ(flight_mark(&sender->flight, 2000, 2001, FLIGHT_BIT(0)), 0);
	CHECK(!given_next(1));
	given_check(0, 2001, 20000);
	given_end();
}

/* Of control frames that go first, what is still to go counts as well. */
static void control_counts(void)
{
	given_begin(MODE_STRIPE, 1, 1000000);
	solo_path(solo, 1, 10 * NS_PER_MS, false);
	health_sent(&solo->path[1].health, 65536 - FRAME_DATA_HEAD_BYTES - 100, true, solo->now);
	solo->path[1].work->out.control_length = 100;
	solo->path[1].work->out.control_sent = 40;
	CHECK(given_next(1));
	CHECK_EQ(chunk.end - chunk.start, 40);
	solo->path[1].work->out.control_length = solo->path[1].work->out.control_sent = 0;
	given_end();
}

/* A session that sleeps can have its end to send. */
static void the_end_of_one_asleep(void)
{
	given_begin(MODE_STRIPE, 1, 0);
	for (void *block; (block = session_reclaim(solo->s)) != NULL; solo->blocks--)
		free(block);
	CHECK(session_asleep(solo->s));
	CHECK(!given_next(0));
	session_send_finish(solo->s, solo->now);
	CHECK(session_asleep(solo->s));
	given_check(0, 0, 1);
	given_end();
}

/* Nothing waits: no path is slower for it. A byte is enough. */
static void slower_for_what_waits(void)
{
	given_begin(MODE_STRIPE, 2, 0);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	CHECK(!scheduler_slower(sender, &solo->path[1]));
	CHECK_EQ(session_path_reason(solo->s, &solo->path[1], solo->now), REASON_NONE);
	solo_write(solo, 1);
	CHECK(scheduler_slower(sender, &solo->path[1]));
	CHECK_EQ(session_path_reason(solo->s, &solo->path[1], solo->now), REASON_PATH_SLOWER);
	given_end();
}

/* What was acknowledged waits no more, however much it was. */
static void reports_for_what_waits(void)
{
	given_begin(MODE_STRIPE, 2, 20000);
	CHECK(scheduler_report_due(sender, NS_PER_S));
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 20000, NULL, 0), 0);
	solo_write(solo, 14599);
	CHECK(!scheduler_report_due(sender, NS_PER_S));
	solo_write(solo, 1);
	CHECK(scheduler_report_due(sender, NS_PER_S));
	given_end();
}

int main(void)
{
	RUN(stripe_gives_each_byte_once);
	RUN(a_suspect_path_has_its_bytes_go_elsewhere);
	RUN(what_was_acknowledged_is_skipped);
	RUN(nothing_on_a_path_that_is_down_or_closing);
	RUN(the_last_suspects_carry_a_little);
	RUN(a_fresh_path_gets_little);
	RUN(a_fresh_path_gets_no_more_than_a_window);
	RUN(reports_that_are_due);
	RUN(never_slower);
	RUN(somebody_takes_the_last_bytes);
	RUN(a_slow_path_does_not_hold_up_the_window);
	RUN(duplicate_gives_everybody_everything);
	RUN(backup_uses_the_preferred_path);
	RUN(backup_does_not_wait_for_suspicion);
	RUN(backup_beside_a_suspect);
	RUN(credit_opens_no_new_ranges);
	RUN(credit_bounds_the_runs);
	RUN(duplicate_on_a_suspect_path_ends);
	RUN(undone_as_if_never_planned);
	RUN(frames_and_backlog_by_rate);
	RUN(alone_it_takes_all_in_one_write);
	RUN(the_unknown_is_not_waited_for);
	RUN(planned_frames_count);
	RUN(the_last_resort_is_bounded);
	RUN(a_full_map);
	RUN(what_a_closing_path_carried_goes_again);
	RUN(backup_gives_a_suspect_nothing);
	RUN(what_waits_is_what_nobody_carries);
	RUN(half_of_the_credit);
	RUN(what_opens_no_range);
	RUN(control_counts);
	RUN(the_end_of_one_asleep);
	RUN(slower_for_what_waits);
	RUN(reports_for_what_waits);
	return 0;
}
