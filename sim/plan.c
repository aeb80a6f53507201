/* SPDX-License-Identifier: Apache-2.0 */
/* See plan.h. */
#include "sim/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATES 4u

static void draw_network(struct random *r, const struct sim_options *o,
			 struct plan_network *network)
{
	network->rate_bytes = random_scale(r, o->rate_least, o->rate_most);
	network->delay_ns = (time_ns)random_scale(r, 20 * 1000, (uint64_t)o->delay_most_ns);
	if (random_one_in(r, 3))
		network->jitter_ns = (time_ns)random_below(r, (uint64_t)network->delay_ns + 1);
	if (random_one_in(r, o->lossy_one_in))
		network->loss_ppm = (uint32_t)random_scale(r, 10, 20000);
	network->queue_bytes = network->rate_bytes / 1000 * random_scale(r, 5, 200) + 30000;
}

static void draw_host(struct random *r, const struct sim_options *o, struct plan_host *host)
{
	host->mode = (enum session_mode)random_below(r, 4);
	host->send_limit_bytes = random_scale(r, o->window_least, o->window_most);
	host->receive_limit_bytes = random_scale(r, o->window_least, o->window_most);
	host->to_write = random_scale(r, o->bytes_least, o->bytes_most);
	host->write_most = random_one_in(r, 4) ? random_scale(r, 100, 20000)
					       : random_scale(r, 16384, 1u << 20);
	host->read_most = random_one_in(r, 6) ? random_scale(r, 2000, 20000)
					      : random_scale(r, 65536, 1u << 20);
	host->think_ns = random_one_in(r, 4) ? (time_ns)random_below(r, 20 * NS_PER_MS) : 0;
	host->discard_at = random_one_in(r, 24) ? random_below(r, host->to_write) : UINT64_MAX;
	host->latency_ns = (time_ns)random_scale(r, 1000, 200 * 1000);
	host->probe_interval_ns = (time_ns)random_between(r, 1, 10) * NS_PER_S;
	host->overdue_off = random_one_in(r, 8);
}

/* From numbers of its own, so that all else stays as it was for a seed. */
static void draw_lending(struct plan *plan)
{
	struct random r;

	random_init(&r, plan->seed, 2);
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		plan->host[i].lend_most = random_one_in(&r, 2) ? random_scale(&r, 1000, 8u << 20) : 0;
}

static void draw_starts(struct plan *plan)
{
	struct random r;

	random_init(&r, plan->seed, 3);
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		plan->host[i].start_bytes =
			random_one_in(&r, 4) ? 0 : random_scale(&r, 4096, plan->host[i].receive_limit_bytes);
}

static void draw_silence(struct plan *plan)
{
	struct random r;

	random_init(&r, plan->seed, 7);
	plan->half_idle = random_one_in(&r, 2);
}

/*
 * Networks nearly as fast as memory, and programs that wait with much of that: largest frames in long rows. From
 * numbers of its own, as above.
 */
static void draw_fast(struct plan *plan, const struct sim_options *o)
{
	struct random r;

	random_init(&r, plan->seed, 6);
	plan->fast = random_one_in(&r, o->fast_one_in);
	if (!plan->fast)
		return;
	for (unsigned i = 0; i < SIM_NETWORKS; i++) {
		struct plan_network *network = &plan->network[i];

		network->rate_bytes = random_scale(&r, 50 * 1000 * 1000, 500 * 1000 * 1000);
		network->delay_ns = (time_ns)random_scale(&r, 10 * 1000, 200 * 1000);
		network->jitter_ns = 0;
		network->queue_bytes = 1u << 20;
	}
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		struct plan_host *host = &plan->host[i];

		host->send_limit_bytes = host->receive_limit_bytes = random_scale(&r, 512u << 10, 4u << 20);
		host->to_write *= 2;
		host->write_most = random_scale(&r, 128u << 10, 1u << 20);
		host->think_ns = 0;
		host->latency_ns = (time_ns)random_scale(&r, 10 * 1000, 2000 * 1000);
	}
	plan->kind = SESSION_STREAM;
	plan->send_kernel_bytes = plan->receive_kernel_bytes = 512u << 10;
}

static uint64_t draw_argument(struct random *r, enum fault_kind kind)
{
	uint64_t low = fault_traits[kind].argument_low, high = fault_traits[kind].argument_high;

	if (high == 0)
		return 0;
	return low > 0 ? random_scale(r, low, high) : random_below(r, high + 1);
}

