/* SPDX-License-Identifier: Apache-2.0 */
/* The estimators and states of one path, on sequences made by hand. */
#include <errno.h>

#include "core/health.h"
#include "test/test.h"

#define MS    NS_PER_MS
#define FLOOR (10 * NS_PER_MS)

static struct health h;
static struct health_stamp stamps[HEALTH_STAMPS];

static void anew(time_ns rtt_ns)
{
	health_init(&h, stamps, rtt_ns, NS_PER_S);
}

/* Sends and proves, `count` times, one round trip each. */
static time_ns steady(time_ns now, unsigned count, uint64_t bytes, time_ns rtt_ns)
{
	for (unsigned i = 0; i < count; i++) {
		health_sent(&h, bytes, true, now);
		now += rtt_ns;
		CHECK_EQ(health_proven(&h, h.sent_bytes, 0, now), 1);
	}
	return now;
}

static void round_trips(void)
{
	time_ns now = NS_PER_S;

	anew(100 * MS);
	CHECK_EQ(h.srtt_ns, 100 * MS);
	CHECK_EQ(h.rttvar_ns, 50 * MS);
	now = steady(now, 1, 1000, 20 * MS);
	CHECK_EQ(h.srtt_ns, 90 * MS);
	CHECK_EQ(h.rttvar_ns, 50 * MS + (80 * MS - 50 * MS) / 4);
	CHECK_EQ(h.rtt_min_ns, 20 * MS);
	steady(now, 100, 1000, 20 * MS);
	CHECK(h.srtt_ns < 21 * MS && h.srtt_ns >= 20 * MS);
	CHECK(h.rttvar_ns < MS);

	/* How long the peer held its ACK back is not the network's. */
	anew(20 * MS);
	health_sent(&h, 1000, true, NS_PER_S);
	CHECK_EQ(health_proven(&h, 1000, 30 * MS, NS_PER_S + 50 * MS), 1);
	CHECK_EQ(h.srtt_ns, 20 * MS);
	/* An age longer than the round trip: nonsense that does no harm. */
	health_sent(&h, 1000, true, NS_PER_S);
	CHECK_EQ(health_proven(&h, 2000, UINT32_MAX * NS_PER_US, NS_PER_S + 60 * MS), 1);
	CHECK(h.rtt_min_ns > 0 && h.srtt_ns > 0);
}

static void the_least_round_trip_has_an_age(void)
{
	time_ns now;

	anew(10 * MS);
	now = steady(NS_PER_S, 1, 1000, 10 * MS);
	now = steady(now, 50, 1000, 50 * MS);
	CHECK_EQ(h.rtt_min_ns, 10 * MS);
	now += 11 * NS_PER_S;
	steady(now, 1, 1000, 50 * MS);
	CHECK_EQ(h.rtt_min_ns, 50 * MS);
}

static void evidence(void)
{
	anew(10 * MS);
	health_sent(&h, 500, true, NS_PER_S);
	CHECK_EQ(health_outstanding(&h), 500);
	CHECK_EQ(health_proven(&h, 501, 0, NS_PER_S), -EPROTO);
	CHECK_EQ(health_proven(&h, UINT64_MAX, 0, NS_PER_S), -EPROTO);
	CHECK_EQ(health_outstanding(&h), 500);
	CHECK_EQ(health_proven(&h, 0, 0, NS_PER_S), 0);
	CHECK_EQ(health_proven(&h, 200, 0, NS_PER_S + MS), 1);
	CHECK_EQ(health_proven(&h, 100, 0, NS_PER_S + 2 * MS), 0);
	CHECK_EQ(health_outstanding(&h), 300);
	CHECK_EQ(health_proven(&h, 500, 0, NS_PER_S + 3 * MS), 1);
	CHECK_EQ(health_outstanding(&h), 0);
	/* Bytes that ask for no answer are not owed one. */
	health_sent(&h, 100, false, NS_PER_S + 4 * MS);
	CHECK_EQ(health_outstanding(&h), 0);
	CHECK_EQ(health_due_at(&h, FLOOR), TIME_NEVER);
	CHECK(!health_silent(&h, FLOOR, NS_PER_S * 1000));
	health_sent(&h, 50, true, NS_PER_S + 5 * MS);
	CHECK_EQ(health_outstanding(&h), 150);
}

static void delivery_rate(void)
{
	time_ns now;

	anew(10 * MS);
	now = steady(NS_PER_S, 60, 100000, 10 * MS);
	/* They came in a quarter of a round trip, as far as we know. */
	CHECK(h.rate_bytes > 39900000 && h.rate_bytes < 40100000);
	/* Little to send says nothing about the network ... */
	now = steady(now, 20, 1000, 10 * MS);
	CHECK(h.rate_bytes > 39900000);
	/* ... unless the carrier took no more. */
	for (unsigned i = 0; i < 60; i++) {
		health_sent(&h, 10000, true, now);
		health_full(&h);
		now += 10 * MS;
		health_proven(&h, h.sent_bytes, 0, now);
	}
	CHECK(h.rate_bytes > 3990000 && h.rate_bytes < 4100000);
}

