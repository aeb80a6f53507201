/* SPDX-License-Identifier: Apache-2.0 */
/* Further sessions that stand open and silent, and what they cost. */
#include "cmd/bench_idle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "cmd/bench.h"
#include "cmd/bench_sessions.h"

/* Until the number of paths has stood still for so long, the last of them are still joining. */
#define SETTLE_NS     500000000L
#define SETTLE_ROUNDS 20u
/* ... and until their memory has not become less for so long they are still falling asleep. */
#define STILL_ROUNDS  8u
#define STILL_MOST    100u

int64_t idle_memory_bytes(void)
{
	char line[256];
	int64_t kilobytes = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "Anonymous: %" SCNd64, &kilobytes) == 1)
			break;
	}
	if (file != NULL)
		fclose(file);
	return kilobytes * 1024;
}

unsigned idle_paths(const struct channel *channel)
{
	struct hawser_path_info paths[CHANNEL_PATHS_MAX];
	unsigned found = channel_paths(channel, paths, CHANNEL_PATHS_MAX);
	unsigned working = 0;
	for (unsigned i = 0; i < found; i++)
		working += paths[i].state != HAWSER_PATH_DOWN;
	return working;
}

void idle_raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void settle(struct idle *idle)
{
	struct timespec wait = { 0, SETTLE_NS };
	uint64_t before = UINT64_MAX;
	for (unsigned i = 0; i < SETTLE_ROUNDS && idle->figures.paths != before; i++) {
		before = idle->figures.paths;
		nanosleep(&wait, NULL);
		idle->figures.paths = 0;
		for (uint64_t at = 0; at < idle->figures.sessions; at++)
			idle->figures.paths += idle_paths(&idle->channels[at]);
	}
}

/* The least that it holds: now and then some of them are probed. */
static int64_t least_memory_bytes(void)
{
	struct timespec wait = { 0, SETTLE_NS };
	int64_t least = idle_memory_bytes();
	for (unsigned i = 0, still = 0; i < STILL_MOST && still < STILL_ROUNDS; i++) {
		nanosleep(&wait, NULL);
		int64_t bytes = idle_memory_bytes();
		still = bytes < least ? 0 : still + 1;
		least = bytes < least ? bytes : least;
	}
	return least;
}

int idle_open(struct idle *idle, const struct bench_settings *settings,
	      const struct bench_plan *plan)
{
	*idle = (struct idle){ .channels = NULL };
	if (plan->idle == 0)
		return 0;
	idle_raise_limit();
	idle->channels = calloc(plan->idle, sizeof *idle->channels);
	if (idle->channels == NULL) {
		complain(&settings->common, "out of memory");
		return -1;
	}
	/* The program's own table of them is not their memory. */
	for (uint64_t i = 0; i < plan->idle; i++)
		idle->channels[i].fd = -1;
	int64_t before_bytes = idle_memory_bytes();
	for (uint64_t i = 0; i < plan->idle; i++) {
		if (sessions_open(&idle->channels[i], settings) < 0) {
			complain(&settings->common, "only %" PRIu64 " sessions could be opened", i);
			return -1;
		}
		idle->figures.sessions++;
	}
	settle(idle);
	idle->figures.memory_bytes = least_memory_bytes() - before_bytes;
	return 0;
}

void idle_close(struct idle *idle, struct idle_figures *figures)
{
	for (uint64_t i = 0; i < idle->figures.sessions; i++)
		channel_close(&idle->channels[i]);
	free(idle->channels);
	*figures = idle->figures;
}