static void draw_fault(struct random *r, const struct sim_options *o, struct plan *plan,
		       enum fault_kind kind)
{
	struct fault *fault = &plan->fault[plan->fault_count];
	const struct fault_traits *traits = &fault_traits[kind];
	uint64_t longest = (uint64_t)traits->longest_ns / 100 * o->time_percent;

	fault->number = (uint8_t)plan->fault_count++;
	fault->kind = (uint8_t)kind;
	fault->network = (uint8_t)random_below(r, plan->networks);
	fault->host = (uint8_t)random_below(r, SIM_HOSTS);
	fault->wish = WISH_NONE;
	fault->gap_ns = (time_ns)random_scale(
		r, 20 * 1000, random_one_in(r, 6) ? 2000 * 1000 * 1000 : 60 * 1000 * 1000);
	fault->duration_ns = 0;
	if (traits->lasts)
		fault->duration_ns = (time_ns)random_scale(r, (uint64_t)o->fault_least_ns,
							   longest > (uint64_t)o->fault_least_ns
								   ? longest
								   : (uint64_t)o->fault_least_ns);
	fault->argument = draw_argument(r, kind);
}

static enum fault_kind draw_kind(struct random *r, const struct sim_options *o, bool hard)
{
	uint64_t sum = 0, at;

	for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
		sum += !hard && fault_traits[kind].ends ? 0 : o->weight[kind];
	at = random_below(r, sum);
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
		unsigned weight = !hard && fault_traits[kind].ends ? 0 : o->weight[kind];

		if (at < weight)
			return (enum fault_kind)kind;
		at -= weight;
	}
	return FAULT_LOSS;
}

/* What brings paths into the state that a fault waits for. */
static enum fault_kind cause_of(struct random *r, unsigned state)
{
	static const enum fault_kind suspicion[] = { FAULT_BLACKHOLE, FAULT_ONE_WAY, FAULT_ZOMBIE,
						     FAULT_FLAP };
	static const enum fault_kind loss[] = { FAULT_RESET, FAULT_ADDRESS, FAULT_PATH_REMOVE };

	if (state == HEALTH_SUSPECT)
		return suspicion[random_below(r, 4)];
	return loss[random_below(r, 3)];
}

/* Aims at one cell of the coverage table, another one for each seed. */
static void steer(struct random *r, const struct sim_options *o, struct plan *plan)
{
	uint64_t cell = plan->seed;
	unsigned mode = (unsigned)(cell % 4), state = (unsigned)(cell / 4 % STATES);
	enum fault_kind kind = (enum fault_kind)(cell / (4 * STATES) % FAULT_KINDS);

	if (o->weight[kind] == 0 || plan->early)
		return;
	plan->hard = plan->hard || fault_traits[kind].ends;
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		plan->host[i].mode = (enum session_mode)mode;
	if (plan->networks < 2)
		plan->networks = 2;
	if (kind == FAULT_PATH_ADD) {
		plan->network[plan->networks - 1].absent = true;
		draw_fault(r, o, plan, kind);
		plan->fault[0].network = (uint8_t)(plan->networks - 1);
		return;
	}
	if (state != HEALTH_ACTIVE)
		draw_fault(r, o, plan, cause_of(r, state));
	draw_fault(r, o, plan, kind);
	for (unsigned i = 0; i < plan->fault_count; i++) {
		plan->fault[i].gap_ns = 1 * NS_PER_MS + (time_ns)random_below(r, 20 * NS_PER_MS);
		plan->fault[i].wish = HEALTH_ACTIVE;
		if (i > 0)
			plan->fault[i].gap_ns = 20 * 1000;
	}
	plan->fault[plan->fault_count - 1].wish = (int8_t)state;
	if (state == HEALTH_SUSPECT && plan->fault[0].duration_ns < 300 * NS_PER_MS)
		plan->fault[0].duration_ns += 300 * NS_PER_MS;
	if (state == HEALTH_SUSPECT && plan->fault[0].kind == FAULT_ZOMBIE &&
	    plan->fault[0].argument < 200)
		plan->fault[0].argument += 200;
	if (state == HEALTH_DOWN && plan->fault[0].kind == FAULT_PATH_REMOVE)
		plan->fault[0].duration_ns += 50 * NS_PER_MS;
}

static void draw_timeouts(struct random *r, struct plan *plan)
{
	/* Where nothing may end before its time no fault outlasts these; else many do. */
	plan->resume_timeout_ns = random_one_in(r, 4) ? TIME_NEVER : 7200 * NS_PER_S;
	plan->orphan_timeout_ns = 900 * NS_PER_S;
	if (!plan->hard && !plan->early)
		return;
	plan->resume_timeout_ns = (time_ns)random_between(r, 5, 90) * NS_PER_S;
	plan->orphan_timeout_ns = 3 * NS_PER_S;
}

