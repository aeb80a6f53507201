/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timeline: a table, one row every 10 ms, of what had been delivered in order and what each path
 * had carried, for plots. Columns, separated by tabs:
 *
 *   seconds  received  acknowledged  then for each of 8 path places: sent  received (copies
 * included)
 *
 * A path keeps its place; comments at the end of the file say which path that was. seconds counts
 * from the time given in the first comment, on the clock that never steps back.
 */
#ifndef HAWSER_CMD_TIMELINE_H
#define HAWSER_CMD_TIMELINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/channel.h"
#include "cmd/delivery.h"

#define TIMELINE_PATHS_MAX 8u

struct timeline {
	FILE *file;
	const struct channel *channel;
	const struct delivery *delivery;
	uint64_t start_ns;
	atomic_bool stopping;
	pthread_t thread;
	unsigned places;
	struct hawser_path_info paths[TIMELINE_PATHS_MAX]; /* as last seen */
};

/* Begins to write; -1 after an error message. Channel and delivery must outlive it. */
int timeline_start(struct timeline *timeline, const char *file_name, const struct channel *channel,
		   const struct delivery *delivery);
/* Writes the last row and closes the file; -1 after an error message when not all was written. */
int timeline_stop(struct timeline *timeline);

#endif
