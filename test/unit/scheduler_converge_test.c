/* SPDX-License-Identifier: Apache-2.0 */
/* What each path is given in mode converge: ends of stretches, copies, what is overdue or held up. */
#include "test/given.h"
#include "test/test.h"

#define STRETCH (2 * FRAME_PAYLOAD_MAX)

/* Messages of one stretch each, and some bytes more. */
static void begin_stretches(unsigned paths, unsigned count, uint64_t more)
{
	given_begin(MODE_CONVERGE, paths, 0);
	for (unsigned i = 0; i < count; i++) {
		solo_write(solo, STRETCH);
		session_send_boundary(solo->s);
	}
	CHECK_EQ(sender->converge.count, count);
	solo_write(solo, more);
}

static void converge_meets_from_two_ends_and_goes_on(void)
{
	uint64_t frame = FAST / 500, low = 0, high = STRETCH;
	unsigned turns = 0;

	begin_stretches(2, 1, 0);
	solo->path[1].health.rtt_min_ns += 1;
	while (low < high) {
		given_check(0, low, low + frame < high ? low + frame : high);
		given_carry(0);
		low = chunk.end;
		if (low == high)
			break;
		given_check(1, high - frame > low ? high - frame : low, high);
		given_carry(1);
		high = chunk.start;
	}
	/* They met; each goes on into the other's part, in its own direction. */
	given_check(0, low, low + frame < STRETCH ? low + frame : STRETCH);
	given_check(1, high - frame < high ? high - frame : 0, high);
	while (given_next(0) || given_next(1)) {
		given_carry(given_next(0) ? 0 : 1);
		CHECK(++turns < 100);
	}
	CHECK_EQ(flight_bytes(&sender->flight, 0, STRETCH, FLIGHT_BIT(0)), STRETCH);
	CHECK_EQ(flight_bytes(&sender->flight, 0, STRETCH, FLIGHT_BIT(1)), STRETCH);
	given_end();
}

static void converge_with_many_paths(void)
{
	unsigned turns = 0;

	begin_stretches(4, 2, 5000);
	/* First copies: each byte once, whoever takes it. */
	while (flight_bytes(&sender->flight, 0, 2 * STRETCH + 5000, 15) < 2 * STRETCH + 5000) {
		uint64_t before = flight_bytes(&sender->flight, 0, UINT64_MAX, 15);

		given_carry(turns++ % 4);
		CHECK_EQ(flight_bytes(&sender->flight, 0, UINT64_MAX, 15), before + chunk.end - chunk.start);
	}
	/* Then all of it on all. */
	for (unsigned i = 0; i < 4; i++)
		while (given_next(i)) {
			given_carry(i);
			CHECK(++turns < 400);
		}
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(flight_bytes(&sender->flight, 0, UINT64_MAX, FLIGHT_BIT(i)), 2 * STRETCH + 5000);
	given_end();
}

/* First copies of the next stretch go before second copies, until the first one is overdue. */
static void an_overdue_stretch_goes_first(void)
{
	unsigned turns = 0;

	begin_stretches(2, 3, 0);
	while (sender->converge.dated == 0) {
		given_carry(turns++ % 2);
		scheduler_date(sender, solo->now);
		CHECK(turns < 100);
	}
	CHECK(sender->converge.at[0].due_at >= solo->now + 5 * NS_PER_MS);
	CHECK(sender->converge.at[0].due_at < solo->now + NS_PER_S);
	CHECK(given_next(0) && chunk.start >= STRETCH);
	CHECK_EQ(scheduler_deadline(sender, solo->now), sender->converge.at[0].due_at);
	solo->now = sender->converge.at[0].due_at;
	CHECK(given_next(0) && chunk.end <= STRETCH);
	CHECK(given_next(1) && chunk.end <= STRETCH);
	CHECK_EQ(scheduler_deadline(sender, solo->now), TIME_NEVER);
	sender->overdue_off = true;
	CHECK(given_next(0) && chunk.start >= STRETCH);
	given_end();
}

static void a_slower_path_carries_copies_only(void)
{
	given_begin(MODE_CONVERGE, 2, 50000);
	solo->path[1].health.rtt_min_ns = 300 * NS_PER_MS;
	/* Not the first copy of what the other will deliver sooner; a copy of it, from the far end. */
	given_carry(0);
	CHECK(given_next(1));
	CHECK_EQ(chunk.end, 50000);
	given_carry(1);
	given_check(0, 25000, 50000);
	given_end();
}