static void no_number_overflows(void)
{
	anew(0);
	health_sent(&h, UINT64_C(1) << 61, true, NS_PER_S);
	CHECK_EQ(health_proven(&h, UINT64_C(1) << 60, 0, NS_PER_S), 1);
	CHECK_EQ(health_proven(&h, UINT64_C(1) << 61, 0, NS_PER_S), 1);
	CHECK(h.rate_bytes > 0 && h.rate_bytes < UINT64_C(1) << 60);
	h.rate_bytes = 1;
	health_sent(&h, UINT64_C(1) << 61, true, NS_PER_S);
	CHECK(health_arrival_ns(&h, UINT64_MAX / 4) > 0);
	CHECK(health_completion_ns(&h) > 0);
}

static void silence(void)
{
	time_ns now, due_at;

	anew(20 * MS);
	now = steady(NS_PER_S, 100, 1000, 20 * MS);
	health_sent(&h, 1000, true, now);
	due_at = health_due_at(&h, FLOOR);
	/* About a round trip and the floor, with next to no deviation. */
	CHECK(due_at >= now + 30 * MS && due_at < now + 35 * MS);
	CHECK(!health_silent(&h, FLOOR, due_at - 1));
	CHECK(health_silent(&h, FLOOR, due_at));
	CHECK_EQ(health_due_at(&h, TIME_NEVER), TIME_NEVER);
	CHECK(!health_silent(&h, TIME_NEVER, due_at + NS_PER_S));

	/* More bytes on top do not put off what is owed for the first. */
	for (unsigned i = 1; i < 100; i++)
		health_sent(&h, 1000, true, now + i * (MS / 4));
	CHECK_EQ(health_due_at(&h, FLOOR), due_at);
	/* Evidence for some of them does. */
	CHECK_EQ(health_proven(&h, h.sent_bytes - 98000, 0, now + 25 * MS), 1);
	CHECK(health_due_at(&h, FLOOR) > due_at);
}

static void a_carrier_that_hears_its_peer_has_one_round_trip_more(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = MS };
	time_ns now, due_at;

	anew(20 * MS);
	now = steady(NS_PER_S, 100, 1000, 20 * MS);
	health_sent(&h, 1000, true, now);
	due_at = health_due_at(&h, FLOOR);
	health_report(&h, &report, due_at);
	CHECK(!health_silent(&h, FLOOR, due_at));
	CHECK(health_silent(&h, FLOOR, due_at + FLOOR / 2));    /* the report has become old */
	health_report(&h, &report, due_at + h.srtt_ns);
	CHECK(health_silent(&h, FLOOR, due_at + h.srtt_ns));
	report.ack_age_ns = FLOOR;
	health_report(&h, &report, due_at);
	CHECK(health_silent(&h, FLOOR, due_at));
	report.ack_age_ns = -1;
	health_report(&h, &report, due_at);
	CHECK(health_silent(&h, FLOOR, due_at));
}

static void what_the_carrier_carried(void)
{
	struct carrier_report report = { .known = true, .acked_bytes = 10 };

	anew(20 * MS);
	health_report(&h, &report, 5 * NS_PER_S);
	CHECK_EQ(h.carried_at, 5 * NS_PER_S);
	health_report(&h, &report, 6 * NS_PER_S);
	CHECK_EQ(h.carried_at, 5 * NS_PER_S);
	report.known = false;
	report.acked_bytes = 20;
	health_report(&h, &report, 7 * NS_PER_S);
	CHECK_EQ(h.carried_at, 5 * NS_PER_S);
}

/* The carrier's acknowledgements stop: known long before a round trip whose deviation is large is late. */
static void a_stopped_ack_clock_is_silence(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .rtt_ns = 20 * MS };
	time_ns now = NS_PER_S, cut_at;

	anew(20 * MS);
	for (unsigned i = 0; i < 100; i++) {
		health_sent(&h, 1000, true, now);
		now += 5 * MS;
		report.delivered++;
		health_report(&h, &report, now);
		if (i >= 4)
			CHECK_EQ(health_proven(&h, h.sent_bytes - 4000, 0, now), 1);
	}
	h.rttvar_ns = NS_PER_S;
	cut_at = now;
	CHECK(!health_silent(&h, FLOOR, now));
	CHECK(health_stops_at(&h, FLOOR) < cut_at + 40 * MS);
	CHECK_EQ(health_due_at(&h, FLOOR), health_stops_at(&h, FLOOR));
	now = health_stops_at(&h, FLOOR);
	report.ack_age_ns = now - cut_at;
	health_report(&h, &report, now);
	CHECK(health_stopped(&h, FLOOR));
	CHECK(health_silent(&h, FLOOR, now));
	CHECK(!health_stopped(&h, TIME_NEVER));
	/* Everything is proven, through another path, but the carrier waits on: that may be a delayed ACK. */
	CHECK_EQ(health_proven(&h, h.sent_bytes, 0, now), 1);
	CHECK(!health_stopped(&h, FLOOR));
	CHECK(health_due_at(&h, FLOOR) > now && health_due_at(&h, FLOOR) < now + NS_PER_S);
	now += NS_PER_S;
	report.ack_age_ns = now - cut_at;
	health_report(&h, &report, now);
	CHECK(health_silent(&h, FLOOR, now));
	report.waiting = false;
	health_report(&h, &report, now);
	CHECK(!health_silent(&h, FLOOR, now));
	CHECK_EQ(health_due_at(&h, FLOOR), TIME_NEVER);
}

