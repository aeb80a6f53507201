/* SPDX-License-Identifier: Apache-2.0 */
/* How windows grow, by what, how far, and when they are given back. */
#include "core/window.h"

#include <errno.h>

#include "core/session_internal.h"
#include "test/solo.h"
#include "test/test.h"
#include "test/world.h"

#define KIB   UINT64_C(1024)
#define MIB   (UINT64_C(1) << 20)
#define START (256 * KIB)
#define MOST  (8 * MIB)
#define RTT   (100 * NS_PER_MS)

/* Each round `bytes` in so many gulps; returns the wish afterwards. */
static uint64_t consume_rounds(struct window *w, uint64_t *consumed, time_ns *now, unsigned rounds,
			       uint64_t bytes, unsigned gulps)
{
	for (unsigned i = 0; i < rounds * gulps; i++) {
		*now += RTT / gulps;
		*consumed += bytes / gulps;
		window_arrived(w, RTT);
		window_consumed(w, *consumed, *consumed, *now);
	}
	return w->wish_bytes;
}

static void twice_what_a_round_trip_consumes(void)
{
	for (unsigned gulps = 1; gulps <= 64; gulps *= 8) {
		struct window w;
		uint64_t consumed = 0, wish;
		time_ns now = NS_PER_S;

		window_init(&w, START, MOST, now);
		CHECK_EQ(w.wish_bytes, START);
		/* Little needs no more than the start. */
		CHECK_EQ(consume_rounds(&w, &consumed, &now, 20, 64 * KIB, gulps), START);
		/* It may be ahead of a peer that gets faster, but not for good by more than twice that. */
		wish = consume_rounds(&w, &consumed, &now, 20, MIB, gulps);
		CHECK(wish >= 2 * MIB && wish <= 4 * MIB + 4 * BLOCK_BYTES);
		CHECK_EQ(consume_rounds(&w, &consumed, &now, 20, MIB, gulps), wish);
		/* Grown only, and no further than it may. */
		CHECK_EQ(consume_rounds(&w, &consumed, &now, 20, KIB, gulps), wish);
		CHECK_EQ(consume_rounds(&w, &consumed, &now, 20, 16 * MIB, gulps), MOST);
		window_rest(&w, consumed, consumed, now);
		CHECK_EQ(w.wish_bytes, START);
		CHECK_EQ(consume_rounds(&w, &consumed, &now, 5, KIB, gulps), START);
	}
}

/* Twice what was consumed in the round and what that is more than in the one before, whatever has arrived beyond. */
static void round_by_round(void)
{
	struct window w;

	window_init(&w, START, 64 * MIB, 0);
	for (unsigned life = 0; life < 2; life++) {
		uint64_t from = 3 * life * MIB;
		time_ns now = life * NS_PER_S;

		window_arrived(&w, RTT);
		CHECK(window_consumed(&w, from + MIB / 2, from + 8 * MIB, now + RTT));
		CHECK_EQ(w.wish_bytes, 2 * MIB);
		window_arrived(&w, RTT);
		CHECK(window_consumed(&w, from + 3 * MIB / 2, from + 16 * MIB, now + 2 * RTT));
		CHECK_EQ(w.wish_bytes, 3 * MIB);
		/* The same wish is none that grew. */
		window_arrived(&w, RTT);
		CHECK(!window_consumed(&w, from + 3 * MIB / 2 + 5 * MIB / 4, from + 24 * MIB, now + 3 * RTT));
		CHECK_EQ(w.wish_bytes, 3 * MIB);
		window_rest(&w, 3 * MIB, 3 * MIB, NS_PER_S);
	}
}

