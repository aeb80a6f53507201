/* SPDX-License-Identifier: Apache-2.0 */
/* Two sessions in a small world: every mode, cuts, losses, ends. */
#include "test/test.h"
#include "test/world.h"

#define MBIT(n) ((uint64_t)(n) * 125000)

static struct world *two_links(enum session_mode mode, uint64_t rate_a, time_ns delay_a, uint64_t rate_b,
			       time_ns delay_b)
{
	struct session_config config = world_config(mode);
	struct world *w = world_new(&config, &config);

	world_add_link(w, rate_a, delay_a);
	world_add_link(w, rate_b, delay_b);
	return w;
}

static const char *const mode_names[] = { "converge", "stripe", "duplicate", "backup" };

static void everything_arrives(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_BACKUP; mode++) {
		struct world *w = two_links(mode, MBIT(100), 10 * NS_PER_MS, MBIT(20), 40 * NS_PER_MS);
		struct session_figures f;
		time_ns start = w->now;

		w->host[0].to_write = 12u << 20;
		w->host[1].to_write = 3u << 20;
		w->host[0].finish = w->host[1].finish = true;
		CHECK(world_run(w, start + 60 * NS_PER_S, world_closed));
		CHECK(world_all_read(w));
		session_figures(w->host[0].session, &f);
		printf("  %s: %.2f s, duplicates %.2f MB\n", mode_names[mode], (double)(w->now - start) / 1e9,
		       (double)f.duplicate_sent / 1e6);
		world_free(w);
	}
}

static void silent_cut(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_BACKUP; mode++) {
		for (unsigned victim = 0; victim < 2; victim++) {
			struct world *w = two_links(mode, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);
			struct session_figures f;

			w->host[0].to_write = 64u << 20;
			world_run(w, w->now + 2 * NS_PER_S, NULL);
			w->host[1].measure = true;
			world_cut(w, victim, true);
			world_run(w, w->now + 2 * NS_PER_S, NULL);
			w->host[1].measure = false;
			CHECK_EQ(session_state(w->host[0].session), SESSION_OPEN);
			world_cut(w, victim, false);
			CHECK(world_run(w, w->now + 60 * NS_PER_S, world_all_read));
			session_figures(w->host[0].session, &f);
			printf("  %s, path %u cut: gap %.1f ms, duplicates %.2f MB\n", mode_names[mode], victim,
			       (double)w->host[1].longest_gap_ns / 1e6, (double)f.duplicate_sent / 1e6);
			world_free(w);
		}
	}
}

static void carrier_breaks(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_BACKUP; mode++) {
		struct world *w = two_links(mode, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

		w->host[0].to_write = w->host[1].to_write = 16u << 20;
		w->host[0].finish = w->host[1].finish = true;
		for (unsigned i = 0; i < 20; i++) {
			world_run(w, w->now + 70 * NS_PER_MS, NULL);
			world_break(w, i % 2, i % 3 == 0);
		}
		CHECK(world_run(w, w->now + 60 * NS_PER_S, world_closed));
		CHECK(world_all_read(w));
		world_free(w);
	}
}

static void all_paths_out(void)
{
	struct world *w = two_links(MODE_CONVERGE, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

	w->host[0].to_write = 16u << 20;
	world_run(w, w->now + NS_PER_S, NULL);
	world_cut(w, 0, true);
	world_cut(w, 1, true);
	world_run(w, w->now + 100 * NS_PER_S, NULL);
	CHECK(!world_all_read(w));
	world_cut(w, 0, false);
	world_cut(w, 1, false);
	CHECK(world_run(w, w->now + 5 * NS_PER_S, world_all_read));
	world_free(w);
}

/* Liveness timers off: the copies alone must finish every block. */
static void no_timers(void)
{
	for (unsigned overdue_off = 0; overdue_off < 2; overdue_off++) {
		for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_DUPLICATE; mode += 2) {
			struct session_config config = world_config(mode);
			struct world *w;

			config.suspect_floor_ns = TIME_NEVER;
			config.probe_interval_ns = TIME_NEVER;
			config.overdue_off = overdue_off;
			w = world_new(&config, &config);
			w->redial = false;
			world_add_link(w, MBIT(50), 10 * NS_PER_MS);
			world_add_link(w, MBIT(50), 10 * NS_PER_MS);
			w->host[0].to_write = 24u << 20;
			world_run(w, w->now + NS_PER_S, NULL);
			w->host[1].measure = true;
			world_cut(w, 0, true);
			CHECK(world_run(w, w->now + 20 * NS_PER_S, world_all_read));
			printf("  %s overdue %s: gap %.1f ms\n", mode_names[mode], overdue_off ? "off" : "on",
			       (double)w->host[1].longest_gap_ns / 1e6);
			world_free(w);
		}
	}
}

