/* SPDX-License-Identifier: Apache-2.0 */
/* A timeline: one row every 10 ms of what was delivered and what each path carried. */
#include "cmd/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define INTERVAL_NS 10000000u

static bool same_path(const struct hawser_path_info *a, const struct hawser_path_info *b)
{
	return a->id == b->id && strcmp(a->local, b->local) == 0 &&
	       strcmp(a->remote, b->remote) == 0;
}

static void look(struct timeline *timeline)
{
	struct hawser_path_info seen[CHANNEL_PATHS_MAX];
	unsigned count = channel_paths(timeline->channel, seen, CHANNEL_PATHS_MAX);
	for (unsigned i = 0; i < count; i++) {
		unsigned place = 0;
		while (place < timeline->places && !same_path(&timeline->paths[place], &seen[i]))
			place++;
		if (place == TIMELINE_PATHS_MAX)
			continue;
		if (place == timeline->places)
			timeline->places++;
		timeline->paths[place] = seen[i];
	}
}

static void row(struct timeline *timeline)
{
	struct hawser_info info = { 0 };
	look(timeline);
	channel_info(timeline->channel, &info);
	fprintf(timeline->file, "%.4f\t%" PRIu64 "\t%" PRIu64,
		(double)(clock_ns() - timeline->start_ns) / 1e9,
		(uint64_t)atomic_load_explicit(&timeline->delivery->bytes, memory_order_relaxed),
		info.bytes_acknowledged);
	for (unsigned i = 0; i < TIMELINE_PATHS_MAX; i++)
		fprintf(timeline->file, "\t%" PRIu64 "\t%" PRIu64, timeline->paths[i].bytes_sent,
			timeline->paths[i].bytes_received +
				timeline->paths[i].duplicate_bytes_received);
	fputc('\n', timeline->file);
}

static void *watch(void *argument)
{
	struct timeline *timeline = argument;
	uint64_t due_ns = timeline->start_ns;
	while (!atomic_load(&timeline->stopping)) {
		row(timeline);
		due_ns += INTERVAL_NS;
		struct timespec due = { (time_t)(due_ns / 1000000000),
					(long)(due_ns % 1000000000) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	return NULL;
}

int timeline_start(struct timeline *timeline, const char *file_name, const struct channel *channel,
		   const struct delivery *delivery)
{
	*timeline = (struct timeline){ .channel = channel,
				       .delivery = delivery,
				       .start_ns = clock_ns() };
	timeline->file = fopen(file_name, "we");
	if (timeline->file == NULL) {
		complain(channel->common, "%s: %s", file_name, strerror(errno));
		return -1;
	}
	fprintf(timeline->file, "# start_ns %" PRIu64 "\n", timeline->start_ns);
	int error = pthread_create(&timeline->thread, NULL, watch, timeline);
	if (error != 0) {
		complain(channel->common, "no thread for the timeline: %s", strerror(error));
		fclose(timeline->file);
		return -1;
	}
	return 0;
}

int timeline_stop(struct timeline *timeline)
{
	atomic_store(&timeline->stopping, true);
	pthread_join(timeline->thread, NULL);
	row(timeline);
	for (unsigned i = 0; i < timeline->places; i++) {
		const struct hawser_path_info *path = &timeline->paths[i];
		fprintf(timeline->file, "# place %u: path %u %s %s -> %s\n", i, path->id,
			path->interface, path->local, path->remote);
	}
	bool failed = ferror(timeline->file) != 0;
	if (fclose(timeline->file) != 0 || failed) {
		complain(timeline->channel->common, "writing the timeline: %s", strerror(errno));
		return -1;
	}
	return 0;
}
