/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a measurement, and what they report. */
#ifndef HAWSER_CMD_BENCH_H
#define HAWSER_CMD_BENCH_H

#include <jansson.h>
#include <stdbool.h>

#include "cmd/bench_idle.h"
#include "cmd/bench_plan.h"
#include "cmd/channel.h"
#include "cmd/common.h"
#include "cmd/delivery.h"
#include "cmd/histogram.h"

struct bench_settings {
	struct common common;
	struct channel_settings channel;
	struct bench_plan plan;
	const char *timeline; /* file, or NULL */
	bool listen;
	bool once;
	const char *address;
};

/* What one end saw of a run. */
struct bench_outcome {
	bool intact;
	struct delivery delivery;
	struct histogram latency; /* of the asking end */
	double seconds;           /* from plan to the last byte */
	double cpu_seconds;       /* of this process in that time, all its threads */
	struct idle_figures idle; /* of further sessions, while they stood open */
	struct idle_figures sampled; /* work sessions, at the client: some of them before their end */
};

/* Reads the command line. STATUS_FINE, with *helped when that was all; or what to exit with. */
int bench_parse(struct bench_settings *settings, int argc, char **argv, bool *helped);
extern const char bench_help[];

/*
 * One end's part of a run whose plan both know. listening_fd: where further sessions of the client
 * come in; -1 at the client. True when all went well; errors have been told.
 */
bool bench_carry_out(struct channel *channel, const struct bench_settings *settings,
		     const struct bench_plan *plan, int listening_fd,
		     struct bench_outcome *outcome);

/* Both return the exit status. */
int bench_serve(const struct bench_settings *settings);
int bench_ask(const struct bench_settings *settings);

/* One end as JSON, a new reference (NULL: no memory); and the whole run, from the two. */
json_t *bench_report_end(const struct channel *channel, const struct bench_plan *plan,
			 const struct bench_outcome *outcome, bool client);
json_t *bench_report_run(const struct bench_settings *settings, json_t *client, json_t *server);
/* For people, on standard output. Either way -1 when it could not be written. */
int bench_report_print(const json_t *run, bool as_json);

#endif