/* What is consumed counts from the first byte on; what has come and waits does not. */
static void to_the_byte(void)
{
	struct window w;

	window_init(&w, BLOCK_BYTES, MOST, 0);
	CHECK(!window_consumed(&w, 0, MOST, 1));
	/* Four times a quarter is a block, and a byte more takes another. */
	CHECK(!window_consumed(&w, BLOCK_BYTES / 4, BLOCK_BYTES / 4, 1));
	CHECK(window_consumed(&w, BLOCK_BYTES / 4 + 1, BLOCK_BYTES / 4 + 1, 1));
	CHECK_EQ(w.wish_bytes, 2 * BLOCK_BYTES);
}

/* A peer that starts slowly and doubles each round trip is never held up. */
static void ahead_of_a_slow_start(void)
{
	struct window w;
	uint64_t consumed = 0, flight = 14600;
	time_ns now = NS_PER_S;

	window_init(&w, START, 64 * MIB, now);
	for (unsigned i = 0; i < 10; i++, flight *= 2) {
		CHECK(w.wish_bytes >= flight);
		consume_rounds(&w, &consumed, &now, 1, flight, 16);
	}
	CHECK(flight > 14 * MIB);
}

/* The round is that of the slowest path that brings something, and never too short to measure. */
static void the_largest_round_trip_counts(void)
{
	struct window w;
	uint64_t consumed = 0;
	time_ns now = 0;

	window_init(&w, START, MOST, now);
	for (unsigned i = 0; i < 1000; i++) {
		now += NS_PER_MS;
		consumed += 10 * KIB;
		window_arrived(&w, i % 2 ? 50 * NS_PER_MS : 20 * NS_PER_US);
		window_consumed(&w, consumed, consumed, now);
	}
	CHECK(w.wish_bytes >= 1000 * KIB && w.wish_bytes <= 2100 * KIB);
	consumed = 0;
	window_init(&w, START, MOST, now);
	for (unsigned i = 0; i < 1000; i++) {
		now += NS_PER_MS;
		consumed += 10 * KIB;
		window_arrived(&w, 20 * NS_PER_US);
		window_consumed(&w, consumed, consumed, now);
	}
	CHECK(w.wish_bytes <= 512 * KIB);
}

/* Who comes once in a while, and takes all that has come meanwhile, in one gulp or in many. */
static void rare_visits_ask_for_little(void)
{
	for (unsigned gulps = 1; gulps <= 16; gulps *= 16) {
		struct window w;
		uint64_t consumed = 0, arrived = 0;
		time_ns now = 0;

		window_init(&w, START, MOST, now);
		for (unsigned visit = 0; visit < 20; visit++) {
			now += 10 * RTT;
			arrived += MIB;
			window_arrived(&w, RTT);
			for (unsigned i = 0; i < gulps; i++) {
				consumed += MIB / gulps;
				now += NS_PER_MS / gulps;
				window_consumed(&w, consumed, arrived, now);
			}
		}
		/* Twice what a tenth of a second brings, and its growth at first. */
		CHECK_EQ(w.wish_bytes, 448 * KIB);
	}
}

static void without_a_start_it_is_all(void)
{
	struct window w;

	window_init(&w, 0, MOST, 0);
	CHECK_EQ(w.wish_bytes, MOST);
	window_init(&w, 2 * MOST, MOST, 0);
	CHECK_EQ(w.wish_bytes, MOST);
	CHECK(!window_consumed(&w, MOST, MOST, NS_PER_S));
	/* Numbers that nobody can have. */
	window_init(&w, START, MOST, 0);
	CHECK(window_consumed(&w, STREAM_OFFSET_MAX, STREAM_OFFSET_MAX, NS_PER_S));
	CHECK_EQ(w.wish_bytes, MOST);
	window_init(&w, START, UINT64_MAX, 0);
	CHECK(window_consumed(&w, STREAM_OFFSET_MAX, STREAM_OFFSET_MAX, 1));
	CHECK_EQ(w.wish_bytes, STREAM_OFFSET_MAX);
	/* Nor does a round trip last so long; yet all that came in one is what one brings. */
	window_init(&w, START, MOST, 0);
	window_arrived(&w, 2000 * NS_PER_S);
	CHECK(window_consumed(&w, MIB, MIB, 2000 * NS_PER_S));
	CHECK_EQ(w.wish_bytes, 4 * MIB);
}