/* A clock last seen at rest is looked at when the first answer is missed, whatever the deviation. */
static void a_clock_at_rest_is_looked_at(void)
{
	struct carrier_report report = { .known = true, .rtt_ns = 20 * MS };
	time_ns now, look_at;

	anew(20 * MS);
	now = steady(NS_PER_S, 10, 1000, 20 * MS);
	health_report(&h, &report, now);
	CHECK_EQ(health_look_at(&h, FLOOR), TIME_NEVER);
	now += NS_PER_S;
	health_sent(&h, 1000, true, now);
	h.rttvar_ns = NS_PER_S;
	look_at = health_look_at(&h, FLOOR);
	CHECK_EQ(look_at, now + 20 * MS + FLOOR);
	CHECK_EQ(health_look_at(&h, TIME_NEVER), TIME_NEVER);
	/* At rest still: the carrier has delivered, only the evidence is on its way. Asked once. */
	health_report(&h, &report, look_at);
	CHECK_EQ(health_look_at(&h, FLOOR), TIME_NEVER);
	/* Or not at rest: what is under way is so since it was sent. */
	report.waiting = true;
	report.ack_age_ns = look_at - now + NS_PER_S;
	health_report(&h, &report, look_at);
	CHECK_EQ(health_look_at(&h, FLOOR), TIME_NEVER);
	CHECK(health_stops_at(&h, FLOOR) < now + 120 * MS);
}

/* Lateness is measured against what was expected, a queue that fills included. */
static void a_known_queue_is_no_lateness(void)
{
	time_ns now = NS_PER_S;

	anew(20 * MS);
	h.rate_bytes = 1000000;
	h.full_bytes = UINT64_MAX;
	h.late_ns = 0;
	health_sent(&h, 100000, true, now);
	CHECK_EQ(health_proven(&h, 100000, 0, now + 120 * MS), 1);
	CHECK_EQ(h.late_ns, 0);
	CHECK(h.rttvar_ns > 20 * MS);
	now += 120 * MS;
	h.rate_bytes = 1000000;
	health_sent(&h, 100000, true, now);
	CHECK_EQ(health_proven(&h, 200000, 0, now + 160 * MS), 1);
	CHECK_EQ(h.late_ns, 10 * MS);
}

static void how_much_may_be_outstanding(void)
{
	struct carrier_report report = { .known = true, .window_bytes = 14480 };

	anew(20 * MS);
	CHECK_EQ(health_most_outstanding(&h, false), 65536);
	CHECK(health_usable(&h));
	/* What the carrier would not send at once is not given to a path that has yet to prove itself. */
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_most_outstanding(&h, false), 14480);
	CHECK_EQ(health_most_outstanding(&h, true), 65536);
	report.window_bytes = 65537;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_most_outstanding(&h, false), 65536);
	health_move(&h, HEALTH_ACTIVE, NS_PER_S);
	CHECK_EQ(health_most_outstanding(&h, false), UINT64_MAX);
	health_move(&h, HEALTH_SUSPECT, NS_PER_S);
	CHECK_EQ(health_most_outstanding(&h, false), 0);
	CHECK(!health_usable(&h));
	health_move(&h, HEALTH_DOWN, NS_PER_S);
	CHECK_EQ(health_most_outstanding(&h, false), 0);
	CHECK(!health_usable(&h));
}

/* Flapping doubles the time in SUSPECT, up to a limit; a long good time forgives. */
static void dwell(void)
{
	time_ns now = 2 * NS_PER_S, before;

	anew(20 * MS);
	health_move(&h, HEALTH_ACTIVE, now);
	for (unsigned i = 0; i < 20; i++) {
		before = h.dwell_ns;
		health_move(&h, HEALTH_SUSPECT, now += MS);
		CHECK(h.dwell_ns > before || before >= NS_PER_S);
		CHECK(h.dwell_ns <= 4 * NS_PER_S);
		health_move(&h, HEALTH_FRESH, now += MS);
		/* Only what is sent from now on proves it. */
		CHECK_EQ(h.proving_bytes, h.sent_bytes + 1);
		health_move(&h, HEALTH_ACTIVE, now += MS);
	}
	before = h.dwell_ns;
	health_move(&h, HEALTH_SUSPECT, now + 31 * NS_PER_S);
	CHECK(h.dwell_ns < before / 10);
	health_move(&h, HEALTH_SUSPECT, now + 32 * NS_PER_S);
	CHECK_EQ(h.state_at, now + 31 * NS_PER_S);
}

