/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request and reply. At a given rate requests leave on schedule whether or not the last was
 * answered, and the latency of each counts from when it was due, so that a stall is seen by every
 * request that it delays. Without a rate each request waits for the reply to the one before.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

struct asker {
	struct channel *channel;
	const struct bench_plan *plan;
	uint64_t seed;
	uint64_t start_ns;
	uint64_t requests;
	int result;
};

static uint64_t due_ns(const struct asker *asker, uint64_t index)
{
	return asker->start_ns + (uint64_t)((double)index * 1e9 / (double)asker->plan->rate);
}

static int send_request(struct asker *asker, uint64_t index, uint8_t *buffer)
{
	uint64_t size = asker->plan->request_bytes;
	pattern_fill(asker->seed, index * size, buffer, size);
	if (channel_send(asker->channel, buffer, size) == 0)
		return 0;
	channel_complain(asker->channel, "sending a request");
	return -1;
}

static int receive_reply(struct asker *asker, uint64_t index, uint8_t *buffer,
			 struct delivery *delivery)
{
	uint64_t size = asker->plan->request_bytes;
	for (uint64_t have = 0; have < size;) {
		ssize_t got = channel_recv(asker->channel, buffer + have, size - have);
		if (got < 0)
			channel_complain(asker->channel, "receiving a reply");
		else if (got == 0)
			complain(asker->channel->common, "the session ended before a reply came");
		if (got <= 0)
			return -1;
		delivery_note(delivery, clock_ns(), (uint64_t)got);
		have += (uint64_t)got;
	}
	return bench_check(asker->channel, asker->seed, index * size, buffer, size);
}

static void *send_on_schedule(void *argument)
{
	struct asker *asker = argument;
	uint8_t *buffer = malloc(asker->plan->request_bytes);
	if (buffer == NULL) {
		complain(asker->channel->common, "out of memory");
		asker->result = -1;
	}
	for (uint64_t i = 0; asker->result == 0 && i < asker->requests; i++) {
		uint64_t at_ns = due_ns(asker, i);
		struct timespec at = { (time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		asker->result = send_request(asker, i, buffer);
	}
	if (asker->result < 0)
		channel_abort(asker->channel);
	free(buffer);
	return NULL;
}

static int ask_on_schedule(struct asker *asker, uint8_t *buffer, struct histogram *latency,
			   struct delivery *delivery)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, send_on_schedule, asker);
	if (error != 0) {
		complain(asker->channel->common, "no second thread: %s", strerror(error));
		return -1;
	}
	int result = 0;
	for (uint64_t i = 0; result == 0 && i < asker->requests; i++) {
		result = receive_reply(asker, i, buffer, delivery);
		histogram_add(latency, clock_ns() - due_ns(asker, i));
	}
	if (result < 0)
		channel_abort(asker->channel);
	pthread_join(thread, NULL);
	return result < 0 ? result : asker->result;
}

static int ask_in_turn(struct asker *asker, uint8_t *buffer, struct histogram *latency,
		       struct delivery *delivery)
{
	uint64_t deadline_ns = bench_deadline_ns(asker->plan);
	for (uint64_t i = 0; i < asker->requests; i++) {
		uint64_t sent_ns = clock_ns();
		if (sent_ns >= deadline_ns)
			break;
		if (send_request(asker, i, buffer) < 0 ||
		    receive_reply(asker, i, buffer, delivery) < 0)
			return -1;
		histogram_add(latency, clock_ns() - sent_ns);
	}
	return 0;
}

int bench_rr_ask(struct channel *channel, const struct bench_plan *plan, struct histogram *latency,
		 struct delivery *delivery)
{
	struct asker asker = {
		.channel = channel,
		.plan = plan,
		.seed = bench_plan_seed(plan, true),
		.start_ns = clock_ns(),
		.requests = plan->messages,
	};
	if (plan->rate > 0 && plan->time_ns != BENCH_UNBOUNDED) {
		double fit = (double)plan->rate * (double)plan->time_ns / 1e9;
		asker.requests = fit < (double)plan->messages ? (uint64_t)fit : plan->messages;
	}
	uint8_t *buffer = malloc(plan->request_bytes);
	if (buffer == NULL) {
		complain(channel->common, "out of memory");
		return -1;
	}
	int result;
	if (plan->rate > 0)
		result = ask_on_schedule(&asker, buffer, latency, delivery);
	else
		result = ask_in_turn(&asker, buffer, latency, delivery);
	free(buffer);
	if (result == 0 && channel_finish(channel) < 0) {
		channel_complain(channel, "ending the requests");
		return -1;
	}
	return result;
}

int bench_rr_answer(struct channel *channel, const struct bench_plan *plan,
		    struct delivery *delivery)
{
	uint64_t seed = bench_plan_seed(plan, true), size = plan->request_bytes, have = 0, offset = 0;
	int result = 0;
	uint8_t *buffer = malloc(size);
	if (buffer == NULL) {
		complain(channel->common, "out of memory");
		return -1;
	}
	while (result == 0) {
		ssize_t got = channel_recv(channel, buffer + have, size - have);
		if (got < 0)
			channel_complain(channel, "receiving a request");
		else if (got == 0 && have > 0)
			complain(channel->common, "the session ended in the middle of a request");
		if (got <= 0) {
			result = got < 0 || have > 0 ? -1 : 0;
			break;
		}
		delivery_note(delivery, clock_ns(), (uint64_t)got);
		have += (uint64_t)got;
		if (have < size)
			continue;
		result = bench_check(channel, seed, offset, buffer, size);
		offset += size;
		have = 0;
		if (result == 0 && channel_send(channel, buffer, size) < 0) {
			channel_complain(channel, "sending a reply");
			result = -1;
		}
	}
	free(buffer);
	return result;
}