/* It may be repairing a loss: what the others carry it copies, a little, and nothing new. */
static void a_suspect_path_copies_what_others_carry(void)
{
	uint64_t copied = 0;

	given_begin(MODE_CONVERGE, 2, 100000);
	given_suspect(1);
	CHECK(!given_next(1));
	given_carry(0);
	CHECK_EQ(chunk.end, FAST / 500);
	while (given_next(1)) {
		CHECK_EQ(chunk.start, copied);
		given_carry(1);
		health_sent(&solo->path[1].health, chunk.end - chunk.start, true, solo->now);
		copied = chunk.end;
	}
	CHECK_EQ(copied, 16384 - FRAME_DATA_HEAD_BYTES);
	given_check(0, FAST / 500, 2 * FAST / 500);
	given_end();

	given_begin(MODE_CONVERGE, 2, 1000);
	given_suspect(1);
	given_carry(0);
	given_check(1, 0, 1000);
	given_carry(1);
	CHECK(!given_next(1));
	given_end();
}

/* Of equals the first works upwards, and all others come down. */
static void equals_take_different_ends(void)
{
	begin_stretches(3, 1, 0);
	given_check(0, 0, FAST / 500);
	given_check(1, STRETCH - FAST / 500, STRETCH);
	given_check(2, STRETCH - FAST / 500, STRETCH);
	/* The nearer one, where there is one; a suspect one is no rival. */
	solo->path[2].health.rtt_min_ns--;
	given_check(2, 0, FAST / 500);
	given_check(0, STRETCH - FAST / 500, STRETCH);
	given_suspect(2);
	given_check(0, 0, FAST / 500);
	given_end();
}

/* The stretches below are done with: an overdue one above them is copied, and no other. */
static void the_overdue_stretch_itself_is_copied(void)
{
	begin_stretches(2, 3, 0);
	CHECK_EQ(flight_mark(&sender->flight, 0, 3 * STRETCH, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 3);
	sender->converge.at[0].due_at = sender->converge.at[2].due_at = solo->now + NS_PER_S;
	sender->converge.at[1].due_at = solo->now + 1;
	CHECK_EQ(scheduler_deadline(sender, solo->now), solo->now + 1);
	solo->now++;
	given_check(1, STRETCH, STRETCH + FAST / 500);
	CHECK(!given_next(0));
	CHECK_EQ(scheduler_deadline(sender, solo->now), solo->now - 1 + NS_PER_S);
	given_end();
}

/* What was expected of those who carry it, the slowest of them; five milliseconds at the least. */
static void due_by_the_slowest_carrier(void)
{
	begin_stretches(3, 3, 0);
	for (unsigned i = 0; i < 3; i++)
		solo->path[i].health.late_ns = (i + 1) * NS_PER_MS;
	solo->path[2].health.late_ns = NS_PER_S;
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH - 1, FLIGHT_BIT(0)), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 0);
	CHECK_EQ(scheduler_deadline(sender, solo->now), TIME_NEVER);
	CHECK_EQ(flight_mark(&sender->flight, STRETCH - 1, STRETCH, FLIGHT_BIT(1)), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 1);
	CHECK_EQ(sender->converge.at[0].due_at, solo->now + health_completion_ns(&solo->path[1].health));
	for (unsigned i = 0; i < 3; i++) {
		solo->path[i].health.rtt_min_ns = NS_PER_MS;
		solo->path[i].health.late_ns = 0;
	}
	CHECK_EQ(flight_mark(&sender->flight, STRETCH, 2 * STRETCH, FLIGHT_BIT(0)), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 2);
	CHECK_EQ(sender->converge.at[1].due_at, solo->now + 5 * NS_PER_MS);
	/* The first alone. */
	solo->path[0].health.late_ns = NS_PER_S;
	CHECK_EQ(flight_mark(&sender->flight, 2 * STRETCH, 3 * STRETCH, FLIGHT_BIT(0)), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.at[2].due_at, solo->now + health_completion_ns(&solo->path[0].health));
	given_end();
}