static void arrival_and_completion(void)
{
	anew(20 * MS);
	CHECK_EQ(health_arrival_ns(&h, 1000000), 10 * MS);      /* no rate known */
	h.rate_bytes = 1000000;
	CHECK_EQ(health_arrival_ns(&h, 1000), 10 * MS);         /* flies freely */
	CHECK(health_arrival_ns(&h, 1000000) > 900 * MS);
	/* Once the carrier has refused more the rate is the network's, for a few bytes too. */
	h.rate_bytes = 10000;
	CHECK_EQ(health_arrival_ns(&h, 1000), 10 * MS);
	h.full_bytes = 1;
	CHECK_EQ(health_arrival_ns(&h, 1000), 110 * MS);
	h.full_bytes = 0;
	h.rate_bytes = 1000000;
	health_sent(&h, 1000000, true, NS_PER_S);
	CHECK(health_arrival_ns(&h, 1000) > 900 * MS);
	CHECK_EQ(health_completion_ns(&h), health_arrival_ns(&h, 0) + 10 * MS + 4 * h.late_ns);
}

/* Estimates begin with what the handshake measured, however late the path comes. */
static void a_late_beginning(void)
{
	time_ns now = 20 * NS_PER_S;

	health_init(&h, stamps, 10 * MS, now);
	CHECK_EQ(h.late_ns, 5 * MS);
	CHECK_EQ(h.clock.spacing_ns, 10 * MS);
	CHECK_EQ(health_owed_at(&h), now + 10 * MS);
	steady(now, 1, 1000, 50 * MS);
	CHECK_EQ(h.rtt_min_ns, 10 * MS);
	/* A clock too coarse to see a round trip: it counts as a microsecond. */
	health_init(&h, stamps, 0, now);
	CHECK_EQ(h.srtt_ns, NS_PER_US);
	health_init(&h, stamps, 100 * NS_PER_US, now);
	steady(now, 1, 1000, 0);
	CHECK_EQ(h.rtt_min_ns, NS_PER_US);
}

/* The same least round trip again makes it new again. */
static void the_least_round_trip_seen_again(void)
{
	time_ns now;

	anew(10 * MS);
	now = steady(NS_PER_S + 6 * NS_PER_S, 1, 1000, 10 * MS);
	steady(now + 6 * NS_PER_S, 1, 1000, 50 * MS);
	CHECK_EQ(h.rtt_min_ns, 10 * MS);
	steady(now + 12 * NS_PER_S, 1, 1000, 40 * MS);
	CHECK_EQ(h.rtt_min_ns, 40 * MS);
}

/* However much is under way, the oldest of it is known exactly, and the rest ever more coarsely. */
static void stamps_are_thinned_out(void)
{
	time_ns now = NS_PER_S;

	anew(20 * MS);
	for (unsigned i = 1; i <= 10 * HEALTH_STAMPS; i++) {
		unsigned last;

		health_sent(&h, 100, true, now + i);
		last = h.stamps_count - 1;
		CHECK(h.stamps_count <= HEALTH_STAMPS);
		CHECK_EQ(h.stamps[0].at, now + 1);
		CHECK_EQ(h.stamps[0].sent_bytes, 100);
		CHECK_EQ(h.stamps[last].at, now + i);
		CHECK_EQ(h.stamps[last].sent_bytes, h.sent_bytes);
		for (unsigned k = 1; k <= last; k++) {
			CHECK(h.stamps[k - 1].sent_bytes < h.stamps[k].sent_bytes);
			CHECK_EQ(h.stamps[k].sent_bytes, (uint64_t)(h.stamps[k].at - now) * 100);
		}
		CHECK(i < HEALTH_STAMPS || h.stamps_count >= HEALTH_STAMPS / 2);
		/* The first time every second one went. */
		for (unsigned k = 1; i == HEALTH_STAMPS + 1 && k < HEALTH_STAMPS / 2; k++)
			CHECK_EQ(h.stamps[k].sent_bytes, (2 * k + 1) * 100);
	}
	/* Evidence for the first takes that alone away. */
	CHECK_EQ(health_proven(&h, h.stamps[1].sent_bytes - 1, 0, now + 10 * MS), 1);
	CHECK(h.stamps[0].at > now + 1);
	CHECK_EQ(health_proven(&h, h.sent_bytes, 0, now + 20 * MS), 1);
	CHECK_EQ(h.stamps_count, 0);
}

