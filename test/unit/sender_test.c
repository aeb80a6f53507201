/* SPDX-License-Identifier: Apache-2.0 */
/* The sending direction: how far it may go, and what acknowledgements do to it. */
#include <errno.h>

#include "core/window.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define LIMIT (4u << 20)

static struct solo *solo_with_paths(enum session_mode mode, unsigned paths)
{
	struct session_config config = world_config(mode);
	struct solo *solo = solo_new(&config, LIMIT);

	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, 10 * NS_PER_MS, true);
	return solo;
}

static void reach(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct sender *s = &solo->s->sender;

	CHECK_EQ(sender_reach(s), 0);
	solo_write(solo, 1000);
	CHECK_EQ(sender_reach(s), 1000);
	s->peer_limit = 999;
	session_send_finish(solo->s, solo->now);
	CHECK_EQ(sender_reach(s), 999);
	/* The phantom needs no room of its own. */
	s->peer_limit = 1000;
	CHECK_EQ(sender_reach(s), 1001);
	solo_free(solo);
}

static void acknowledged(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct sender *s = &solo->s->sender;
	struct stock *stock = &solo->s->stock;
	uint64_t start, end;

	solo_write(solo, 1000);
	CHECK_EQ(sender_acknowledge(s, stock, 1), -EPROTO);
	CHECK_EQ(sender_acknowledge_range(s, 5, 6), -EPROTO);
	solo_carry_all(solo);
	CHECK_EQ(sender_acknowledge_range(s, 100, 200), 0);
	CHECK(flight_first(&s->flight, 0, 1000, FLIGHT_ACKED, &start, &end));
	CHECK(start == 0 && end == 100);
	CHECK_EQ(sender_acknowledge(s, stock, 150), 0);
	CHECK_EQ(s->flight.base, 150);
	/* Old news: below the base, across it, and a cumulative offset that went back. */
	CHECK_EQ(sender_acknowledge_range(s, 10, 20), 0);
	CHECK_EQ(sender_acknowledge_range(s, 100, 180), 0);
	CHECK_EQ(sender_acknowledge(s, stock, 10), 0);
	CHECK_EQ(s->flight.base, 150);
	CHECK_EQ(sender_acknowledge(s, stock, 1000), 0);
	CHECK_EQ(s->buffer.table.held, 0);
	CHECK_EQ(sender_acknowledge(s, stock, 1001), -EPROTO);
	solo_free(solo);
}

/*
 * A peer that names every second byte: the table must not fill up so far that the sender cannot
 * mark what it sends next, and what was sent must stay known as sent.
 */
static void scattered_acknowledgements(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 2);
	struct sender *s = &solo->s->sender;

	s->peer_credit = UINT16_MAX;
	solo_write(solo, 100000);
	solo_carry_all(solo);
	for (uint64_t at = 1; at < 20000; at += 2)
		CHECK_EQ(sender_acknowledge_range(s, at, at + 1), 0);
	CHECK(flight_has_room(&s->flight));
	/* The only path that carried it is lost; all of it must go again, by the other one. */
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	for (unsigned i = 0; i < 5000; i++) {
		struct path *p = session_next_writer(solo->s, solo->now);

		if (p == NULL)
			break;
		CHECK(solo_carry(solo, p->slot, i % 2 == 0 ? SIZE_MAX : 100) > 0);
		if (i % 50 == 0)
			CHECK_EQ(sender_acknowledge(s, &solo->s->stock, s->flight.base + 300), 0);
		CHECK_EQ(flight_top(&s->flight), 100000);
	}
	CHECK(session_next_writer(solo->s, solo->now) == NULL);
	CHECK_EQ(flight_bytes(&s->flight, 0, 100000, FLIGHT_BIT(1) | FLIGHT_ACKED),
		 100000 - s->flight.base);
	solo_free(solo);
}