/* A carrier that waits in vain: what it alone carries is copied at once, whatever was expected of it. */
static void copied_when_stopped(unsigned which)
{
	struct path *stopped;
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };
	time_ns stops_at;

	begin_stretches(2, 2, 0);
	stopped = &solo->path[which];
	session_path_report(solo->s, stopped, &report, solo->now);
	health_sent(&stopped->health, STRETCH, true, solo->now);
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH, FLIGHT_BIT(which) | FLIGHT_SENT), 0);
	CHECK_EQ(flight_mark(&sender->flight, STRETCH, 2 * STRETCH, FLIGHT_BIT(1 - which) | FLIGHT_SENT), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 2);
	sender->converge.at[0].due_at = sender->converge.at[1].due_at = solo->now + NS_PER_S;
	/* It is looked at when it would count as stopped. */
	stops_at = health_stops_at(&stopped->health, 5 * NS_PER_MS);
	CHECK_EQ(scheduler_deadline(sender, solo->now), stops_at);
	report.ack_age_ns = stops_at - solo->now;
	solo->now = stops_at;
	session_path_report(solo->s, stopped, &report, solo->now);
	CHECK(scheduler_deadline(sender, solo->now) > stops_at);
	solo_write(solo, 100000);
	given_check(1 - which, 0, FAST / 500);
	/* It does not take itself for dead: it goes on with what nobody carries. */
	health_proven(&stopped->health, solo->path[0].health.sent_bytes - 1, 0, solo->now);
	if (which == 0)
		CHECK(given_next(0) && chunk.start >= 2 * STRETCH);
	given_end();
}

static void what_a_stopped_carrier_holds_is_copied_at_once(void)
{
	copied_when_stopped(0);
	copied_when_stopped(1);
}

/* Of three, one stops: what only it carries is copied, once; what a live path carries is not. */
static void only_what_the_stopped_one_alone_carries(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1,
					 .rtt_ns = 10 * NS_PER_MS };
	uint64_t reach = 6 * FRAME_PAYLOAD_MAX, alone = 0, copied = 0;
	unsigned turn = 0;

	given_begin(MODE_CONVERGE, 3, 3000000);
	for (uint64_t at = 0; at < reach; at = chunk.end) {
		chunk = (struct chunk){ at, at + 16384 < reach ? at + 16384 : reach };
		CHECK_EQ(scheduler_sent(sender, &solo->path[turn % 3], &chunk), 0);
		health_sent(&solo->path[turn % 3].health, chunk.end - chunk.start, true, solo->now);
		alone += turn % 3 == 0 ? chunk.end - chunk.start : 0;
		turn++;
	}
	scheduler_date(sender, solo->now);
	CHECK(sender->converge.dated > 0);
	reach = sender->converge.at[sender->converge.dated - 1].end;
	for (unsigned i = 0; i < sender->converge.dated; i++)
		sender->converge.at[i].due_at = solo->now + NS_PER_S;
	solo->path[0].health.clock.spacing_ns = 0;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	solo->now += 40 * NS_PER_MS;
	report.ack_age_ns = 40 * NS_PER_MS;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(health_stopped(&solo->path[0].health, 5 * NS_PER_MS));
	for (unsigned path = 1; given_next(path) && chunk.start < reach; path = 3 - path) {
		CHECK_EQ(flight_carriers(&sender->flight, chunk.start, chunk.end), FLIGHT_BIT(0));
		CHECK_EQ(scheduler_sent(sender, &solo->path[path], &chunk), 0);
		copied += chunk.end - chunk.start;
	}
	CHECK(copied > 0 && copied <= alone);
	for (uint64_t at = 0; at < reach; at += 16384)
		CHECK(flight_carriers(&sender->flight, at, at + 1) != FLIGHT_BIT(0));
	given_end();
}

/* Deadlines of copies are for converge alone, and for what is dated. */
static void no_deadline_in_other_modes(void)
{
	begin_stretches(2, 1, 0);
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH, FLIGHT_BIT(0)), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(scheduler_deadline(sender, solo->now), sender->converge.at[0].due_at);
	sender->mode = MODE_STRIPE;
	CHECK_EQ(scheduler_deadline(sender, solo->now), TIME_NEVER);
	sender->mode = MODE_CONVERGE;
	sender->overdue_off = true;
	CHECK_EQ(scheduler_deadline(sender, solo->now), TIME_NEVER);
	given_end();
}