/* A burst acknowledged at once is no faster than a round trip; news move the rate by a half or an eighth. */
static void rate_samples(void)
{
	time_ns now = NS_PER_S;

	anew(10 * MS);
	health_sent(&h, 10000, true, now);
	CHECK_EQ(health_proven(&h, 10000, 0, now + MS), 1);
	CHECK_EQ(h.rate_bytes, 4000000);
	anew(10 * MS);
	now = steady(now, 1, 10000, 10 * MS);
	CHECK_EQ(h.rate_bytes, 4000000);
	now = steady(now, 1, 20000, 10 * MS);
	CHECK_EQ(h.rate_bytes, 6000000);
	/* Less, with room to spare: the program sends no more. */
	now = steady(now, 1, 7000, 10 * MS);
	CHECK_EQ(h.rate_bytes, 6000000);
	/* Less, refused while these bytes were under way: the network takes no more. */
	health_sent(&h, 7000, true, now);
	health_full(&h);
	now += 10 * MS;
	CHECK_EQ(health_proven(&h, h.sent_bytes, 0, now), 1);
	CHECK_EQ(h.rate_bytes, 6000000 - (6000000 - 2800000) / 8);
	/* Refused before: it says nothing of these. */
	now = steady(now, 1, 7000, 10 * MS);
	CHECK_EQ(h.rate_bytes, 5600000);
	/* What goes on while bytes are under way is counted from evidence to evidence, a round trip at the least. */
	anew(10 * MS);
	health_sent(&h, 10000, true, now);
	health_sent(&h, 10000, true, now + 8 * MS);
	CHECK_EQ(health_proven(&h, 10000, 0, now + 10 * MS), 1);
	CHECK_EQ(h.rate_bytes, 4000000);
	health_sent(&h, 100000, true, now + 10 * MS);
	CHECK_EQ(health_proven(&h, 120000, 0, now + 12 * MS), 1);
	CHECK_EQ(h.rate_bytes, 4000000 + (11000000 - 4000000) / 2);
}

/* Lateness grows and fades by a quarter; early is not late. */
static void lateness(void)
{
	time_ns now = NS_PER_S;

	anew(20 * MS);
	CHECK_EQ(h.late_ns, 10 * MS);
	now = steady(now, 1, 1000, 20 * MS);
	CHECK_EQ(h.late_ns, 7500000);
	now = steady(now, 1, 1000, 15 * MS);
	CHECK_EQ(h.late_ns, 5625000);
	/* The peer's own wait before its ACK is not the network's. */
	h.late_ns = 0;
	health_sent(&h, 1000, true, now);
	CHECK_EQ(health_proven(&h, h.sent_bytes, 5 * MS, now + 20 * MS), 1);
	CHECK_EQ(h.late_ns, 0);
	/* An age below nothing is none. */
	h.srtt_ns = 20 * MS;
	now += 20 * MS;
	health_sent(&h, 1000, true, now);
	CHECK_EQ(health_proven(&h, h.sent_bytes, -5 * MS, now + 20 * MS), 1);
	CHECK_EQ(h.srtt_ns, 20 * MS);
}

/* When an answer is due, to the nanosecond, from what is known. */
static void due_times(void)
{
	time_ns now = NS_PER_S;

	anew(100 * MS);
	h.rttvar_ns = 5 * MS;
	health_sent(&h, 1000, true, now);
	CHECK_EQ(health_owed_at(&h), now + 100 * MS);
	CHECK_EQ(health_due_at(&h, FLOOR), now + 120 * MS);
	CHECK_EQ(health_due_at(&h, 50 * MS), now + 150 * MS);
	/* More went a while after it, and the first was answered: from the second on. */
	health_sent(&h, 1000, true, now + 60 * MS);
	CHECK_EQ(health_due_at(&h, FLOOR), now + 120 * MS);
	CHECK_EQ(health_proven(&h, 1000, 0, now + 100 * MS), 1);
	CHECK_EQ(h.srtt_ns, 100 * MS);
	CHECK_EQ(health_owed_at(&h), now + 160 * MS);
	CHECK_EQ(health_due_at(&h, 25 * MS), now + 185 * MS);
	/* Answers that trickle in: each puts it off by a quarter of the round trip, or the floor. */
	CHECK_EQ(health_proven(&h, 1500, 0, now + 200 * MS), 1);
	CHECK_EQ(health_owed_at(&h), now + 200 * MS);
	CHECK_EQ(health_due_at(&h, FLOOR), now + 225 * MS);
	CHECK_EQ(health_due_at(&h, 40 * MS), now + 240 * MS);
}

/* The carrier's round trip counts where it knows a shorter one. */
static void the_carriers_round_trip(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = -1, .rtt_ns = 30 * MS };

	anew(100 * MS);
	steady(NS_PER_S - 100 * MS, 1, 1000, 100 * MS);
	health_sent(&h, 1000, true, NS_PER_S);
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_owed_at(&h), NS_PER_S + 30 * MS);
	report.rtt_ns = 130 * MS;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_owed_at(&h), NS_PER_S + 100 * MS);
	report.rtt_ns = 0;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_owed_at(&h), NS_PER_S + 100 * MS);
	report.known = false;
	report.rtt_ns = 30 * MS;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_owed_at(&h), NS_PER_S + 100 * MS);
}