static void rate_and_stretches(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 3);
	struct sender *s = &solo->s->sender;

	for (unsigned i = 0; i < 3; i++)
		solo->path[i].health.rate_bytes = 1000000;
	CHECK_EQ(sender_rate(s), 3000000);
	session_path_lost(solo->s, &solo->path[0], REASON_PATH_RESET, false, solo->now);
	CHECK_EQ(sender_rate(s), 2000000);
	/* Slow paths: stretches of two frames at the least. */
	solo_write(solo, 4 * FRAME_PAYLOAD_MAX);
	CHECK_EQ(s->converge.count, 2);
	CHECK_EQ(s->converge.at[0].end, 2 * FRAME_PAYLOAD_MAX);
	/* Fast ones: a quarter of the window at the most. */
	solo->path[1].health.rate_bytes = UINT64_C(10000000000);
	solo_write(solo, 3u << 20);
	CHECK_EQ(s->converge.at[2].end - s->converge.at[1].end, LIMIT / 4);
	solo_free(solo);
}

/* How long a stretch is at a rate, in a window of LIMIT. */
static uint64_t stretch_at(uint64_t rate_bytes)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 1);
	uint64_t length_bytes;

	solo->path[0].health.rate_bytes = rate_bytes;
	solo_write(solo, LIMIT / 2);
	length_bytes = solo->s->sender.converge.at[0].end;
	solo_free(solo);
	return length_bytes;
}

/* A quarter of the window bounds a stretch from there on, neither sooner nor later. */
static void a_quarter_of_the_window(void)
{
	CHECK_EQ(stretch_at(200 * (LIMIT / 4 - 1000)), LIMIT / 4 - 1000);
	CHECK_EQ(stretch_at(200 * (LIMIT / 32 * 7)), LIMIT / 32 * 7);
	CHECK_EQ(stretch_at(200 * (LIMIT / 4 + 1000)), LIMIT / 4);
	CHECK_EQ(stretch_at(200 * (LIMIT / 32 * 9)), LIMIT / 4);
}

/* In between: as many bytes as all paths deliver in five milliseconds. */
static void stretches_take_five_milliseconds(void)
{
	struct solo *solo = solo_with_paths(MODE_CONVERGE, 2);
	struct sender *s = &solo->s->sender;

	solo->path[0].health.rate_bytes = 40000000;
	solo->path[1].health.rate_bytes = 20000000;
	solo_write(solo, 600000);
	CHECK_EQ(s->converge.count, 2);
	CHECK_EQ(s->converge.at[0].end, 300000);
	CHECK_EQ(s->converge.at[1].end, 600000);
	/* A suspect path delivers nothing that counts. */
	health_move(&solo->path[0].health, HEALTH_SUSPECT, solo->now);
	CHECK_EQ(sender_rate(s), 20000000);
	solo_free(solo);
}

static void the_longest_stretch(void)
{
	struct session_config config = world_config(MODE_CONVERGE);
	struct solo *solo;

	config.send_limit_bytes = 16u << 20;
	solo = solo_new(&config, LIMIT);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
	solo->path[0].health.rate_bytes = UINT64_C(10000000000);
	solo_write(solo, 5u << 20);
	CHECK_EQ(solo->s->sender.converge.at[0].end, 2u << 20);
	solo_free(solo);
}

/* What the peer holds needs no carriers: neighbours that differed in them become one. */
static void acknowledged_neighbours_become_one(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 2);
	struct sender *s = &solo->s->sender;

	solo_write(solo, 1000);
	CHECK_EQ(flight_mark(&s->flight, 0, 500, FLIGHT_BIT(0) | FLIGHT_SENT), 0);
	CHECK_EQ(flight_mark(&s->flight, 500, 1000, FLIGHT_BIT(1) | FLIGHT_SENT), 0);
	CHECK_EQ(sender_acknowledge_range(s, 100, 1000), 0);
	CHECK_EQ(s->flight.count, 2);
	CHECK_EQ(flight_carriers(&s->flight, 100, 1000), FLIGHT_ACKED | FLIGHT_SENT);
	CHECK_EQ(flight_carriers(&s->flight, 0, 100), FLIGHT_BIT(0) | FLIGHT_SENT);
	/* All that was sent may be acknowledged, to its last byte. */
	CHECK_EQ(sender_acknowledge(s, &solo->s->stock, 1000), 0);
	CHECK_EQ(s->flight.base, 1000);
	solo_free(solo);
}

