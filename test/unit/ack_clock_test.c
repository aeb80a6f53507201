/* SPDX-License-Identifier: Apache-2.0 */
/* The acknowledgement clock on reports made by hand. */
#include "core/ack_clock.h"
#include "test/test.h"

#define MS    NS_PER_MS
#define FLOOR (10 * NS_PER_MS)

static struct ack_clock clock_;
static time_ns now;

static void tell(time_ns wait_ns, bool waiting, uint64_t delivered, time_ns age_ns)
{
	struct carrier_report report = { .known = true, .waiting = waiting, .delivered = delivered,
					 .ack_age_ns = age_ns };

	now += wait_ns;
	ack_clock_report(&clock_, &report, now, now);
}

static void anew(time_ns rtt_ns)
{
	now = NS_PER_S;
	ack_clock_init(&clock_, rtt_ns);
}

/* Acknowledgements each millisecond for so many reports. */
static void steady(unsigned reports)
{
	for (unsigned i = 0; i < reports; i++)
		tell(5 * MS, true, clock_.delivered + 1, MS);
}

static void nothing_under_way_expects_nothing(void)
{
	anew(20 * MS);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), TIME_NEVER);
	tell(MS, false, 1, 0);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), TIME_NEVER);
	tell(NS_PER_S, false, 1, NS_PER_S);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
	/* An old age is not the silence of what has just begun. */
	tell(MS, true, 1, NS_PER_S + MS);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
	CHECK(ack_clock_stops_at(&clock_, FLOOR) > now + FLOOR);
	CHECK_EQ(ack_clock_stops_at(&clock_, TIME_NEVER), TIME_NEVER);
}

static void a_steady_clock_that_stops(void)
{
	time_ns heard_at;

	anew(100 * MS);
	steady(60);
	heard_at = now - MS;
	CHECK(clock_.spacing_ns < 2 * MS);
	CHECK(ack_clock_stops_at(&clock_, FLOOR) >= heard_at + FLOOR);
	CHECK(ack_clock_stops_at(&clock_, FLOOR) < heard_at + FLOOR + 6 * MS);
	tell(FLOOR / 2, true, clock_.delivered, MS + FLOOR / 2);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
	/* The age may be that of acknowledgements that say nothing new. */
	tell(FLOOR, true, clock_.delivered, 0);
	CHECK(ack_clock_stopped(&clock_, FLOOR));
	CHECK(!ack_clock_stopped(&clock_, TIME_NEVER));
	/* Heard again. */
	tell(MS, true, clock_.delivered + 1, 0);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
}

/* What has ended well is usual: a network that acknowledges in bunches has not stopped between them. */
static void usual_silences_are_learned(void)
{
	anew(MS);
	for (unsigned i = 0; i < 40; i++) {
		tell(15 * MS, true, i + 1, 0);
		tell(15 * MS, true, i + 1, 15 * MS);
		CHECK(i == 0 || !ack_clock_stopped(&clock_, FLOOR));
		tell(MS, true, i + 1, 16 * MS);
	}
	CHECK(clock_.spacing_ns >= 15 * MS);
	/* And forgotten. */
	steady(60);
	CHECK(clock_.spacing_ns < 2 * MS);
}

/* The silence at the end is not taken for a usual one while it lasts. */
static void a_silence_does_not_excuse_itself(void)
{
	anew(20 * MS);
	steady(60);
	for (unsigned i = 0; i < 100; i++)
		tell(5 * MS, true, clock_.delivered, MS + (time_ns)i * 5 * MS);
	CHECK(ack_clock_stopped(&clock_, FLOOR));
	CHECK(clock_.spacing_ns < 2 * MS);
}

/* One long silence, a repair or an outage, does not make the clock deaf to the next. */
static void a_long_silence_is_not_usual(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .rtt_ns = 20 * MS };
	time_ns healed_at;

	anew(20 * MS);
	steady(60);
	report.delivered = clock_.delivered;
	report.ack_age_ns = 10 * NS_PER_S;
	now += 10 * NS_PER_S;
	ack_clock_report(&clock_, &report, now, now);
	healed_at = now;
	report.delivered++;
	report.ack_age_ns = 0;
	ack_clock_report(&clock_, &report, now, now);
	CHECK(ack_clock_stops_at(&clock_, FLOOR) > now + 40 * MS);
	/* Asked only when the clock would have stopped, as a busy session does. */
	while (now < healed_at + 60 * NS_PER_S && ack_clock_stops_at(&clock_, FLOOR) > now + 40 * MS) {
		now = ack_clock_stops_at(&clock_, FLOOR);
		report.delivered++;
		ack_clock_report(&clock_, &report, now, now);
	}
	CHECK(now < healed_at + 10 * NS_PER_S);
}