/* A clock that stops says nothing sooner than a round trip after what is owed was sent. */
static void a_stopped_clock_waits_for_what_is_owed(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1 };

	anew(2 * MS);
	h.srtt_ns = 50 * MS;
	health_report(&h, &report, NS_PER_S);
	health_sent(&h, 1000, true, NS_PER_S + 100 * MS);
	CHECK_EQ(health_stops_at(&h, FLOOR), NS_PER_S + 160 * MS);
	/* All proven, the carrier alone waits: the longest delay of an acknowledgement more. */
	CHECK_EQ(health_proven(&h, 1000, 0, NS_PER_S + 110 * MS), 1);
	CHECK_EQ(health_stops_at(&h, FLOOR), NS_PER_S + 3 * h.clock.spacing_ns + FLOOR + 500 * MS);
	CHECK_EQ(health_stops_at(&h, TIME_NEVER), TIME_NEVER);
	report.known = false;
	health_report(&h, &report, NS_PER_S + 111 * MS);
	CHECK_EQ(health_stops_at(&h, FLOOR), TIME_NEVER);
}

static void flapping_doubles_the_dwell(void)
{
	time_ns now = 2 * NS_PER_S, want;

	anew(20 * MS);
	want = 2 * h.dwell_ns;
	for (unsigned i = 0; i < 4; i++, want *= 2) {
		health_move(&h, HEALTH_ACTIVE, now += MS);
		health_move(&h, HEALTH_SUSPECT, now += MS);
		CHECK_EQ(h.dwell_ns, want);
		CHECK_EQ(h.state_at, now);
		health_move(&h, HEALTH_FRESH, now += MS);
	}
	/* Good for half a minute is not forgiven yet; a nanosecond more is. */
	health_move(&h, HEALTH_SUSPECT, now += 30 * NS_PER_S);
	CHECK_EQ(h.dwell_ns, want);
	health_move(&h, HEALTH_FRESH, now);
	health_move(&h, HEALTH_SUSPECT, now + 30 * NS_PER_S + 1);
	CHECK(h.dwell_ns < want / 8);
}

/* A path that is suspect as soon as it is there has to wait longer, however late it came. */
static void suspect_at_once(void)
{
	health_init(&h, stamps, 20 * MS, 100 * NS_PER_S);
	health_move(&h, HEALTH_SUSPECT, 101 * NS_PER_S);
	CHECK_EQ(h.dwell_ns, 40 * MS);
}

/* What goes out after a pause is measured from then on. */
static void a_pause_is_no_slowness(void)
{
	time_ns now = NS_PER_S;

	anew(10 * MS);
	now = steady(now, 1, 10000, 10 * MS);
	CHECK_EQ(h.rate_bytes, 4000000);
	now += 10 * NS_PER_S;
	health_sent(&h, 100000, true, now);
	CHECK_EQ(h.busy_at, now);
	CHECK_EQ(health_proven(&h, h.sent_bytes, 0, now + 20 * MS), 1);
	CHECK_EQ(h.rate_bytes, 4000000 + (8000000 - 4000000) / 2);
	CHECK_EQ(h.rtt_at, now + 20 * MS);
}

/* A carrier that has just heard its peer is heard of; half of the floor is how long that holds. */
static void how_fresh_a_carriers_word_is(void)
{
	static const struct { time_ns age_ns; bool silent; } ages[] = {
		{ 0, false }, { FLOOR / 2 - 1, false }, { FLOOR / 2, true },
	};
	time_ns due_at;

	for (unsigned i = 0; i < 3; i++) {
		struct carrier_report report = { .known = true, .ack_age_ns = ages[i].age_ns };

		anew(20 * MS);
		health_sent(&h, 1000, true, NS_PER_S);
		due_at = health_due_at(&h, FLOOR);
		CHECK(health_silent(&h, FLOOR, due_at));
		health_report(&h, &report, due_at);
		CHECK_EQ(health_silent(&h, FLOOR, due_at), ages[i].silent);
	}
}

/* A clock that runs need not be looked at, nor one of a path that is never suspected. */
static void which_clocks_are_looked_at(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = -1 };

	anew(20 * MS);
	health_sent(&h, 1000, true, NS_PER_S);
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_look_at(&h, TIME_NEVER), TIME_NEVER);
	CHECK_EQ(health_look_at(&h, FLOOR), NS_PER_S + 20 * MS + FLOOR);
	h.clock.running = true;
	CHECK_EQ(health_look_at(&h, FLOOR), TIME_NEVER);
}

/* Bytes ahead at the rate, what flies freely left out, and half the least round trip. */
static void arrival_times(void)
{
	anew(20 * MS);
	h.rate_bytes = 1000000;
	CHECK_EQ(health_arrival_ns(&h, 14600), 10 * MS);
	CHECK_EQ(health_arrival_ns(&h, 15600), 11 * MS);
	h.full_bytes = 1;
	CHECK_EQ(health_arrival_ns(&h, 15600), 25600 * NS_PER_US);
	health_sent(&h, 4400, true, NS_PER_S);
	CHECK_EQ(health_arrival_ns(&h, 15600), 30 * MS);
	h.late_ns = MS;
	CHECK_EQ(health_completion_ns(&h), 4400 * NS_PER_US + 20 * MS + 4 * MS);
	CHECK_EQ(health_most_outstanding(&h, false), 65536);
}

