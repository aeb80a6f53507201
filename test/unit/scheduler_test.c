/* SPDX-License-Identifier: Apache-2.0 */
/* What each path is given, mode by mode, in small situations made by hand. */
#include "core/scheduler.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (4u << 20)
#define FAST  UINT64_C(12500000)

static struct solo *solo;
static struct sender *s;
static struct chunk chunk;

/* Paths with nothing under way, of one round trip and rate, all ACTIVE. */
static void begin(enum session_mode mode, unsigned paths, uint64_t bytes)
{
	struct session_config config = world_config(mode);

	solo = solo_new(&config, LIMIT);
	s = &solo->s->sender;
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, 10 * NS_PER_MS, true);
	for (unsigned i = 0; i < paths; i++) {
		solo_carry_all(solo);
		solo_ack(solo, i, 0, NULL, 0);
	}
	for (unsigned i = 0; i < paths; i++) {
		struct health *h = &solo->path[i].health;

		h->rate_bytes = FAST;
		h->srtt_ns = h->rtt_min_ns = 10 * NS_PER_MS;
		h->rttvar_ns = NS_PER_MS;
		CHECK_EQ(health_outstanding(h), 0);
	}
	solo_write(solo, bytes);
}

static void end(void)
{
	solo_free(solo);
}

static bool next(unsigned path)
{
	return scheduler_next(s, &solo->path[path], solo->now, &chunk);
}

static void check_next(unsigned path, uint64_t want_start, uint64_t want_end)
{
	CHECK(next(path));
	CHECK_EQ(chunk.start, want_start);
	CHECK_EQ(chunk.end, want_end);
}

/* Gives it what it asks for. */
static void carry(unsigned path)
{
	CHECK(next(path));
	CHECK_EQ(scheduler_sent(s, &solo->path[path], &chunk), 0);
	CHECK_EQ(flight_mark(&s->flight, chunk.start, chunk.end, FLIGHT_SENT), 0);
}

static void suspect(unsigned path)
{
	health_move(&solo->path[path].health, HEALTH_SUSPECT, solo->now);
}

/* --- stripe --- */

static void stripe_gives_each_byte_once(void)
{
	uint64_t frame;

	begin(MODE_STRIPE, 3, 100000);
	frame = scheduler_frame_bytes(&solo->path[0]);
	CHECK_EQ(frame, FAST / 500);
	check_next(0, 0, frame);
	carry(0);
	check_next(1, frame, 2 * frame);
	carry(1);
	check_next(2, 2 * frame, 3 * frame);
	carry(2);
	check_next(0, 3 * frame, 100000);
	carry(0);
	for (unsigned i = 0; i < 3; i++)
		CHECK(!next(i));
	end();
}

static void a_suspect_path_has_its_bytes_go_elsewhere(void)
{
	begin(MODE_STRIPE, 2, 20000);
	carry(0);
	CHECK(!next(1));
	suspect(0);
	check_next(1, 0, 20000);
	carry(1);
	CHECK(!next(1));
	/* And nothing new on it while there is a better one. */
	solo_write(solo, 1000);
	CHECK(!next(0));
	check_next(1, 20000, 21000);
	end();
}

static void what_was_acknowledged_is_skipped(void)
{
	begin(MODE_STRIPE, 2, 25000);
	carry(0);
	CHECK_EQ(sender_acknowledge_range(s, 10000, 15000), 0);
	suspect(0);
	check_next(1, 0, 10000);
	carry(1);
	check_next(1, 15000, 25000);
	end();
}

static void nothing_on_a_path_that_is_down_or_closing(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_BACKUP; mode++) {
		begin(mode, 2, 1000);
		session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
		CHECK(!next(0));
		check_next(1, 0, 1000);
		path_queue_close(&solo->path[1], REASON_GOING_AWAY, 0);
		CHECK(!next(1));
		end();
	}
}