static void what_paths_want(void)
{
	uint64_t one = window_for_paths(125000000, 300 * NS_PER_MS, false);

	CHECK(one >= 75000000 && one < 75000000 + BLOCK_BYTES);
	CHECK_EQ(window_for_paths(0, RTT, false), 0);
	CHECK_EQ(window_for_paths(0, RTT, true), 0);
	/* 2 x 1 MB, and what comes in 2 x 5 ms: whole blocks. */
	CHECK_EQ(window_for_paths(100000000, 10 * NS_PER_MS, true), 46 * BLOCK_BYTES);
	/* In the cache of one processor, as fast as memory: 64 Gb/s at 50 us. */
	CHECK(window_for_paths(UINT64_C(8000000000), 50 * NS_PER_US, false) <= MIB);
	/* Several of a gigabit a second and no distance: as much as is sent until a copy is made. */
	CHECK(window_for_paths(250000000, 200 * NS_PER_US, true) >= 2 * 250000 * 4);
	CHECK(window_for_paths(UINT64_C(8000000000), 50 * NS_PER_US, true) <= 3 * MIB);
	CHECK_EQ(window_for_paths(UINT64_MAX, TIME_NEVER, true), STREAM_OFFSET_MAX / 2 + 2 * MIB);
	CHECK(window_for_paths(UINT64_MAX, 1, true) <= 4 * MIB);
}

/* --- in a session --- */

static struct solo *solo;

static void begin(void)
{
	struct session_config config = world_config(MODE_STRIPE);

	config.start_bytes = 128 * KIB;
	solo = solo_new(&config, MOST);
	solo_path(solo, 0, 10 * NS_PER_MS, true);
}

static void receive(uint64_t from, uint64_t to)
{
	while (from < to) {
		uint32_t length = (uint32_t)(to - from < FRAME_PAYLOAD_MAX ? to - from : FRAME_PAYLOAD_MAX);

		CHECK_EQ(solo_data(solo, 0, from, length, false), 0);
		from += length;
	}
}

/* Bytes that come and are not consumed, whatever their number, are no reason to take more. */
static void only_consuming_makes_it_grow(void)
{
	begin();
	CHECK_EQ(session_receive_limit(solo->s), 128 * KIB);
	receive(0, 128 * KIB);
	solo->now += NS_PER_S;
	CHECK_EQ(session_receive_wish(solo->s), 128 * KIB);
	CHECK_EQ(solo_data(solo, 0, 128 * KIB, 1, false), -EPROTO);
	solo_free(solo);
	begin();
	receive(0, 128 * KIB);
	session_receive_consume(solo->s, 100 * KIB, solo->now);
	CHECK(session_receive_wish(solo->s) >= 256 * KIB);
	/* And only as far as it is granted. */
	CHECK_EQ(session_receive_limit(solo->s), 228 * KIB);
	session_receive_grant(solo->s, 192 * KIB, solo->now);
	CHECK_EQ(session_receive_limit(solo->s), 292 * KIB);
	CHECK_EQ(session_receive_promised(solo->s), 192 * KIB);
	session_receive_grant(solo->s, UINT64_MAX, solo->now);
	CHECK_EQ(session_receive_promised(solo->s), 4 * MIB);
	solo_free(solo);
}