/* A burst from rest, and its first ACK at once for all of it: what it took beyond its round trip. */
static void the_rate_of_a_burst(void)
{
	static const struct {
		time_ns took_ns;
		uint64_t rate_bytes;
	} bursts[] = {
		{ 25 * MS, 10000000 },          /* 5 ms, and a quarter of 20 */
		{ 20 * MS, 20000000 },
		{ 10 * MS, 20000000 },          /* the ACK came by a faster path */
	};

	for (unsigned i = 0; i < 3; i++) {
		anew(20 * MS);
		health_sent(&h, 60000, true, NS_PER_S);
		health_sent(&h, 40000, true, NS_PER_S + MS);
		CHECK_EQ(health_proven(&h, 100000, 0, NS_PER_S + bursts[i].took_ns), 1);
		CHECK(h.rate_bytes >= bursts[i].rate_bytes && h.rate_bytes <= bursts[i].rate_bytes / 8 * 9);
	}
}

/* Less than was thought counts where the network was the limit: the bytes waited for each other. */
static void a_rate_that_was_thought_too_high(void)
{
	anew(20 * MS);
	h.rate_bytes = 8000000;
	health_sent(&h, 100000, true, NS_PER_S);
	CHECK_EQ(health_proven(&h, 100000, 0, NS_PER_S + 115 * MS), 1);
	CHECK_EQ(h.rate_bytes, 8000000 - (8000000 - 1000000) / 8);
	/* It took but a round trip: that is the program's rate. */
	health_sent(&h, 1000, true, 2 * NS_PER_S);
	CHECK_EQ(health_proven(&h, 101000, 0, 2 * NS_PER_S + 20 * MS), 1);
	CHECK_EQ(h.rate_bytes, 8000000 - (8000000 - 1000000) / 8);
	/* Of the 10 ms in which they came, a quarter of 20 and 5, they waited for others in half: not in more. */
	for (unsigned i = 0; i < 2; i++) {
		anew(20 * MS);
		h.rate_bytes = 8000000;
		health_sent(&h, 20000, true, NS_PER_S);
		CHECK_EQ(health_proven(&h, 20000, 0, NS_PER_S + 25 * MS + i), 1);
		CHECK_EQ(h.rate_bytes < 8000000, i > 0);
	}
}

/* What the carrier's window has no room for waits for a round trip, then for another while it doubles. */
static void arrival_by_the_carriers_window(void)
{
	struct carrier_report report = { .known = true, .window_bytes = 10000, .rtt_min_ns = 20 * MS };

	anew(20 * MS);
	CHECK(!health_predictable(&h));
	health_report(&h, &report, NS_PER_S);
	CHECK(health_predictable(&h));
	CHECK_EQ(health_arrival_ns(&h, 10000), 10 * MS);
	CHECK_EQ(health_arrival_ns(&h, 10001), 30 * MS);
	CHECK_EQ(health_arrival_ns(&h, 30000), 30 * MS);
	CHECK_EQ(health_arrival_ns(&h, 30001), 50 * MS);
	health_sent(&h, 1, true, NS_PER_S);
	CHECK_EQ(health_arrival_ns(&h, 30000), 50 * MS);
	/* Whichever takes longer, and never both. */
	h.full_bytes = 1;
	h.rate_bytes = 1000000;
	CHECK_EQ(health_arrival_ns(&h, 29999), 40 * MS);
	/* The carrier's round trip is there and back on one path. */
	report.rtt_min_ns = 40 * MS;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_arrival_ns(&h, 9999), 30 * MS);
	CHECK_EQ(health_arrival_ns(&h, 29999), 60 * MS);
	report.rtt_min_ns = 10 * MS;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(health_arrival_ns(&h, 9999), 20 * MS);
	/* A window changes with each round trip: what was told before many of them is no news. */
	anew(MS);
	report.rtt_min_ns = 0;
	health_report(&h, &report, NS_PER_S);
	CHECK(health_predictable(&h));
	CHECK_EQ(health_most_outstanding(&h, false), 10000);
	CHECK_EQ(health_arrival_ns(&h, 10001), MS + MS / 2);
	h.rtt_min_ns = MS - 2;
	CHECK(!health_predictable(&h));
	CHECK_EQ(health_most_outstanding(&h, false), 65536);
	CHECK_EQ(health_arrival_ns(&h, 10001), MS / 2 - 1);
}

