/* SPDX-License-Identifier: Apache-2.0 */
/* The further sessions of a run at the server. */
#include "cmd/bench_guests.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/bench_sessions.h"

#define LOOK_MS 20 /* how often the thread looks whether it should stop */
/* ... and after so many looks without a guest, while all are open, at the memory that they hold. */
#define LOOKS_QUIET 25u

/* One guest. Kept, or answered and ended. */
static bool take(struct guests *guests)
{
	struct channel_settings wanted = guests->settings->channel;
	struct channel channel;
	uint8_t byte;
	wanted.streams = true;
	if (channel_accept(&channel, &guests->settings->common, &wanted, guests->listening_fd) < 0)
		return false;
	if (!sessions_answer(&channel)) {
		channel_complain(&channel, "a guest");
		channel_close(&channel);
		return false;
	}
	if (guests->count < guests->most) {
		guests->kept[guests->count++] = channel;
		return true;
	}
	bool ended = channel_recv(&channel, &byte, 1) == 0;
	if (!ended)
		channel_complain(&channel, "the end of a guest");
	channel_close(&channel);
	return ended;
}

/* As at the client: the least that they held, since now and then some of them are probed. */
static void look_at_memory(struct guests *guests)
{
	int64_t bytes = idle_memory_bytes();
	if (!guests->looked || bytes < guests->least_bytes)
		guests->least_bytes = bytes;
	guests->looked = true;
}

static void *take_all(void *argument)
{
	struct guests *guests = argument;
	unsigned quiet = 0;
	while (!guests->failed && !atomic_load(&guests->stopping)) {
		struct pollfd listening = { .fd = guests->listening_fd, .events = POLLIN };
		if (poll(&listening, 1, LOOK_MS) > 0) {
			guests->failed = !take(guests);
			quiet = 0;
		} else if (guests->count > 0 && guests->count == guests->most && ++quiet % LOOKS_QUIET == 0) {
			look_at_memory(guests);
		}
	}
	return NULL;
}

int guests_start(struct guests *guests, const struct bench_settings *settings,
		 const struct bench_plan *plan, int listening_fd)
{
	*guests = (struct guests){
		.settings = settings,
		.listening_fd = listening_fd,
		.most = plan->idle,
	};
	if (plan->idle > 0) {
		idle_raise_limit();
		guests->kept = calloc(plan->idle, sizeof *guests->kept);
		if (guests->kept == NULL) {
			complain(&settings->common, "out of memory");
			return -1;
		}
		/* The program's own table of them is not their memory. */
		for (uint64_t i = 0; i < plan->idle; i++)
			guests->kept[i].fd = -1;
	}
	guests->before_bytes = idle_memory_bytes();
	int error = pthread_create(&guests->thread, NULL, take_all, guests);
	if (error == 0)
		return 0;
	complain(&settings->common, "no second thread: %s", strerror(error));
	free(guests->kept);
	return -1;
}

int guests_stop(struct guests *guests, struct idle_figures *figures)
{
	atomic_store(&guests->stopping, true);
	pthread_join(guests->thread, NULL);
	if (!guests->looked)
		look_at_memory(guests);
	*figures = (struct idle_figures){
		.sessions = guests->count,
		.memory_bytes = guests->least_bytes - guests->before_bytes,
	};
	for (uint64_t i = 0; i < guests->count; i++) {
		figures->paths += idle_paths(&guests->kept[i]);
		channel_close(&guests->kept[i]);
	}
	free(guests->kept);
	return guests->failed ? -1 : 0;
}