/* At rest it is small again. What was promised stands until it is used up; then it is as small, too. */
static void a_promise_outlives_the_rest(void)
{
	uint64_t limit;

	begin();
	receive(0, 128 * KIB);
	session_receive_consume(solo->s, 128 * KIB, solo->now);
	session_receive_grant(solo->s, session_receive_wish(solo->s), solo->now);
	limit = session_receive_limit(solo->s);
	CHECK(limit > 256 * KIB);
	session_rest(solo->s, solo->now + WINDOW_REST_NS - 1);
	CHECK(session_receive_wish(solo->s) > 128 * KIB);
	session_rest(solo->s, solo->now + WINDOW_REST_NS);
	CHECK_EQ(session_receive_wish(solo->s), 128 * KIB);
	CHECK_EQ(session_receive_limit(solo->s), limit);
	CHECK_EQ(session_receive_promised(solo->s), limit - 128 * KIB);
	solo->now += WINDOW_REST_NS;
	for (uint64_t at = 128 * KIB; at < limit; at += 4 * KIB) {
		CHECK_EQ(solo_data(solo, 0, at, 4 * KIB, false), 0);
		session_receive_consume(solo->s, 4 * KIB, solo->now);
		solo->now += 20 * NS_PER_MS;
		CHECK(session_receive_limit(solo->s) >= limit);
	}
	CHECK_EQ(session_receive_promised(solo->s), 128 * KIB);
	CHECK_EQ(session_receive_limit(solo->s), limit + 128 * KIB);
	solo_free(solo);
}

static void no_rest_with_something_to_do(void)
{
	struct session *s;

	begin();
	s = solo->s;
	receive(0, 128 * KIB);
	session_receive_consume(s, 127 * KIB, solo->now);
	session_rest(s, solo->now + 2 * WINDOW_REST_NS);
	CHECK(session_receive_wish(s) > 128 * KIB);
	session_receive_consume(s, KIB, solo->now);
	solo_write(solo, 1);
	session_rest(s, solo->now + 2 * WINDOW_REST_NS);
	CHECK(session_receive_wish(s) > 128 * KIB);
	solo_carry_all(solo);
	CHECK_EQ(solo_ack(solo, 0, 1, NULL, 0), 0);
	CHECK_EQ(solo_data(solo, 0, 129 * KIB, 1, false), 0);
	session_rest(s, solo->now + 2 * WINDOW_REST_NS);
	CHECK(session_receive_wish(s) > 128 * KIB);
	CHECK_EQ(solo_data(solo, 0, 128 * KIB, KIB, false), 0);
	session_receive_consume(s, KIB + 1, solo->now);
	session_rest(s, solo->now + 2 * WINDOW_REST_NS);
	CHECK_EQ(session_receive_wish(s), 128 * KIB);
	solo_free(solo);
}

/* --- in a world --- */

static void grant(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		session_receive_grant(w->host[i].session, session_receive_wish(w->host[i].session), w->now);
}

static bool granted(struct world *w)
{
	grant(w);
	return world_all_read(w);
}

/*
 * Several links of a kind; the last may be as much slower and longer. Long enough for many round trips, and no longer,
 * for that counts what is lost in the beginning for more.
 */
struct links {
	unsigned count;
	uint64_t rate_bytes;
	time_ns delay_ns;
	unsigned slower;
	time_ns lasts_ns;
};

static uint64_t read_in_time(enum session_mode mode, const struct links *links, uint64_t start_bytes)
{
	struct session_config config = world_config(mode);
	struct world *w;
	uint64_t read;

	config.send_limit_bytes = config.receive_limit_bytes = 8 * MIB;
	config.start_bytes = start_bytes;
	w = world_new(&config, &config);
	for (unsigned i = 0; i < links->count; i++) {
		unsigned slower = i + 1 == links->count ? links->slower : 1;

		world_add_link(w, links->rate_bytes / slower, links->delay_ns * slower);
	}
	w->host[0].to_write = UINT64_C(1) << 40;
	world_run(w, w->now + links->lasts_ns, granted);
	read = w->host[1].read;
	world_free(w);
	return read;
}

