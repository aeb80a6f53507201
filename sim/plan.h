/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world as it is drawn by the seed, before anything happens in it: networks, hosts, and the
 * schedule of faults. What the shrinker changes is kept as a cut: a plan is always seed + options +
 * cut.
 */
#ifndef HAWSER_SIM_PLAN_H
#define HAWSER_SIM_PLAN_H

#include "core/session.h"
#include "sim/options.h"
#include "sim/random.h"

struct plan_network {
	uint64_t rate_bytes;            /* per second */
	time_ns delay_ns, jitter_ns;
	uint32_t loss_ppm;
	uint64_t queue_bytes;
	bool absent;                    /* at first; FAULT_PATH_ADD brings it */
};

struct plan_host {
	enum session_mode mode;
	uint64_t send_limit_bytes, receive_limit_bytes;
	uint64_t start_bytes;           /* of the windows; 0: all from the start */
	uint64_t to_write;              /* by the program, before it closes its direction */
	uint64_t write_most, read_most; /* in one go */
	uint64_t lend_most;             /* lent and not back; 0: the program lends nothing */
	time_ns think_ns;               /* between two writes */
	uint64_t discard_at; /* the program reads no further than this; UINT64_MAX: all */
	time_ns latency_ns;             /* from an event until the process runs */
	time_ns probe_interval_ns;
	bool overdue_off;
};

struct plan {
	uint64_t seed;
	unsigned networks;
	struct plan_network network[SIM_NETWORKS];
	struct plan_host host[SIM_HOSTS];
	enum session_kind kind;
	uint64_t message_most;
	uint32_t packet_bytes;
	uint32_t send_kernel_bytes, receive_kernel_bytes;
	time_ns resume_timeout_ns, orphan_timeout_ns;
	bool hard, early, fast;
	time_ns idle_ns;
	bool half_idle;                 /* one of the two ends its direction before that silence */
	unsigned fault_count;
	struct fault fault[FAULTS_MAX];
};

/* What is left of a plan: kept faults by number, durations and bytes halved so often. */
struct plan_cut {
	uint32_t dropped;               /* a bit for each fault */
	uint8_t halved[FAULTS_MAX];
	uint8_t bytes_halved;
};

void plan_draw(struct plan *plan, const struct sim_options *options, uint64_t seed);
void plan_apply(struct plan *plan, const struct plan_cut *cut);
void plan_print(const struct plan *plan);

#endif
