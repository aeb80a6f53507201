/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The further sessions of a run at the server: a thread takes them while the work goes on, answers
 * the byte of each, and keeps them open (idle), or ends each before it takes the next (the sessions
 * work).
 */
#ifndef HAWSER_CMD_BENCH_GUESTS_H
#define HAWSER_CMD_BENCH_GUESTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "cmd/bench.h"

struct guests {
	const struct bench_settings *settings;
	int listening_fd;
	struct channel *kept; /* `count` of `most` are open */
	uint64_t most, count;
	int64_t before_bytes; /* memory of this process before the first */
	int64_t least_bytes;  /* ... and the least seen when all were open, if it was looked at */
	bool looked;
	_Atomic bool stopping;
	bool failed;
	pthread_t thread;
};

/* -1 after an error message, and nothing runs. */
int guests_start(struct guests *guests, const struct bench_settings *settings,
		 const struct bench_plan *plan, int listening_fd);
/* -1 when a guest did not do as was agreed. */
int guests_stop(struct guests *guests, struct idle_figures *figures);

#endif
