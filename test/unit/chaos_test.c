/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, by a seed: modes, rates, delays, windows, cuts in one direction or both, breaks,
 * replaced carriers, stopped hosts, slow readers, both directions, half-closes. After healing every
 * byte must have arrived (the world compares each) and both ends must close, in bounded virtual time;
 * no reset, no memory and no ranges beyond their bounds, no wake-up lost.
 *
 *   chaos_test [SEED [COUNT]]
 */
#include "core/session_internal.h"
#include "test/random.h"
#include "test/test.h"
#include "test/world.h"

static uint64_t seed;
static bool verbose;

static void say(const struct world *w, const char *what, unsigned which, uint64_t value)
{
	if (verbose)
		printf("  %9.4f s  %s %u: %" PRIu64 "\n", (double)w->now / 1e9, what, which, value);
}

#define MUST(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "seed %" PRIu64 ": ", seed); \
		describe(w); \
		CHECK(condition); \
	} \
} while (0)

static void describe(struct world *w)
{
	fprintf(stderr, "at %.4f s\n", (double)w->now / 1e9);
	for (unsigned i = 0; i < 2; i++) {
		struct world_host *host = &w->host[i];
		const struct session *s = host->session;

		fprintf(stderr, "  host %u: state %d reason %d mode %d written %" PRIu64 "/%" PRIu64
			" read %" PRIu64 " base %" PRIu64 " top %" PRIu64 " limit %" PRIu64 " runs %u ahead %u"
			" blocks %u\n", i, (int)session_state(s), (int)session_reason(s),
			(int)session_mode(s), host->written, host->to_write, host->read, s->sender.flight.base,
			flight_top(&s->sender.flight), s->sender.peer_limit, flight_runs(&s->sender.flight),
			s->receive.ahead.count, host->blocks);
		for (unsigned k = 0; k < w->links; k++) {
			const struct path *p = &w->link[k].path[i];
			const struct world_pipe *pipe = &w->link[k].pipe[i];

			fprintf(stderr, "    link %u: up %d health %d roomy %d outstanding %" PRIu64
				" rate %" PRIu64 " pipe %" PRIu64 "/%" PRIu64 "\n", k, w->link[k].up,
				(int)p->health.state, p->roomy, health_outstanding(&p->health),
				p->health.rate_bytes, pipe->arrived, pipe->written);
		}
	}
}

static void check_bounds(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct session *s = w->host[i].session;
		unsigned slots = buffer_slots_for(s->config.send_limit_bytes) +
				 buffer_slots_for(s->config.receive_limit_bytes);

		MUST(session_state(s) != SESSION_RESET);
		MUST(s->receive.ahead.count <= RANGE_CREDIT);
		MUST(flight_runs(&s->sender.flight) <= RANGE_CREDIT);
		/* Both windows, the spare ones, a tail for every path, one to read into, one to list loans. */
		MUST(w->host[i].blocks <= slots + STOCK_BLOCKS + PATHS_MAX + 2);
	}
}

static uint64_t random_window(void)
{
	return UINT64_C(65536) << random_below(7);
}

static uint64_t random_rate(void)
{
	return UINT64_C(50000) << random_below(9);
}

static struct world *random_world(void)
{
	struct session_config config[2];
	struct world *w;

	for (unsigned i = 0; i < 2; i++) {
		config[i] = world_config((enum session_mode)random_below(4));
		config[i].send_limit_bytes = random_window() - random_below(100);
		config[i].receive_limit_bytes = random_window() - random_below(100);
		config[i].overdue_off = one_in(8);
	}
	w = world_new(&config[0], &config[1]);
	w->strict = true;
	for (unsigned i = 0, links = 1 + (unsigned)random_below(WORLD_LINKS); i < links; i++)
		world_add_link(w, random_rate(), (time_ns)random_below(60 * NS_PER_MS));
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].message_bytes = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].read_most = one_in(3) ? 1 + random_below(20000) : 0;
		w->host[i].lend_bytes = one_in(2) ? 1 + random_below(one_in(2) ? 3000 : 300000) : 0;
	}
	return w;
}