static void stopped_peer_starts_no_storm(void)
{
	for (enum session_mode mode = MODE_CONVERGE; mode <= MODE_STRIPE; mode++) {
		struct world *w = two_links(mode, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);
		struct session_figures before, after;

		w->host[0].to_write = 64u << 20;
		w->redial = false;
		world_run(w, w->now + 2 * NS_PER_S, NULL);
		session_figures(w->host[0].session, &before);
		w->host[1].stopped = true;
		world_run(w, w->now + 2 * NS_PER_S, NULL);
		w->host[1].stopped = false;
		world_run(w, w->now + 1 * NS_PER_S, NULL);
		session_figures(w->host[0].session, &after);
		printf("  %s: duplicates %.2f MB\n", mode_names[mode],
		       (double)(after.duplicate_sent - before.duplicate_sent) / 1e6);
		CHECK(after.duplicate_sent - before.duplicate_sent < (4u << 20));
		CHECK(world_run(w, w->now + 60 * NS_PER_S, world_all_read));
		world_free(w);
	}
}

static void vanished_peer_is_a_reset(void)
{
	struct world *w = two_links(MODE_CONVERGE, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

	w->redial = false;
	w->host[0].to_write = 1u << 20;
	CHECK(world_run(w, w->now + NS_PER_S, world_all_read));
	world_break(w, 0, true);
	world_break(w, 1, true);
	world_run(w, w->now + 2 * NS_PER_S, NULL);
	CHECK_EQ(session_state(w->host[1].session), SESSION_OPEN);
	world_run(w, w->now + 2 * NS_PER_S, NULL);
	CHECK_EQ(session_state(w->host[1].session), SESSION_RESET);
	CHECK_EQ(session_reason(w->host[1].session), REASON_PEER_VANISHED);
	CHECK_EQ(session_state(w->host[0].session), SESSION_OPEN);
	world_free(w);
}

static void idle_holds_no_block(void)
{
	struct world *w = two_links(MODE_STRIPE, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

	w->host[0].to_write = 1u << 20;
	CHECK(world_run(w, w->now + NS_PER_S, world_all_read));
	/* Between two probes: one that is under way keeps the session awake. */
	world_run(w, w->now + 5 * NS_PER_S / 4, NULL);
	for (unsigned i = 0; i < 2; i++) {
		void *block;

		while ((block = session_reclaim(w->host[i].session)) != NULL) {
			free(block);
			w->host[i].blocks--;
		}
		CHECK_EQ(w->host[i].blocks, 0);
	}
	world_free(w);
}

static void mode_asked_of_the_peer(void)
{
	struct world *w = two_links(MODE_STRIPE, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

	world_run(w, w->now + NS_PER_S, NULL);
	session_ask_mode(w->host[0].session, MODE_DUPLICATE, w->now);
	world_run(w, w->now + NS_PER_S, NULL);
	CHECK_EQ(session_mode(w->host[1].session), MODE_DUPLICATE);
	CHECK_EQ(session_mode(w->host[0].session), MODE_STRIPE);
	/* Asked while there is no path: kept until there is one. */
	w->redial = false;
	world_break(w, 0, false);
	world_break(w, 1, false);
	session_ask_mode(w->host[0].session, MODE_BACKUP, w->now);
	world_connect(w, 0);
	world_run(w, w->now + NS_PER_S, NULL);
	CHECK_EQ(session_mode(w->host[1].session), MODE_BACKUP);
	world_free(w);
}

static void abort_reaches_the_peer(void)
{
	struct world *w = two_links(MODE_STRIPE, MBIT(50), 10 * NS_PER_MS, MBIT(50), 10 * NS_PER_MS);

	w->host[0].to_write = 8u << 20;
	world_run(w, w->now + 300 * NS_PER_MS, NULL);
	session_reset(w->host[0].session, REASON_ABORTED, w->now);
	world_run(w, w->now + NS_PER_S, NULL);
	CHECK_EQ(session_state(w->host[1].session), SESSION_RESET);
	CHECK_EQ(session_reason(w->host[1].session), REASON_ABORTED);
	world_free(w);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	RUN(everything_arrives);
	RUN(silent_cut);
	RUN(carrier_breaks);
	RUN(all_paths_out);
	RUN(no_timers);
	RUN(stopped_peer_starts_no_storm);
	RUN(vanished_peer_is_a_reset);
	RUN(idle_holds_no_block);
	RUN(mode_asked_of_the_peer);
	RUN(abort_reaches_the_peer);
	return 0;
}