/* No silence counts as usual beyond two round trips and 50 ms, as far as the carrier knows its round trip. */
static void how_long_a_silence_can_be_usual(void)
{
	static const struct {
		time_ns rtt_ns, silence_ns, usual_ns;
	} cases[] = {
		{ 20 * MS, 90 * MS - 1, 90 * MS - 1 }, { 20 * MS, 90 * MS + 1, 90 * MS },
		{ 20 * MS, NS_PER_S, 90 * MS }, { 1, NS_PER_S, 50 * MS + 2 },
		{ 200 * MS, NS_PER_S, 450 * MS }, { 0, NS_PER_S, NS_PER_S },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct carrier_report report = { .known = true, .waiting = true, .delivered = 1,
						 .rtt_ns = cases[i].rtt_ns };

		anew(MS);
		ack_clock_report(&clock_, &report, now, now);
		now += cases[i].silence_ns;
		report.ack_age_ns = cases[i].silence_ns;
		ack_clock_report(&clock_, &report, now, now);
		report.delivered++;
		report.ack_age_ns = 0;
		ack_clock_report(&clock_, &report, now, now);
		CHECK_EQ(clock_.spacing_ns, cases[i].usual_ns);
	}
}

/* What is under way was given before the report that shows it. */
static void a_clock_begins_when_bytes_were_given(void)
{
	struct carrier_report report = { .known = true, .waiting = true, .delivered = 1,
					 .ack_age_ns = NS_PER_S };

	anew(MS);
	tell(MS, false, 1, 0);
	now += NS_PER_S;
	ack_clock_report(&clock_, &report, now - 100 * MS, now);
	CHECK(ack_clock_stopped(&clock_, FLOOR));
	anew(MS);
	tell(MS, false, 1, 0);
	now += NS_PER_S;
	ack_clock_report(&clock_, &report, now, now);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
}

static void a_carrier_that_knows_nothing(void)
{
	struct carrier_report report = { .known = false };

	anew(20 * MS);
	steady(10);
	ack_clock_report(&clock_, &report, now + NS_PER_S, now + NS_PER_S);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), TIME_NEVER);
	report.known = true;
	report.waiting = true;
	report.ack_age_ns = -1;
	ack_clock_report(&clock_, &report, now + 2 * NS_PER_S, now + 2 * NS_PER_S);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), TIME_NEVER);
}

/* Three usual silences and the floor after the last news, which is as old as the carrier says. */
static void when_it_counts_as_stopped(void)
{
	time_ns begun;

	anew(16 * MS);
	tell(0, true, 1, 0);
	begun = now;
	CHECK_EQ(clock_.spacing_ns, 14 * MS);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), begun + 42 * MS + FLOOR);
	tell(20 * MS, true, 2, 4 * MS);
	CHECK_EQ(clock_.spacing_ns, 14 * MS - 14 * MS / 8);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), now - 4 * MS + 3 * clock_.spacing_ns + FLOOR);
	tell(ack_clock_stops_at(&clock_, FLOOR) - now - 1, true, 2, MS);
	CHECK(!ack_clock_stopped(&clock_, FLOOR));
	tell(1, true, 2, MS);
	CHECK(ack_clock_stopped(&clock_, FLOOR));
	/* Of a usual silence that is too long by so much an eighth is forgotten each time. */
	anew(16 * MS);
	tell(0, true, 1, 0);
	tell(6 * MS, true, 1, 6 * MS);
	tell(0, true, 2, 0);
	CHECK_EQ(clock_.spacing_ns, 13 * MS);
}

/* Silence while nothing was under way is none: it counts from when something is again. */
static void it_begins_anew_after_a_rest(void)
{
	anew(16 * MS);
	tell(0, true, 1, 0);
	tell(MS, false, 2, 0);
	tell(NS_PER_S, false, 2, NS_PER_S);
	CHECK_EQ(clock_.pending_ns, 0);
	tell(MS, true, 2, NS_PER_S + MS);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), now + 3 * clock_.spacing_ns + FLOOR);
	/* Not from each report on. */
	tell(5 * MS, true, 2, NS_PER_S + 6 * MS);
	CHECK_EQ(ack_clock_stops_at(&clock_, FLOOR), now - 5 * MS + 3 * clock_.spacing_ns + FLOOR);
	CHECK_EQ(clock_.pending_ns, 5 * MS);
	/* The longest that was seen before it ended is the usual one from then on. */
	tell(55 * MS, true, 2, NS_PER_S + 61 * MS);
	tell(MS, true, 3, 0);
	CHECK_EQ(clock_.spacing_ns, 60 * MS);
	CHECK_EQ(clock_.pending_ns, 0);
}

int main(void)
{
	RUN(nothing_under_way_expects_nothing);
	RUN(a_steady_clock_that_stops);
	RUN(usual_silences_are_learned);
	RUN(a_silence_does_not_excuse_itself);
	RUN(a_long_silence_is_not_usual);
	RUN(how_long_a_silence_can_be_usual);
	RUN(a_clock_begins_when_bytes_were_given);
	RUN(a_carrier_that_knows_nothing);
	RUN(when_it_counts_as_stopped);
	RUN(it_begins_anew_after_a_rest);
	return 0;
}