static void change_link(struct world *w, unsigned i)
{
	struct world_link *link = &w->link[i];

	switch (random_below(7)) {
	case 0:
		world_cut(w, i, !link->cut);
		say(w, "cut", i, link->cut);
		break;
	case 1:
		world_mute(w, i, 0, !link->mute[0]);
		say(w, "mute from 0 of", i, link->mute[0]);
		break;
	case 2:
		world_mute(w, i, 1, !link->mute[1]);
		say(w, "mute from 1 of", i, link->mute[1]);
		break;
	case 3:
		say(w, "break", i, link->up);
		world_break(w, i, false);
		break;
	case 4:
		say(w, "connect", i, link->up);
		world_connect(w, i);
		break;
	case 5:
		link->rate_bytes = random_rate();
		say(w, "rate", i, link->rate_bytes);
		break;
	case 6:
		link->delay_ns = (time_ns)random_below(60 * NS_PER_MS);
		say(w, "delay", i, (uint64_t)link->delay_ns);
		break;
	}
}

static void change_host(struct world *w, unsigned i)
{
	struct world_host *host = &w->host[i];

	switch (random_below(6)) {
	case 0:
		session_set_mode(host->session, (enum session_mode)random_below(4), w->now);
		say(w, "mode", i, session_mode(host->session));
		break;
	case 1:
		session_ask_mode(host->session, (enum session_mode)random_below(4), w->now);
		say(w, "asks mode", i, 0);
		break;
	case 2:
		host->stopped = !host->stopped;
		say(w, "stopped", i, host->stopped);
		break;
	case 3:
		host->deaf = !host->deaf;
		say(w, "deaf", i, host->deaf);
		break;
	case 4:
		/* One direction may end before the healing; both ends at once could not be told apart
		 * from a peer that vanished. */
		if (!w->host[!i].finish)
			host->finish = true;
		say(w, "finish", i, host->finish);
		break;
	default:
		if (!host->finish)
			host->to_write += random_below(one_in(3) ? 2000000 : 5000);
		say(w, "to write", i, host->to_write);
		break;
	}
	world_wake(w);
}

/* Everything whole again. Bytes per second that the slowest link and the smallest window must give. */
static uint64_t heal(struct world *w)
{
	uint64_t slowest = UINT64_MAX;

	for (unsigned i = 0; i < w->links; i++) {
		world_cut(w, i, false);
		world_mute(w, i, 0, false);
		world_mute(w, i, 1, false);
		if (w->link[i].rate_bytes < slowest)
			slowest = w->link[i].rate_bytes;
	}
	for (unsigned i = 0; i < 2; i++) {
		w->host[i].stopped = w->host[i].deaf = false;
		w->host[i].finish = true;
		w->host[i].read_most = 0;
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct session_config *config = &w->host[i].session->config;

		/* A window for two round trips of the longest link. */
		if (4 * config->send_limit_bytes < slowest)
			slowest = 4 * config->send_limit_bytes;
		if (4 * config->receive_limit_bytes < slowest)
			slowest = 4 * config->receive_limit_bytes;
	}
	world_wake(w);
	return slowest;
}

static void run(uint64_t number)
{
	struct world *w;
	uint64_t slowest, left;
	time_ns healed_at;

	seed = number;
	random_begin(number);
	w = random_world();
	for (unsigned i = 0; i < 2; i++)
		w->host[i].to_write = random_below(one_in(2) ? 4000000 : 30000);
	for (unsigned steps = 5 + (unsigned)random_below(40); steps > 0; steps--) {
		world_run(w, w->now + (time_ns)random_below(one_in(5) ? NS_PER_S : 100 * NS_PER_MS), NULL);
		check_bounds(w);
		if (one_in(2))
			change_link(w, (unsigned)random_below(w->links));
		else
			change_host(w, (unsigned)random_below(2));
	}
	slowest = heal(w);
	healed_at = w->now;
	left = w->host[0].to_write - w->host[1].read + w->host[1].to_write - w->host[0].read;
	/* What is left, and as much again in copies that the carriers hold; and some seconds. */
	left = (2 * left + (256u << 10)) / slowest + 5;
	while (!world_closed(w)) {
		MUST(w->now < healed_at + (time_ns)left * NS_PER_S);
		world_run(w, w->now + 100 * NS_PER_MS, world_closed);
		check_bounds(w);
	}
	MUST(world_all_read(w));
	if (verbose)
		printf("seed %" PRIu64 ": closed %.3f s after healing, %.1f s allowed\n", seed,
		       (double)(w->now - healed_at) / 1e9, (double)left);
	world_free(w);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 100;

	verbose = argc > 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t number = first; number < first + count; number++)
		run(number);
	printf("ok %" PRIu64 " seeds from %" PRIu64 "\n", count, first);
	return 0;
}