/* Links filled from small beginnings, by the modes that bring bytes together, as from large windows. */
static void fills_what_large_windows_fill(void)
{
	static const struct links all[] = {
		{ 2, 6250000, 40 * NS_PER_MS, 1, 5 * NS_PER_S },
		{ 2, 12500000, 10 * NS_PER_MS, 4, 5 * NS_PER_S / 2 },
		{ 3, 12500000, 5 * NS_PER_MS, 1, NS_PER_S },
		{ 2, 40000000, 100 * NS_PER_US, 1, NS_PER_S / 2 },
	};

	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
		for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_STRIPE; mode++) {
			uint64_t large = read_in_time(mode, &all[i], 0);
			uint64_t small = read_in_time(mode, &all[i], 256 * KIB);

			printf("  %u links of %u ms, mode %d: %.3f of what large windows give\n", all[i].count,
			       (unsigned)(all[i].delay_ns / NS_PER_MS), (int)mode, (double)small / (double)large);
			CHECK(small >= large / 100 * 95);
		}
}

/* A path alone has no more waiting than it needs: 8 MiB were 1.3 s of it. */
static void little_waits(void)
{
	struct session_config config = world_config(MODE_CONVERGE);
	struct world *w;
	uint64_t read;

	config.send_limit_bytes = config.receive_limit_bytes = 8 * MIB;
	config.start_bytes = 256 * KIB;
	w = world_new(&config, &config);
	world_add_link(w, 6250000, 40 * NS_PER_MS);
	w->host[0].to_write = UINT64_C(1) << 40;
	world_run(w, w->now + 5 * NS_PER_S, granted);
	read = w->host[1].read;
	world_run(w, w->now + 5 * NS_PER_S, granted);
	CHECK(w->host[1].read - read > 5 * UINT64_C(6250000) / 100 * 98);
	CHECK(session_unacknowledged(w->host[0].session) <= 4 * MIB);
	world_free(w);
}

static time_ns transfer_ns(uint64_t bytes, uint64_t start_bytes, bool second)
{
	struct session_config config = world_config(MODE_CONVERGE);
	struct world *w;
	time_ns took_ns;

	config.send_limit_bytes = config.receive_limit_bytes = 8 * MIB;
	config.start_bytes = start_bytes;
	w = world_new(&config, &config);
	world_add_link(w, 12500000, 20 * NS_PER_MS);
	if (second)
		world_add_link(w, 2500000, 40 * NS_PER_MS);
	w->host[0].to_write = bytes;
	w->host[0].finish = true;
	took_ns = -w->now;
	CHECK(world_run(w, w->now + 10 * NS_PER_S, granted));
	took_ns += w->now;
	world_free(w);
	return took_ns;
}

/*
 * Transfers that are short take no longer than with large windows, nor than on the better path alone: with what a
 * window begins with, and where memory is short with a round trip for what is beyond that.
 */
static void short_transfers(void)
{
	for (uint64_t bytes = 10000; bytes <= 1000000; bytes *= 10) {
		time_ns alone = transfer_ns(bytes, 0, false), large = transfer_ns(bytes, 0, true);
		time_ns usual = transfer_ns(bytes, MIB, true), scarce = transfer_ns(bytes, 256 * KIB, true);

		printf("  %" PRIu64 " bytes: %.1f ms, from 256 KiB %.1f, with large windows %.1f, on one path %.1f\n",
		       bytes, (double)usual / 1e6, (double)scarce / 1e6, (double)large / 1e6, (double)alone / 1e6);
		CHECK(usual <= large && usual <= alone + alone / 100);
		CHECK(scarce <= large + (bytes < START ? 0 : 40 * NS_PER_MS));
	}
}

int main(void)
{
	RUN(twice_what_a_round_trip_consumes);
	RUN(round_by_round);
	RUN(to_the_byte);
	RUN(ahead_of_a_slow_start);
	RUN(the_largest_round_trip_counts);
	RUN(rare_visits_ask_for_little);
	RUN(without_a_start_it_is_all);
	RUN(what_paths_want);
	RUN(only_consuming_makes_it_grow);
	RUN(a_promise_outlives_the_rest);
	RUN(no_rest_with_something_to_do);
	RUN(fills_what_large_windows_fill);
	RUN(little_waits);
	RUN(short_transfers);
	return 0;
}
