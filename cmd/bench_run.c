/* SPDX-License-Identifier: Apache-2.0 */
/* One end's part of a run: sending and receiving, at once where the plan says so, and the watches
 * on it. */
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/bench.h"
#include "cmd/bench_guests.h"
#include "cmd/bench_idle.h"
#include "cmd/bench_sessions.h"
#include "cmd/bench_work.h"
#include "cmd/timeline.h"

struct sender {
	struct channel *channel;
	const struct bench_plan *plan;
	uint64_t seed;
	int result;
};

static double cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void *send_all(void *argument)
{
	struct sender *sender = argument;
	if (sender->plan->work == BENCH_STREAM)
		sender->result = bench_stream_send(sender->channel, sender->plan, sender->seed);
	else
		sender->result = bench_messages_send(sender->channel, sender->plan, sender->seed);
	if (sender->result < 0)
		channel_abort(sender->channel);
	return NULL;
}

static int receive_all(struct channel *channel, const struct bench_plan *plan, uint64_t seed,
		       struct delivery *delivery)
{
	int result;
	if (plan->work == BENCH_STREAM)
		result = bench_stream_receive(channel, plan, seed, delivery);
	else
		result = bench_messages_receive(channel, plan, seed, delivery);
	if (result < 0)
		channel_abort(channel);
	return result;
}

static int move(struct channel *channel, const struct bench_plan *plan, bool client,
		struct delivery *delivery)
{
	bool sends = client ? plan->forward : plan->reverse;
	bool receives = client ? plan->reverse : plan->forward;
	struct sender sender = { channel, plan, bench_plan_seed(plan, client), 0 };
	uint64_t seed = bench_plan_seed(plan, !client);
	pthread_t thread;
	if (!receives) {
		send_all(&sender);
		return sender.result;
	}
	if (!sends)
		return receive_all(channel, plan, seed, delivery);
	int error = pthread_create(&thread, NULL, send_all, &sender);
	if (error != 0) {
		complain(channel->common, "no second thread: %s", strerror(error));
		return -1;
	}
	int result = receive_all(channel, plan, seed, delivery);
	pthread_join(thread, NULL);
	return result < 0 ? result : sender.result;
}

/* The work itself, on the first session. */
static int carry(struct channel *channel, const struct bench_settings *settings,
		 const struct bench_plan *plan, struct bench_outcome *outcome)
{
	bool client = !settings->listen;
	if (!bench_work_asks(plan->work))
		return move(channel, plan, client, &outcome->delivery);
	if (!client)
		return bench_rr_answer(channel, plan, &outcome->delivery);
	if (plan->work == BENCH_RR)
		return bench_rr_ask(channel, plan, &outcome->latency, &outcome->delivery);
	return bench_sessions_ask(channel, settings, plan, outcome);
}

static int carry_watched(struct channel *channel, const struct bench_settings *settings,
			 const struct bench_plan *plan, struct bench_outcome *outcome)
{
	struct timeline timeline;
	if (settings->timeline != NULL &&
	    timeline_start(&timeline, settings->timeline, channel, &outcome->delivery) < 0)
		return -1;
	uint64_t start_ns = clock_ns();
	double cpu = cpu_seconds();
	int result = carry(channel, settings, plan, outcome);
	outcome->seconds = (double)(clock_ns() - start_ns) / 1e9;
	outcome->cpu_seconds = cpu_seconds() - cpu;
	if (settings->timeline != NULL && timeline_stop(&timeline) < 0)
		result = -1;
	return result;
}

bool bench_carry_out(struct channel *channel, const struct bench_settings *settings,
		     const struct bench_plan *plan, int listening_fd,
		     struct bench_outcome *outcome)
{
	int result;
	*outcome = (struct bench_outcome){ .intact = false };
	delivery_init(&outcome->delivery, plan->warm_up_ns);
	histogram_init(&outcome->latency);
	channel->spin = plan->spin;
	if (plan->idle == 0 && plan->work != BENCH_SESSIONS) {
		result = carry_watched(channel, settings, plan, outcome);
	} else if (listening_fd < 0) {
		struct idle idle;
		result = idle_open(&idle, settings, plan);
		if (result == 0)
			result = carry_watched(channel, settings, plan, outcome);
		idle_close(&idle, &outcome->idle);
	} else {
		struct guests guests;
		if (guests_start(&guests, settings, plan, listening_fd) < 0)
			return false;
		result = carry_watched(channel, settings, plan, outcome);
		if (guests_stop(&guests, &outcome->idle) < 0)
			result = -1;
	}
	channel->spin = false;
	outcome->intact = result == 0;
	return outcome->intact;
}