/* A frame of which only the head went, whose bytes all remain, needs no block of its own. */
static void nothing_is_saved_that_stays(void)
{
	struct solo *solo = solo_with_paths(MODE_STRIPE, 1);
	struct sender *s = &solo->s->sender;
	struct path *p = &solo->path[0];

	solo_write(solo, 1000);
	solo_carry_all(solo);
	solo_write(solo, 1000);
	CHECK_EQ(solo_carry(solo, 0, FRAME_DATA_HEAD_BYTES), FRAME_DATA_HEAD_BYTES);
	CHECK(session_path_halved(p));
	CHECK_EQ(p->work->out.half.at, 1000);
	CHECK_EQ(sender_acknowledge(s, &solo->s->stock, 1000), 0);
	CHECK(p->work->out.tail == NULL);
	/* One byte of it, and it does. */
	CHECK_EQ(flight_mark(&s->flight, 1000, 1001, FLIGHT_SENT), 0);
	CHECK_EQ(sender_acknowledge(s, &solo->s->stock, 1001), 0);
	CHECK(p->work->out.tail != NULL);
	CHECK_EQ(p->work->out.tail_start, 1000);
	solo_free(solo);
}

/* --- the size of the window --- */

#define START (1u << 20)
#define MOST  (64u << 20)

/* A path whose bytes are under way, as far as the window is concerned. */
struct given_path {
	uint64_t rate_bytes;
	time_ns srtt_ns, rtt_min_ns;
	bool reported;
	time_ns carrier_ns, carrier_min_ns;
};

static struct solo *solo_growing(enum session_mode mode, unsigned paths, const struct given_path *given)
{
	struct session_config config = world_config(mode);
	struct solo *solo;

	config.send_limit_bytes = MOST;
	config.start_bytes = START / WINDOW_SEND_STARTS;
	solo = solo_new(&config, MOST);
	for (unsigned i = 0; i < paths; i++)
		solo_path(solo, i, NS_PER_MS, true);
	solo_write(solo, paths * FRAME_PAYLOAD_MAX);
	for (unsigned i = 0; i < paths; i++)
		CHECK(solo_carry(solo, i, FRAME_PAYLOAD_MAX) > 0);
	for (unsigned i = 0; i < paths; i++) {
		struct health *h = &solo->path[i].health;

		h->rate_bytes = given[i].rate_bytes;
		h->srtt_ns = given[i].srtt_ns;
		h->rtt_min_ns = given[i].rtt_min_ns;
		h->report.known = given[i].reported;
		h->report.rtt_ns = given[i].carrier_ns;
		h->report.rtt_min_ns = given[i].carrier_min_ns;
	}
	return solo;
}

/* What the window has become, in bytes; START: it did not grow. */
static uint64_t grown(enum session_mode mode, unsigned paths, const struct given_path *given)
{
	struct solo *solo = solo_growing(mode, paths, given);
	uint64_t limit_bytes;

	CHECK_EQ(solo->s->sender.buffer.limit_bytes, START);
	sender_grow(&solo->s->sender);
	limit_bytes = solo->s->sender.buffer.limit_bytes;
	solo_free(solo);
	return limit_bytes;
}

/* 100 MB/s: 100 KB in a millisecond. */
#define RATE 100000000u

/* Twice what is moved in that time, in whole blocks. */
static uint64_t twice(time_ns rtt_ns)
{
	return window_for_paths(RATE, rtt_ns, false);
}