static void the_last_suspects_carry_a_little(void)
{
	begin(MODE_STRIPE, 2, 1000000);
	suspect(0);
	suspect(1);
	carry(0);
	CHECK(chunk.end - chunk.start <= 65536);
	health_sent(&solo->path[0].health, 65536, true, solo->now);
	CHECK(!next(0));
	CHECK(next(1));
	end();
}

static void a_fresh_path_gets_little(void)
{
	begin(MODE_STRIPE, 1, 1000000);
	solo_path(solo, 1, 10 * NS_PER_MS, false);
	CHECK(next(1));
	health_sent(&solo->path[1].health, 65536 - 100, true, solo->now);
	CHECK(next(1));
	CHECK_EQ(chunk.end - chunk.start, 100);
	health_sent(&solo->path[1].health, 100, true, solo->now);
	CHECK(!next(1));
	end();
}

/* Nothing goes by a path that would deliver it after another had delivered all there is. */
static void never_slower(void)
{
	begin(MODE_STRIPE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	CHECK(!next(1));
	CHECK(scheduler_slower(s, &solo->path[1]));
	CHECK(next(0));
	CHECK(!scheduler_slower(s, &solo->path[0]));
	/* With enough waiting it helps. */
	solo_write(solo, 3000000);
	CHECK(next(1));
	CHECK(!scheduler_slower(s, &solo->path[1]));
	/* The quicker one is suspect: there is nothing to wait for. */
	end();
	begin(MODE_STRIPE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	suspect(0);
	CHECK(next(1));
	end();
}

/* Two slow paths with a little under way must not leave a few bytes to each other. */
static void somebody_takes_the_last_bytes(void)
{
	begin(MODE_STRIPE, 2, 100);
	for (unsigned i = 0; i < 2; i++) {
		solo->path[i].health.rate_bytes = 10000;
		health_sent(&solo->path[i].health, 20000, true, solo->now);
	}
	CHECK(next(0) || next(1));
	end();
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
	begin(MODE_DUPLICATE, 3, 30000);
	for (unsigned i = 0; i < 3; i++) {
		check_next(i, 0, 25000);
		carry(i);
		check_next(i, 25000, 30000);
		carry(i);
		CHECK(!next(i));
	}
	/* But not what has arrived. */
	end();
	begin(MODE_DUPLICATE, 2, 20000);
	carry(0);
	CHECK_EQ(sender_acknowledge_range(s, 1000, 20000), 0);
	check_next(1, 0, 1000);
	/* Also a suspect one, which may well deliver. */
	suspect(1);
	check_next(1, 0, 1000);
	end();
}

/* --- backup --- */

static void backup_uses_the_preferred_path(void)
{
	begin(MODE_BACKUP, 3, 20000);
	CHECK(scheduler_preferred(s) == &solo->path[0]);
	solo->path[2].rank = 0;
	solo->path[0].rank = 2;
	CHECK(scheduler_preferred(s) == &solo->path[2]);
	CHECK(!next(0));
	CHECK(!next(1));
	check_next(2, 0, 20000);
	carry(2);
	/* While it is suspect the others carry the same, and it is not given more. */
	suspect(2);
	CHECK(scheduler_preferred(s) == &solo->path[1]);
	check_next(1, 0, 20000);
	carry(1);
	CHECK(!next(2));
	CHECK(next(0));
	/* Gone for good: the next in rank alone. */
	session_path_lost(solo->s, &solo->path[2], REASON_PATH_RESET, false, solo->now);
	CHECK(!next(0));
	end();
}

static void backup_does_not_wait_for_suspicion(void)
{
	begin(MODE_BACKUP, 2, 20000);
	carry(0);
	health_sent(&solo->path[0].health, 20000, true, solo->now);
	CHECK(!next(1));
	solo->now = health_due_at(&solo->path[0].health, s->floor_ns);
	check_next(1, 0, 20000);
	end();
}

/* --- converge --- */

#define STRETCH (2 * FRAME_PAYLOAD_MAX)

/* Messages of one stretch each, and some bytes more. */
static void begin_stretches(unsigned paths, unsigned count, uint64_t more)
{
	begin(MODE_CONVERGE, paths, 0);
	for (unsigned i = 0; i < count; i++) {
		solo_write(solo, STRETCH);
		session_send_boundary(solo->s);
	}
	CHECK_EQ(s->converge.count, count);
	solo_write(solo, more);
}

static void converge_meets_from_two_ends_and_goes_on(void)
{
	uint64_t frame = FAST / 500, low = 0, high = STRETCH;
	unsigned turns = 0;

	begin_stretches(2, 1, 0);
	solo->path[1].health.rtt_min_ns += 1;
	while (low < high) {
		check_next(0, low, low + frame < high ? low + frame : high);
		carry(0);
		low = chunk.end;
		if (low == high)
			break;
		check_next(1, high - frame > low ? high - frame : low, high);
		carry(1);
		high = chunk.start;
	}
	/* They met; each goes on into the other's part, in its own direction. */
	check_next(0, low, low + frame < STRETCH ? low + frame : STRETCH);
	check_next(1, high - frame < high ? high - frame : 0, high);
	while (next(0) || next(1)) {
		carry(next(0) ? 0 : 1);
		CHECK(++turns < 100);
	}
	CHECK_EQ(flight_bytes(&s->flight, 0, STRETCH, FLIGHT_BIT(0)), STRETCH);
	CHECK_EQ(flight_bytes(&s->flight, 0, STRETCH, FLIGHT_BIT(1)), STRETCH);
	end();
}

static void converge_with_many_paths(void)
{
	unsigned turns = 0;

	begin_stretches(4, 2, 5000);
	/* First copies: each byte once, whoever takes it. */
	while (flight_bytes(&s->flight, 0, 2 * STRETCH + 5000, 15) < 2 * STRETCH + 5000) {
		uint64_t before = flight_bytes(&s->flight, 0, UINT64_MAX, 15);

		carry(turns++ % 4);
		CHECK_EQ(flight_bytes(&s->flight, 0, UINT64_MAX, 15), before + chunk.end - chunk.start);
	}
	/* Then all of it on all. */
	for (unsigned i = 0; i < 4; i++)
		while (next(i)) {
			carry(i);
			CHECK(++turns < 400);
		}
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(flight_bytes(&s->flight, 0, UINT64_MAX, FLIGHT_BIT(i)), 2 * STRETCH + 5000);
	end();
}

/* First copies of the next stretch go before second copies, until the first one is overdue. */
static void an_overdue_stretch_goes_first(void)
{
	unsigned turns = 0;

	begin_stretches(2, 3, 0);
	while (s->converge.dated == 0) {
		carry(turns++ % 2);
		scheduler_date(s, solo->now);
		CHECK(turns < 100);
	}
	CHECK(s->converge.at[0].due_at >= solo->now + 5 * NS_PER_MS);
	CHECK(s->converge.at[0].due_at < solo->now + NS_PER_S);
	CHECK(next(0) && chunk.start >= STRETCH);
	CHECK_EQ(scheduler_deadline(s, solo->now), s->converge.at[0].due_at);
	solo->now = s->converge.at[0].due_at;
	CHECK(next(0) && chunk.end <= STRETCH);
	CHECK(next(1) && chunk.end <= STRETCH);
	CHECK_EQ(scheduler_deadline(s, solo->now), TIME_NEVER);
	s->overdue_off = true;
	CHECK(next(0) && chunk.start >= STRETCH);
	end();
}

static void a_slower_path_carries_copies_only(void)
{
	begin(MODE_CONVERGE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 300 * NS_PER_MS;
	/* Not the first copy of what the other will deliver sooner; a copy of it, from the far end. */
	carry(0);
	CHECK(next(1));
	CHECK_EQ(chunk.end, 50000);
	carry(1);
	check_next(0, 25000, 50000);
	end();
}

/* --- the peer's credit --- */

static void credit_opens_no_new_ranges(void)
{
	begin(MODE_STRIPE, 2, 100000);
	s->peer_credit = 0;
	carry(0);
	/* It may go on where it is; another may not begin beyond it. */
	check_next(0, 25000, 50000);
	CHECK(!next(1));
	/* The lowest hole is always welcome. */
	suspect(0);
	check_next(1, 0, 25000);
	carry(1);
	check_next(1, 25000, 50000);
	end();

	begin(MODE_STRIPE, 2, 100000);
	s->peer_credit = 0;
	carry(0);
	CHECK_EQ(sender_acknowledge_range(s, 1000, 25000), 0);
	/* Behind what the peer holds no new range opens. */
	check_next(1, 25000, 50000);
	end();
}

/* However the paths work, ranges that could come to be stay within the credit. */
static void credit_bounds_the_runs(void)
{
	begin(MODE_CONVERGE, 4, LIMIT - 1);
	s->peer_credit = 40;
	for (unsigned turns = 0; turns < 3000; turns++) {
		if (turns % 97 == 96)
			CHECK_EQ(flight_clear(&s->flight, 0, UINT64_MAX, FLIGHT_BIT(turns % 4)), 0);
		if (next(turns * 7 % 4))
			carry(turns * 7 % 4);
		CHECK(flight_runs(&s->flight) <= 40);
	}
	end();
}

/* Beyond the credit a suspect path must not be given its own bytes again and again. */
static void duplicate_on_a_suspect_path_ends(void)
{
	unsigned turns = 0;

	begin(MODE_DUPLICATE, 2, 200000);
	s->peer_credit = 0;
	suspect(1);
	while (next(1)) {
		carry(1);
		CHECK(++turns < 100);
	}
	CHECK_EQ(flight_bytes(&s->flight, 0, UINT64_MAX, FLIGHT_BIT(1)), 200000);
	CHECK(!next(1));
	/* A hole behind its own part, where it may not begin. */
	end();
	begin(MODE_DUPLICATE, 2, 200000);
	s->peer_credit = 0;
	suspect(1);
	carry(1);
	CHECK_EQ(flight_mark(&s->flight, 30000, 200000, FLIGHT_BIT(1)), 0);
	CHECK_EQ(flight_mark(&s->flight, 25000, 27000, FLIGHT_BIT(1)), 0);
	CHECK_EQ(flight_clear(&s->flight, 26000, 27000, FLIGHT_BIT(1)), 0);
	for (turns = 0; next(1); turns++) {
		carry(1);
		CHECK(turns < 100);
	}
	end();
}

static void undone_as_if_never_planned(void)
{
	struct flight before;

	begin(MODE_STRIPE, 2, 100000);
	carry(0);
	before = s->flight;
	CHECK(next(1));
	CHECK_EQ(scheduler_sent(s, &solo->path[1], &chunk), 0);
	scheduler_undo(s, &solo->path[1], &chunk);
	CHECK_EQ(s->flight.count, before.count);
	CHECK_MEM(s->flight.at, before.at, before.count * sizeof before.at[0]);
	end();
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
	begin(MODE_STRIPE, 1, 31000);
	CHECK(!scheduler_slower(s, &solo->path[0]));
	CHECK(solo_carry(solo, 0, SIZE_MAX) > 31000);
	CHECK_EQ(flight_top(&s->flight), 31000);
	end();
}

/* Of a path whose rate nobody knows nothing is expected, nor of one that is still proving itself. */
static void the_unknown_is_not_waited_for(void)
{
	begin(MODE_STRIPE, 3, 50000);
	solo->path[1].health.rtt_min_ns = 200 * NS_PER_MS;
	session_path_lost(solo->s, &solo->path[2], REASON_PATH_RESET, false, solo->now);
	CHECK(!next(1));
	solo->path[0].health.rate_bytes = 0;
	CHECK(next(1));
	solo->path[0].health.rate_bytes = FAST;
	CHECK(!next(1));
	/* It closes: what it would have delivered goes by the others. */
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	CHECK(next(1));
	end();
}

/* What a write is to carry already goes before the next chunk. */
static void planned_frames_count(void)
{
	begin(MODE_STRIPE, 2, 400000);
	solo->path[1].health.rate_bytes = 1000000;
	CHECK(next(1));
	solo->path[1].out.frames_count = 1;
	solo->path[1].out.frames[0].start = 0;
	solo->path[1].out.frames[0].end = 100000;
	CHECK(!next(1));
	solo->path[1].out.frames_count = 0;
	end();
}

/* --- the last resort --- */

/* Suspects alone: at most 64 KiB under way on each; a usable one among them, and they get nothing. */
static void the_last_resort_is_bounded(void)
{
	begin(MODE_STRIPE, 2, 1000000);
	suspect(0);
	suspect(1);
	health_sent(&solo->path[0].health, 65535, true, solo->now);
	check_next(0, 0, 1);
	health_sent(&solo->path[0].health, 1, true, solo->now);
	CHECK(!next(0));
	health_move(&solo->path[1].health, HEALTH_FRESH, solo->now);
	CHECK(next(1));
	CHECK(!next(0));
	end();
	/* Not so in mode duplicate: everything goes on all. */
	begin(MODE_DUPLICATE, 2, 1000000);
	suspect(0);
	health_sent(&solo->path[0].health, 65536, true, solo->now);
	CHECK(next(0));
	end();
}

/* --- backup --- */

/* A better path that is suspect may come back: both carry. One that closes, or a worse one, is no reason. */
static void backup_beside_a_suspect(void)
{
	begin(MODE_BACKUP, 3, 20000);
	suspect(2);
	CHECK(scheduler_preferred(s) == &solo->path[0]);
	CHECK(!next(1));
	suspect(0);
	CHECK(scheduler_preferred(s) == &solo->path[1]);
	check_next(1, 0, 20000);
	carry(1);
	CHECK(!next(1));
	end();

	begin(MODE_BACKUP, 3, 20000);
	suspect(0);
	check_next(2, 0, 20000);
	path_queue_close(&solo->path[0], REASON_GOING_AWAY, 0);
	CHECK(!next(2));
	check_next(1, 0, 20000);
	end();
}

/* --- converge --- */

/* Of equals the first works upwards, and all others come down. */
static void equals_take_different_ends(void)
{
	begin_stretches(3, 1, 0);
	check_next(0, 0, FAST / 500);
	check_next(1, STRETCH - FAST / 500, STRETCH);
	check_next(2, STRETCH - FAST / 500, STRETCH);
	/* The nearer one, where there is one; a suspect one is no rival. */
	solo->path[2].health.rtt_min_ns--;
	check_next(2, 0, FAST / 500);
	check_next(0, STRETCH - FAST / 500, STRETCH);
	suspect(2);
	check_next(0, 0, FAST / 500);
	end();
}

/* The stretches below are done with: an overdue one above them is copied, and no other. */
static void the_overdue_stretch_itself_is_copied(void)
{
	begin_stretches(2, 3, 0);
	CHECK_EQ(flight_mark(&s->flight, 0, 3 * STRETCH, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(s->converge.dated, 3);
	s->converge.at[0].due_at = s->converge.at[2].due_at = solo->now + NS_PER_S;
	s->converge.at[1].due_at = solo->now + 1;
	CHECK_EQ(scheduler_deadline(s, solo->now), solo->now + 1);
	solo->now++;
	check_next(1, STRETCH, STRETCH + FAST / 500);
	CHECK(!next(0));
	CHECK_EQ(scheduler_deadline(s, solo->now), solo->now - 1 + NS_PER_S);
	end();
}

/* What was expected of those who carry it, the slowest of them; five milliseconds at the least. */
static void due_by_the_slowest_carrier(void)
{
	begin_stretches(3, 2, 0);
	for (unsigned i = 0; i < 3; i++)
		solo->path[i].health.late_ns = (i + 1) * NS_PER_MS;
	solo->path[2].health.late_ns = NS_PER_S;
	CHECK_EQ(flight_mark(&s->flight, 0, STRETCH - 1, FLIGHT_BIT(0)), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(s->converge.dated, 0);
	CHECK_EQ(scheduler_deadline(s, solo->now), TIME_NEVER);
	CHECK_EQ(flight_mark(&s->flight, STRETCH - 1, STRETCH, FLIGHT_BIT(1)), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(s->converge.dated, 1);
	CHECK_EQ(s->converge.at[0].due_at, solo->now + health_completion_ns(&solo->path[1].health));
	for (unsigned i = 0; i < 3; i++) {
		solo->path[i].health.rtt_min_ns = NS_PER_MS;
		solo->path[i].health.late_ns = 0;
	}
	CHECK_EQ(flight_mark(&s->flight, STRETCH, 2 * STRETCH, FLIGHT_BIT(0)), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(s->converge.dated, 2);
	CHECK_EQ(s->converge.at[1].due_at, solo->now + 5 * NS_PER_MS);
	end();
}

/* A carrier that waits in vain: what it alone carries is copied at once, whatever was expected of it. */
static void what_a_stopped_carrier_holds_is_copied_at_once(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };
	time_ns stops_at;

	begin_stretches(2, 2, 0);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	health_sent(&solo->path[0].health, STRETCH, true, solo->now);
	CHECK_EQ(flight_mark(&s->flight, 0, STRETCH, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	CHECK_EQ(flight_mark(&s->flight, STRETCH, 2 * STRETCH, FLIGHT_BIT(1) | FLIGHT_SENT), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(s->converge.dated, 2);
	s->converge.at[0].due_at = s->converge.at[1].due_at = solo->now + NS_PER_S;
	/* It is looked at when it would count as stopped. */
	stops_at = health_stops_at(&solo->path[0].health, 5 * NS_PER_MS);
	CHECK_EQ(scheduler_deadline(s, solo->now), stops_at);
	report.ack_age_ns = stops_at - solo->now;
	solo->now = stops_at;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(scheduler_deadline(s, solo->now) > stops_at);
	solo_write(solo, 100000);
	check_next(1, 0, FAST / 500);
	/* It does not take itself for dead: it goes on with what nobody carries. */
	health_proven(&solo->path[0].health, solo->path[0].health.sent_bytes - 1, 0, solo->now);
	CHECK(next(0) && chunk.start >= 2 * STRETCH);
	end();
}

/* Deadlines of copies are for converge alone, and for what is dated. */
/* Of three, one stops: what only it carries is copied, once; what a live path carries is not. */
static void only_what_the_stopped_one_alone_carries(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1,
					 .rtt_ns = 10 * NS_PER_MS };
	uint64_t reach = 6 * FRAME_PAYLOAD_MAX, alone = 0, copied = 0;
	unsigned turn = 0;

	begin(MODE_CONVERGE, 3, 3000000);
	for (uint64_t at = 0; at < reach; at = chunk.end) {
		chunk = (struct chunk){ at, at + 16384 < reach ? at + 16384 : reach };
		CHECK_EQ(scheduler_sent(s, &solo->path[turn % 3], &chunk), 0);
		health_sent(&solo->path[turn % 3].health, chunk.end - chunk.start, true, solo->now);
		alone += turn % 3 == 0 ? chunk.end - chunk.start : 0;
		turn++;
	}
	scheduler_date(s, solo->now);
	CHECK(s->converge.dated > 0);
	reach = s->converge.at[s->converge.dated - 1].end;
	for (unsigned i = 0; i < s->converge.dated; i++)
		s->converge.at[i].due_at = solo->now + NS_PER_S;
	solo->path[0].health.clock.spacing_ns = 0;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	solo->now += 40 * NS_PER_MS;
	report.ack_age_ns = 40 * NS_PER_MS;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(health_stopped(&solo->path[0].health, 5 * NS_PER_MS));
	for (unsigned path = 1; next(path) && chunk.start < reach; path = 3 - path) {
		CHECK_EQ(flight_carriers(&s->flight, chunk.start, chunk.end), FLIGHT_BIT(0));
		CHECK_EQ(scheduler_sent(s, &solo->path[path], &chunk), 0);
		copied += chunk.end - chunk.start;
	}
	CHECK(copied > 0 && copied <= alone);
	for (uint64_t at = 0; at < reach; at += 16384)
		CHECK(flight_carriers(&s->flight, at, at + 1) != FLIGHT_BIT(0));
	end();
}

static void no_deadline_in_other_modes(void)
{
	begin_stretches(2, 1, 0);
	CHECK_EQ(flight_mark(&s->flight, 0, STRETCH, FLIGHT_BIT(0)), 0);
	scheduler_date(s, solo->now);
	CHECK_EQ(scheduler_deadline(s, solo->now), s->converge.at[0].due_at);
	s->mode = MODE_STRIPE;
	CHECK_EQ(scheduler_deadline(s, solo->now), TIME_NEVER);
	s->mode = MODE_CONVERGE;
	s->overdue_off = true;
	CHECK_EQ(scheduler_deadline(s, solo->now), TIME_NEVER);
	end();
}

/* --- limits --- */

/* A map without room takes nothing more; what cannot be bordered exactly is taken back whole. */
static void a_full_map(void)
{
	begin(MODE_STRIPE, 2, 100000);
	for (uint64_t at = 0; s->flight.count + 3 <= SEGMENTS_MAX; at += 20)
		CHECK_EQ(flight_mark(&s->flight, at, at + 10, FLIGHT_BIT(0)), 0);
	CHECK(!next(0));
	CHECK(!next(1));
	chunk = (struct chunk){ 3, 7 };
	while (s->flight.count + 2 <= SEGMENTS_MAX) {
		struct flight_segment *last = &s->flight.at[s->flight.count];

		last->carriers = s->flight.count % 2 == 0 ? FLIGHT_BIT(0) : FLIGHT_BIT(2);
		last->end = last[-1].end + 10;
		s->flight.count++;
	}
	scheduler_undo(s, &solo->path[0], &chunk);
	CHECK_EQ(flight_bytes(&s->flight, 0, UINT64_MAX, FLIGHT_BIT(0)), 0);
	end();
}

int main(void)
{
	RUN(stripe_gives_each_byte_once);
	RUN(a_suspect_path_has_its_bytes_go_elsewhere);
	RUN(what_was_acknowledged_is_skipped);
	RUN(nothing_on_a_path_that_is_down_or_closing);
	RUN(the_last_suspects_carry_a_little);
	RUN(a_fresh_path_gets_little);
	RUN(never_slower);
	RUN(somebody_takes_the_last_bytes);
	RUN(a_slow_path_does_not_hold_up_the_window);
	RUN(duplicate_gives_everybody_everything);
	RUN(backup_uses_the_preferred_path);
	RUN(backup_does_not_wait_for_suspicion);
	RUN(converge_meets_from_two_ends_and_goes_on);
	RUN(converge_with_many_paths);
	RUN(an_overdue_stretch_goes_first);
	RUN(a_slower_path_carries_copies_only);
	RUN(credit_opens_no_new_ranges);
	RUN(credit_bounds_the_runs);
	RUN(duplicate_on_a_suspect_path_ends);
	RUN(undone_as_if_never_planned);
	RUN(frames_and_backlog_by_rate);
	RUN(alone_it_takes_all_in_one_write);
	RUN(the_unknown_is_not_waited_for);
	RUN(planned_frames_count);
	RUN(the_last_resort_is_bounded);
	RUN(backup_beside_a_suspect);
	RUN(equals_take_different_ends);
	RUN(the_overdue_stretch_itself_is_copied);
	RUN(due_by_the_slowest_carrier);
	RUN(what_a_stopped_carrier_holds_is_copied_at_once);
	RUN(only_what_the_stopped_one_alone_carries);
	RUN(no_deadline_in_other_modes);
	RUN(a_full_map);
	return 0;
}
