/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Further sessions of a run that stand open and silent, at the client, and what they cost: memory of
 * this process. They are opened in turn, with a byte each way, before the work begins.
 */
#ifndef HAWSER_CMD_BENCH_IDLE_H
#define HAWSER_CMD_BENCH_IDLE_H

#include <stdint.h>

#include "cmd/bench_plan.h"
#include "cmd/channel.h"

struct bench_settings;

struct idle_figures {
	uint64_t sessions;
	uint64_t paths;       /* that work, of all of them */
	int64_t memory_bytes; /* by which this process had grown when they stood open */
};

struct idle {
	struct channel *channels; /* `figures.sessions` of them are open */
	struct idle_figures figures;
};

/* -1 after an error message; idle_close is due in either case. */
int idle_open(struct idle *idle, const struct bench_settings *settings,
	      const struct bench_plan *plan);
void idle_close(struct idle *idle, struct idle_figures *figures);

/* Memory that belongs to this process alone: neither files nor what the kernel keeps for it. */
int64_t idle_memory_bytes(void);

/* How many paths of this session work. */
unsigned idle_paths(const struct channel *channel);

/* Asks for as many descriptors as this process may have. */
void idle_raise_limit(void);

#endif
