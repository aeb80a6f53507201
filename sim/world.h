/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world: two hosts with one session, the networks between them, virtual time, and what goes
 * wrong. No thread, no clock, no address of memory decides anything: the seed does.
 */
#ifndef HAWSER_SIM_WORLD_H
#define HAWSER_SIM_WORLD_H

#include "sim/carrier.h"
#include "sim/coverage.h"
#include "sim/events.h"
#include "sim/host.h"
#include "sim/network.h"
#include "sim/plan.h"

struct active_fault {
	struct fault fault;
	time_ns until;
	bool flapped;                   /* FAULT_FLAP: off at the moment */
	time_ns flap_at;
};

enum world_phase {
	PHASE_FAULTS,           /* the schedule is not through */
	PHASE_DELIVER,          /* all is healed; everything must arrive */
	PHASE_IDLE,             /* everything has arrived: silence */
	PHASE_CLOSE,            /* the programs have closed; both ends must see it */
	PHASE_DONE,
};

struct world {
	struct plan plan;
	time_ns now;
	uint64_t steps;
	struct events events;
	struct network network[SIM_NETWORKS];
	struct carrier carrier[CARRIERS_MAX];
	uint32_t carrier_serial;
	struct host host[SIM_HOSTS];
	uint64_t key[SIM_HOSTS];                /* of what host i writes */

	struct active_fault active[FAULTS_MAX];
	unsigned active_count;
	unsigned next_fault;
	time_ns fault_at, fault_event_at, armed_until;
	time_ns disrupted_until; /* the last moment at which a fault explained lost paths */
	bool ending;                            /* a fault ended a session, or may have */

	enum world_phase phase;
	time_ns phase_at, healed_at, phase_limit;
	uint64_t idle_writes;

	unsigned fired, counted;                /* faults; those that met bytes in flight */
	time_ns rtt_most_ns;                    /* as TCP measured it: no clock leaps there */
	struct coverage coverage;
	uint64_t digest;
	bool verbose;
};

struct world_result {
	uint64_t digest, bytes, steps;
	time_ns virtual_ns, rtt_most_ns;
	unsigned fired, counted;
	bool hard;
	struct coverage coverage;
};

/* Runs it to its end; a failure ends the process by world_fail. */
void world_run(struct world *w, const struct plan *plan, bool verbose, struct world_result *result);

/* Says what went wrong where, and ends the process with WORLD_FAILED. */
#define WORLD_FAILED 3
void world_fail(const struct world *w, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
#define world_must(w, condition, ...) do { \
	if (!(condition)) \
		world_fail(w, __VA_ARGS__); \
} while (0)
/* For people, when verbose. */
void world_say(const struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void world_wake(struct world *w, unsigned host);
bool world_listens(const struct world *w, unsigned host);
bool world_accept(struct world *w, struct carrier_id id);
void world_digest(struct world *w, uint64_t value);

/* schedule.c: faults come and go. */
void schedule_init(struct world *w);
void schedule_event(struct world *w);
bool schedule_is_over(const struct world *w);

/* oracle.c */
void oracle_host(struct world *w, struct host *host);
void oracle_ends(struct world *w, struct host *host);
void oracle_phase(struct world *w);

#endif