static void one_path_of_a_network(void)
{
	struct given_path p = { RATE, 90 * NS_PER_MS, 20 * NS_PER_MS, true, 50 * NS_PER_MS, 15 * NS_PER_MS };

	/* The carrier's round trip, not that of our own queue ... */
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), twice(50 * NS_PER_MS));
	/* ... nor more of its queue than four of the least. */
	p.carrier_ns = 81 * NS_PER_MS;
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), twice(80 * NS_PER_MS));
	/* At a millisecond the network begins. */
	p = (struct given_path){ 10 * RATE, 9 * NS_PER_MS, 4 * NS_PER_MS, true, NS_PER_MS, 0 };
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), window_for_paths(10 * RATE, NS_PER_MS, false));
}

static void one_path_whose_carrier_says_nothing(void)
{
	struct given_path p = { RATE, 90 * NS_PER_MS, 20 * NS_PER_MS, false, 50 * NS_PER_MS, 10 * NS_PER_MS };

	CHECK_EQ(grown(MODE_STRIPE, 1, &p), twice(20 * NS_PER_MS));
}

static void one_path_within_the_machine(void)
{
	struct given_path p = { UINT64_C(1000000000), 900 * NS_PER_US, 700 * NS_PER_US, true, NS_PER_MS - 1, 600 * NS_PER_US };

	/* The least of both, where there is such. */
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), window_for_paths(p.rate_bytes, 600 * NS_PER_US, false));
	p.carrier_min_ns = 800 * NS_PER_US;
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), window_for_paths(p.rate_bytes, 700 * NS_PER_US, false));
	p.carrier_min_ns = 0;
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), window_for_paths(p.rate_bytes, 700 * NS_PER_US, false));
	p.carrier_min_ns = NS_PER_US;
	CHECK_EQ(grown(MODE_STRIPE, 1, &p), START);
}

static void several_paths_of_a_network(void)
{
	struct given_path p[3] = {
		{ RATE / 2, 40 * NS_PER_MS, 20 * NS_PER_MS, true, 30 * NS_PER_MS, 15 * NS_PER_MS },
		{ RATE / 2, 70 * NS_PER_MS, 20 * NS_PER_MS, true, 30 * NS_PER_MS, 15 * NS_PER_MS },
		{ 0, 50 * NS_PER_MS, 20 * NS_PER_MS, true, 30 * NS_PER_MS, 15 * NS_PER_MS },
	};
	uint64_t whole = window_for_paths(RATE, 70 * NS_PER_MS, true);

	/* All of the queue, of the one that delivers last, wherever it stands. */
	CHECK_EQ(grown(MODE_STRIPE, 3, p), whole);
	p[0].srtt_ns = 70 * NS_PER_MS;
	p[1].srtt_ns = 40 * NS_PER_MS;
	CHECK_EQ(grown(MODE_STRIPE, 2, p), whole);
	CHECK_EQ(grown(MODE_DUPLICATE, 2, p), whole);
	/* One alone may be as slow as a network. */
	p[1].carrier_ns = NS_PER_US;
	CHECK_EQ(grown(MODE_STRIPE, 2, p), whole);
	p[0].reported = false;
	CHECK_EQ(grown(MODE_STRIPE, 2, p), whole);
	/* Copies are not to go before what is new. */
	CHECK_EQ(grown(MODE_CONVERGE, 2, p), MOST);
	p[0].rate_bytes = RATE;
	CHECK_EQ(grown(MODE_CONVERGE, 1, p), twice(20 * NS_PER_MS));
}