void plan_draw(struct plan *plan, const struct sim_options *o, uint64_t seed)
{
	struct random r;
	unsigned faults;

	random_init(&r, seed, 1);
	memset(plan, 0, sizeof *plan);
	plan->seed = seed;
	plan->networks = random_one_in(&r, 8) ? 1
					      : (unsigned)random_between(&r, 2, o->networks_most);
	for (unsigned i = 0; i < SIM_NETWORKS; i++) {
		draw_network(&r, o, &plan->network[i]);
		plan->network[i].absent = i > 0 && random_one_in(&r, 8);
	}
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		draw_host(&r, o, &plan->host[i]);
	if (random_one_in(&r, 3)) {
		struct plan_host *host = &plan->host[random_below(&r, SIM_HOSTS)];

		host->to_write = random_below(&r, 3000);
	}
	plan->kind = random_one_in(&r, o->messages_one_in) ? SESSION_MESSAGES : SESSION_STREAM;
	plan->message_most = random_scale(&r, 10, 200000);
	plan->packet_bytes = random_one_in(&r, 4) ? 1448 : random_one_in(&r, 3) ? 16384 : 4344;
	plan->send_kernel_bytes = (uint32_t)random_scale(&r, 32768, 512u << 10);
	plan->receive_kernel_bytes = (uint32_t)random_scale(&r, 16384, 512u << 10);
	plan->hard = random_one_in(&r, o->hard_one_in);
	plan->early = random_one_in(&r, o->early_one_in);
	plan->idle_ns = random_one_in(&r, o->idle_one_in)
				? (time_ns)random_between(&r, 30, 600) * NS_PER_S
				: 0;
	faults = (unsigned)random_between(&r, o->faults_least, o->faults_most);
	if (o->steered)
		steer(&r, o, plan);
	draw_timeouts(&r, plan);
	draw_fast(plan, o);
	draw_lending(plan);
	draw_starts(plan);
	draw_silence(plan);
	while (plan->fault_count < faults)
		draw_fault(&r, o, plan, draw_kind(&r, o, plan->hard));
}

void plan_apply(struct plan *plan, const struct plan_cut *cut)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < plan->fault_count; i++) {
		struct fault fault = plan->fault[i];

		if (cut->dropped >> i & 1)
			continue;
		fault.duration_ns >>= cut->halved[i];
		plan->fault[kept++] = fault;
	}
	plan->fault_count = kept;
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		plan->host[i].to_write >>= cut->bytes_halved;
}

void plan_print(const struct plan *plan)
{
	static const char *const modes[] = { "converge", "stripe", "duplicate", "backup" };

	printf("seed %" PRIu64 ": %s%s%s%s%s, packets of %u, kernel buffers %u and %u\n", plan->seed,
	       plan->kind == SESSION_MESSAGES ? "messages" : "stream", plan->hard ? ", hard" : "",
	       plan->early ? ", early" : "", plan->fast ? ", fast" : "",
	       plan->idle_ns == 0 ? "" : plan->half_idle ? ", idle half closed" : ", idle", plan->packet_bytes,
	       plan->send_kernel_bytes, plan->receive_kernel_bytes);
	for (unsigned i = 0; i < plan->networks; i++)
		printf("  network %u: %" PRIu64
		       " B/s, %.3f ms, jitter %.3f ms, loss %u ppm, queue %" PRIu64 "%s\n",
		       i, plan->network[i].rate_bytes, (double)plan->network[i].delay_ns / 1e6,
		       (double)plan->network[i].jitter_ns / 1e6, plan->network[i].loss_ppm,
		       plan->network[i].queue_bytes, plan->network[i].absent ? ", absent" : "");
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		printf("  host %u: %s, writes %" PRIu64 ", lends %" PRIu64 ", windows %" PRIu64
		       " and %" PRIu64 " from %" PRIu64 "%s\n",
		       i, modes[plan->host[i].mode], plan->host[i].to_write, plan->host[i].lend_most,
		       plan->host[i].send_limit_bytes, plan->host[i].receive_limit_bytes,
		       plan->host[i].start_bytes,
		       plan->host[i].discard_at != UINT64_MAX ? ", discards" : "");
	for (unsigned i = 0; i < plan->fault_count; i++)
		fault_print(&plan->fault[i]);
}
