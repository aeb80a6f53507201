/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Either end, or both, restarted at random moments of a small world: both streams arrive whole, and both ends
 * close.
 *
 *   restart_test [SEED [COUNT]]
 */
#include "core/session_internal.h"
#include "test/random.h"
#include "test/test.h"
#include "test/world.h"

static struct world *random_world(void)
{
	struct session_config config[2];
	struct world *w;

	for (unsigned i = 0; i < 2; i++) {
		config[i] = world_config((enum session_mode)random_below(4));
		config[i].send_limit_bytes = (UINT64_C(16384) << random_below(7)) - random_below(100);
		config[i].receive_limit_bytes = (UINT64_C(16384) << random_below(7)) - random_below(100);
	}
	w = world_new(&config[0], &config[1]);
	w->strict = true;
	for (unsigned i = 0, links = 1 + (unsigned)random_below(3); i < links; i++)
		world_add_link(w, UINT64_C(500000) << random_below(6), (time_ns)random_below(30 * NS_PER_MS));
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].to_write = random_below(one_in(3) ? 3000 : 1500000);
		w->host[i].message_bytes = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].read_most = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].finish = one_in(2);
	}
	return w;
}

static void random_restarts(uint64_t seed)
{
	struct world *w;

	random_begin(seed);
	w = random_world();
	for (unsigned restarts = 1 + (unsigned)random_below(8); restarts > 0; restarts--) {
		unsigned victim = (unsigned)random_below(2);

		if (one_in(4))
			world_cut(w, (unsigned)random_below(w->links), one_in(2));
		w->host[victim].deaf = one_in(4);
		/* Long enough for several turns, short enough to fall into the middle of something. */
		world_run(w, w->now + (time_ns)random_below(one_in(2) ? 300 * NS_PER_MS : 20 * NS_PER_MS), NULL);
		world_restart(w, victim, (time_ns)random_below(one_in(3) ? 2 * NS_PER_S : 30 * NS_PER_MS));
		if (one_in(4))
			world_restart(w, !victim, 0);
		if (one_in(2) && !w->link[0].up)
			world_connect(w, 0);
	}
	for (unsigned i = 0; i < w->links; i++)
		world_cut(w, i, false);
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].deaf = false;
		w->host[i].finish = true;
		w->host[i].read_most = 0;
	}
	world_wake(w);
	if (!world_run(w, w->now + 60 * NS_PER_S, world_closed) || !world_all_read(w)) {
		fprintf(stderr, "seed %" PRIu64 ": state %d and %d, read %" PRIu64 " of %" PRIu64 ", %" PRIu64
			" of %" PRIu64 "\n", seed, (int)session_state(w->host[0].session),
			(int)session_state(w->host[1].session), w->host[0].read, w->host[1].to_write,
			w->host[1].read, w->host[0].to_write);
		exit(1);
	}
	world_free(w);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 150;

	for (uint64_t seed = first; seed < first + count; seed++)
		random_restarts(seed);
	printf("ok %" PRIu64 " seeds from %" PRIu64 "\n", count, first);
	return 0;
}