/* However little the carrier sends at once, or has shown, it is known. */
static void a_window_of_one_byte(void)
{
	struct carrier_report report = { .known = true, .window_bytes = 1 };

	anew(20 * MS);
	health_report(&h, &report, NS_PER_S);
	CHECK(health_predictable(&h));
	CHECK_EQ(health_most_outstanding(&h, false), 1);
	CHECK_EQ(health_arrival_ns(&h, 3), 30 * MS);
	CHECK_EQ(health_arrival_ns(&h, 4), 50 * MS);
	anew(20 * MS);
	h.rate_bytes = 1;
	CHECK(health_predictable(&h));
}

/* Messages that are small wait for nothing but the peer's ACK. */
static void small_messages_tell_no_rate(void)
{
	time_ns now = NS_PER_S;

	anew(20 * MS);
	h.rate_bytes = 66000000;
	now = steady(now, 60, 200, 45 * MS);
	now = steady(now, 60, 14600, 45 * MS);
	CHECK_EQ(h.rate_bytes, 66000000);
	/* Nor larger ones by the time for which the peer held its ACK back. */
	for (unsigned i = 0; i < 60; i++) {
		health_sent(&h, 20000, true, now);
		now += 45 * MS;
		CHECK_EQ(health_proven(&h, h.sent_bytes, 25 * MS, now), 1);
	}
	CHECK_EQ(h.rate_bytes, 66000000);
	steady(now, 1, 20000, 45 * MS);
	CHECK(h.rate_bytes < 66000000);
}

/* A standstill between offer and answer looks like a round trip; the carrier knows better, until we do. */
static void a_handshake_that_took_long(void)
{
	struct carrier_report report = { .known = true, .ack_age_ns = 0, .rtt_ns = 20 * MS };

	anew(18 * NS_PER_S);
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(h.srtt_ns, 20 * MS);
	CHECK_EQ(h.rttvar_ns, 10 * MS);
	CHECK_EQ(h.rtt_min_ns, 20 * MS);
	CHECK_EQ(h.late_ns, 10 * MS);
	CHECK_EQ(h.clock.spacing_ns, 20 * MS);
	report.rtt_ns = 30 * MS;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(h.srtt_ns, 20 * MS);
	report.rtt_ns = 0;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(h.srtt_ns, 20 * MS);
	steady(NS_PER_S, 1, 1000, 20 * MS);
	report.rtt_ns = 10 * MS;
	health_report(&h, &report, 2 * NS_PER_S);
	CHECK_EQ(h.srtt_ns, 20 * MS);
	anew(18 * NS_PER_S);
	report.known = false;
	health_report(&h, &report, NS_PER_S);
	CHECK_EQ(h.srtt_ns, 18 * NS_PER_S);
}

/* How long a carrier is silent as a rule is not forgotten because its round trip is the one that was known. */
static void a_known_round_trip_is_no_news(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1, .rtt_ns = 20 * MS };
	time_ns now = NS_PER_S, stops_at;

	anew(20 * MS);
	health_sent(&h, 1000, true, now);
	health_report(&h, &report, now);
	now += 40 * MS;
	report.ack_age_ns = 40 * MS;
	health_report(&h, &report, now);
	report.delivered = 2;
	report.ack_age_ns = 0;
	health_report(&h, &report, now);
	stops_at = health_stops_at(&h, FLOOR);
	CHECK(stops_at > now + 40 * MS);
	health_report(&h, &report, now);
	CHECK_EQ(health_stops_at(&h, FLOOR), stops_at);
	/* A shorter one is. */
	report.rtt_ns = 10 * MS;
	health_report(&h, &report, now);
	CHECK(health_stops_at(&h, FLOOR) < stops_at);
}

int main(void)
{
	RUN(round_trips);
	RUN(the_least_round_trip_has_an_age);
	RUN(evidence);
	RUN(delivery_rate);
	RUN(no_number_overflows);
	RUN(silence);
	RUN(a_carrier_that_hears_its_peer_has_one_round_trip_more);
	RUN(what_the_carrier_carried);
	RUN(a_stopped_ack_clock_is_silence);
	RUN(a_clock_at_rest_is_looked_at);
	RUN(a_known_queue_is_no_lateness);
	RUN(how_much_may_be_outstanding);
	RUN(dwell);
	RUN(arrival_and_completion);
	RUN(a_late_beginning);
	RUN(the_least_round_trip_seen_again);
	RUN(stamps_are_thinned_out);
	RUN(rate_samples);
	RUN(lateness);
	RUN(due_times);
	RUN(the_carriers_round_trip);
	RUN(a_stopped_clock_waits_for_what_is_owed);
	RUN(flapping_doubles_the_dwell);
	RUN(suspect_at_once);
	RUN(a_pause_is_no_slowness);
	RUN(the_rate_of_a_burst);
	RUN(small_messages_tell_no_rate);
	RUN(a_handshake_that_took_long);
	RUN(a_rate_that_was_thought_too_high);
	RUN(arrival_by_the_carriers_window);
	RUN(a_window_of_one_byte);
	RUN(how_fresh_a_carriers_word_is);
	RUN(which_clocks_are_looked_at);
	RUN(arrival_times);
	RUN(a_known_round_trip_is_no_news);
	return 0;
}
