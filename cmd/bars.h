/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress on standard error: a headline and one line for each path. On a terminal they are
 * rewritten in place; elsewhere plain lines are added, once a second.
 *
 *   converge   62 %  124 MB of 200 MB   71.2 MB/s
 *     net1  active   [==============------]  47.8 MB/s  rtt 1.2 ms
 *     net2  suspect  [--------------------]   0.0 MB/s  rtt 8.1 ms (1.2 s ago)  no acknowledgement
 */
#ifndef HAWSER_CMD_BARS_H
#define HAWSER_CMD_BARS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/channel.h"

struct bars {
	const struct channel *channel;
	bool terminal;
	unsigned lines;    /* on the terminal, to be gone back over */
	unsigned wide;     /* columns of the terminal */
	uint64_t shown_ns; /* when they were last shown; 0: never */
	uint64_t done;     /* bytes at that time */
	uint64_t noted;    /* bytes at the last look */
	uint64_t first_ns; /* when it began */
	uint64_t moved_ns; /* when more was last seen to be done */
	double best_per_s; /* the fastest any path was: a full bar */
	double per_s;      /* of all, smoothed */
	struct bars_path {
		uint32_t id;
		uint64_t bytes;
		double per_s;
	} paths[CHANNEL_PATHS_MAX];
	struct hawser_path_info last[CHANNEL_PATHS_MAX]; /* as they were last seen */
	unsigned last_count;
};

void bars_init(struct bars *bars, const struct channel *channel);

/*
 * Shows, unless it is too early for that or all is done, what was done of total bytes (0: not
 * known). headline says what is going on.
 */
void bars_show(struct bars *bars, const char *headline, uint64_t done, uint64_t total);

/* Shows once more, now mean rates and what each path carried, and leaves the lines standing. */
void bars_end(struct bars *bars, const char *headline, uint64_t done, uint64_t total);

#endif
