/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions work: opened, one byte each way, closed, as often as fits; and its pieces. */
#ifndef HAWSER_CMD_BENCH_SESSIONS_H
#define HAWSER_CMD_BENCH_SESSIONS_H

#include "cmd/bench.h"

/* One more session to the same server, a byte exchanged. -1 after an error message, and closed. */
int sessions_open(struct channel *channel, const struct bench_settings *settings);
/* Its other side. False when the peer did not do the same. */
bool sessions_answer(struct channel *channel);

/* Notes the time of each; their number is that of the deliveries' messages. */
int bench_sessions_ask(struct channel *channel, const struct bench_settings *settings,
		       const struct bench_plan *plan, struct bench_outcome *outcome);

#endif