/* A carrier that may stand still is asked, before anything is overdue, whether it does. */
static void a_carrier_is_asked_in_time(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = -1 };
	time_ns look_at;

	begin_stretches(2, 1, 0);
	session_path_report(solo->s, &solo->path[1], &report, solo->now);
	health_sent(&solo->path[1].health, STRETCH, true, solo->now);
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH, FLIGHT_BIT(1) | FLIGHT_SENT), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 1);
	sender->converge.at[0].due_at = solo->now + NS_PER_S;
	look_at = health_look_at(&solo->path[1].health, 5 * NS_PER_MS);
	CHECK(look_at > solo->now && look_at < solo->now + NS_PER_S);
	CHECK_EQ(scheduler_deadline(sender, solo->now), look_at);
	CHECK_EQ(scheduler_deadline(sender, look_at), solo->now + NS_PER_S);
	given_end();
}

/* What a path that is gone had of a stretch goes by whom that is in time by; the slow one copies from its end. */
static void a_lost_part_is_not_for_the_slowest(void)
{
	begin_stretches(3, 1, 0);
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH / 2, FLIGHT_BIT(2) | FLIGHT_SENT), 0);
	CHECK_EQ(flight_mark(&sender->flight, STRETCH / 2, STRETCH, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 1);
	solo->path[1].health.rtt_min_ns = 300 * NS_PER_MS;
	session_path_lost(solo->s, &solo->path[2], REASON_PATH_LOST, false, solo->now);
	given_check(1, STRETCH - FAST / 500, STRETCH);
	given_check(0, 0, FAST / 500);
	given_end();
}

/* What a stopped carrier has of the stretch that is being filled waits until all of that has gone. */
static void of_a_stretch_in_the_making_new_bytes_go_first(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };
	time_ns stops_at;

	begin_stretches(2, 2, 0);
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	health_sent(&solo->path[0].health, 1000, true, solo->now);
	CHECK_EQ(flight_mark(&sender->flight, 0, STRETCH, FLIGHT_BIT(0) | FLIGHT_BIT(1) | FLIGHT_SENT), 0);
	CHECK_EQ(flight_mark(&sender->flight, STRETCH, STRETCH + 1000, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	scheduler_date(sender, solo->now);
	CHECK_EQ(sender->converge.dated, 1);
	sender->converge.at[0].due_at = solo->now + NS_PER_S;
	stops_at = health_stops_at(&solo->path[0].health, 5 * NS_PER_MS);
	report.ack_age_ns = stops_at - solo->now;
	solo->now = stops_at;
	session_path_report(solo->s, &solo->path[0], &report, solo->now);
	CHECK(health_stopped(&solo->path[0].health, 5 * NS_PER_MS));
	CHECK(given_next(1) && chunk.start >= STRETCH + 1000);
	given_end();
}

/* Asked in vain, and asked again when another carries all that there is. */
static void a_suspect_path_copies_all_that_others_carry(void)
{
	given_begin(MODE_CONVERGE, 2, 1000);
	given_suspect(1);
	CHECK_EQ(flight_mark(&sender->flight, 0, 1000, FLIGHT_SENT), 0);
	CHECK(!given_next(1));
	sender->flight.at[0].carriers |= FLIGHT_BIT(0);
	given_check(1, 0, 1000);
	given_end();
}

int main(void)
{
	RUN(converge_meets_from_two_ends_and_goes_on);
	RUN(converge_with_many_paths);
	RUN(an_overdue_stretch_goes_first);
	RUN(a_slower_path_carries_copies_only);
	RUN(a_suspect_path_copies_what_others_carry);
	RUN(equals_take_different_ends);
	RUN(the_overdue_stretch_itself_is_copied);
	RUN(due_by_the_slowest_carrier);
	RUN(what_a_stopped_carrier_holds_is_copied_at_once);
	RUN(only_what_the_stopped_one_alone_carries);
	RUN(no_deadline_in_other_modes);
	RUN(a_carrier_is_asked_in_time);
	RUN(a_lost_part_is_not_for_the_slowest);
	RUN(of_a_stretch_in_the_making_new_bytes_go_first);
	RUN(a_suspect_path_copies_all_that_others_carry);
	return 0;
}
