/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions work: opened, one byte each way, closed, as often as fits. */
#include "cmd/bench_sessions.h"

#include "cmd/bench_work.h"

/* Asking for the paths of a session takes time: of so many, behind those that are measured. */
#define SAMPLED_SESSIONS 32u

#define QUESTION ((uint8_t)0x51)
#define ANSWER   ((uint8_t)0xae)

int sessions_open(struct channel *channel, const struct bench_settings *settings)
{
	struct channel_settings wanted = settings->channel;
	uint8_t byte = QUESTION;
	wanted.streams = true;
	if (channel_dial(channel, &settings->common, &wanted, settings->address) < 0)
		return -1;
	if (channel_send(channel, &byte, 1) == 0 && channel_recv(channel, &byte, 1) == 1 &&
	    byte == ANSWER)
		return 0;
	channel_complain(channel, "a byte each way");
	channel_close(channel);
	return -1;
}

bool sessions_answer(struct channel *channel)
{
	uint8_t byte;
	if (channel_recv(channel, &byte, 1) != 1 || byte != QUESTION)
		return false;
	byte = ANSWER;
	return channel_send(channel, &byte, 1) == 0;
}

/* How many paths a session had when it was about to be closed, as the sum over the sample. */
static int sample(const struct bench_settings *settings, struct idle_figures *figures)
{
	for (unsigned i = 0; i < SAMPLED_SESSIONS; i++) {
		struct channel channel;
		if (sessions_open(&channel, settings) < 0)
			return -1;
		figures->sessions++;
		figures->paths += idle_paths(&channel);
		channel_close(&channel);
	}
	return 0;
}

int bench_sessions_ask(struct channel *channel, const struct bench_settings *settings,
		       const struct bench_plan *plan, struct bench_outcome *outcome)
{
	uint64_t deadline_ns = bench_deadline_ns(plan);
	uint64_t number = 0;
	delivery_note(&outcome->delivery, clock_ns(), 0);
	for (; number < plan->messages; number++) {
		struct channel one;
		uint64_t start_ns = clock_ns();
		if (start_ns >= deadline_ns)
			break;
		if (sessions_open(&one, settings) < 0)
			return -1;
		channel_close(&one);
		histogram_add(&outcome->latency, clock_ns() - start_ns);
		delivery_note(&outcome->delivery, clock_ns(), 1);
	}
	outcome->delivery.messages = number;
	if (sample(settings, &outcome->sampled) < 0)
		return -1;
	if (channel_finish(channel) == 0)
		return 0;
	channel_complain(channel, "ending the sessions");
	return -1;
}