static void several_paths_within_the_machine(void)
{
	struct given_path p[2] = {
		{ UINT64_C(1000000000), 900 * NS_PER_US, 600 * NS_PER_US, true, 100 * NS_PER_US, 500 * NS_PER_US },
		{ UINT64_C(1000000000), 900 * NS_PER_US, 800 * NS_PER_US, true, 100 * NS_PER_US, 700 * NS_PER_US },
	};

	CHECK_EQ(grown(MODE_STRIPE, 2, p), window_for_paths(UINT64_C(2000000000), 700 * NS_PER_US, false));
	p[0].carrier_min_ns = p[1].carrier_min_ns = 10 * NS_PER_US;
	CHECK_EQ(grown(MODE_STRIPE, 2, p), START);
}

static void what_carries_nothing_is_of_no_use(void)
{
	struct given_path p[2] = {
		{ RATE, 50 * NS_PER_MS, 20 * NS_PER_MS, true, 20 * NS_PER_MS, 20 * NS_PER_MS },
		{ 0, 200 * NS_PER_MS, 20 * NS_PER_MS, true, 20 * NS_PER_MS, 20 * NS_PER_MS },
	};
	struct solo *solo = solo_growing(MODE_STRIPE, 2, p);

	solo->path[1].health.proven_bytes = solo->path[1].health.sent_bytes;
	CHECK_EQ(health_outstanding(&solo->path[1].health), 0);
	sender_grow(&solo->s->sender);
	CHECK_EQ(solo->s->sender.buffer.limit_bytes, twice(20 * NS_PER_MS));
	solo_free(solo);

	/* A byte is something. */
	solo = solo_growing(MODE_STRIPE, 2, p);
	solo->path[1].health.proven_bytes = solo->path[1].health.eliciting_bytes - 1;
	sender_grow(&solo->s->sender);
	CHECK_EQ(solo->s->sender.buffer.limit_bytes, window_for_paths(RATE, 200 * NS_PER_MS, true));
	solo_free(solo);

	solo = solo_growing(MODE_STRIPE, 2, p);
	health_move(&solo->path[1].health, HEALTH_SUSPECT, solo->now);
	sender_grow(&solo->s->sender);
	CHECK_EQ(solo->s->sender.buffer.limit_bytes, twice(20 * NS_PER_MS));
	solo_free(solo);
}

static void it_only_grows_to_its_most(void)
{
	struct given_path p = { RATE, 90 * NS_PER_MS, 50 * NS_PER_MS, true, 50 * NS_PER_MS, 15 * NS_PER_MS };
	struct solo *solo = solo_growing(MODE_STRIPE, 1, &p);
	struct sender *s = &solo->s->sender;

	/* Of what is acknowledged. */
	CHECK_EQ(sender_acknowledge(s, &solo->s->stock, 1), 0);
	CHECK_EQ(s->buffer.limit_bytes, twice(50 * NS_PER_MS));
	solo->path[0].health.rate_bytes = RATE / 2;
	sender_grow(s);
	CHECK_EQ(s->buffer.limit_bytes, twice(50 * NS_PER_MS));
	solo->path[0].health.rate_bytes = 100 * (uint64_t)RATE;
	sender_grow(s);
	CHECK_EQ(s->buffer.limit_bytes, MOST);
	sender_rest(s);
	CHECK_EQ(s->buffer.limit_bytes, START);
	solo_free(solo);
}

int main(void)
{
	RUN(reach);
	RUN(acknowledged);
	RUN(scattered_acknowledgements);
	RUN(rate_and_stretches);
	RUN(a_quarter_of_the_window);
	RUN(stretches_take_five_milliseconds);
	RUN(the_longest_stretch);
	RUN(acknowledged_neighbours_become_one);
	RUN(nothing_is_saved_that_stays);
	RUN(one_path_of_a_network);
	RUN(one_path_whose_carrier_says_nothing);
	RUN(one_path_within_the_machine);
	RUN(several_paths_of_a_network);
	RUN(several_paths_within_the_machine);
	RUN(what_carries_nothing_is_of_no_use);
	RUN(it_only_grows_to_its_most);
	return 0;
}
