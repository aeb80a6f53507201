/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a measurement. The client sends its plan, both carry it out, the server sends
 * what it saw as JSON, the client reports both. Each ends its direction when it has nothing more to
 * say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cmd/bench.h"

/* In a row; then listening has no sense any more. */
#define ACCEPT_FAILURES_MAX 8u

static int send_report(struct channel *channel, const json_t *report)
{
	char *text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (text == NULL || strlen(text) > CHANNEL_RECORD_MAX) {
		complain(channel->common, "out of memory");
		free(text);
		return -1;
	}
	int sent = channel_send_record(channel, text, strlen(text));
	free(text);
	if (sent < 0)
		channel_complain(channel, "sending the figures");
	return sent;
}

static json_t *receive_report(struct channel *channel)
{
	char *text = malloc(CHANNEL_RECORD_MAX);
	if (text == NULL) {
		complain(channel->common, "out of memory");
		return NULL;
	}
	ssize_t got = channel_recv_record(channel, text, CHANNEL_RECORD_MAX);
	json_t *report = got > 0 ? json_loadb(text, (size_t)got, 0, NULL) : NULL;
	free(text);
	if (got < 0)
		channel_complain(channel, "receiving the server's figures");
	else if (report == NULL)
		complain(channel->common, "the server sent no figures");
	return report;
}

/* Reads until the peer has ended its direction too, so that nobody closes on unread bytes. */
static int receive_end(struct channel *channel)
{
	char byte;
	bool ended;
	ssize_t got;
	if (channel->messages)
		got = channel_recv_part(channel, &byte, 1, &ended);
	else
		got = channel_recv(channel, &byte, 1);
	if (got == 0)
		return 0;
	if (got < 0)
		channel_complain(channel, "ending");
	else
		complain(channel->common, "the peer sent more than was agreed");
	return -1;
}

static int receive_plan(struct channel *channel, struct bench_plan *plan)
{
	uint8_t bytes[BENCH_PLAN_BYTES];
	ssize_t got = channel_recv_record(channel, bytes, sizeof bytes);
	if (got < 0) {
		channel_complain(channel, "receiving the plan");
		return -1;
	}
	if (bench_plan_decode(plan, bytes, (size_t)got) < 0) {
		complain(channel->common, "the peer is not a bench of this version");
		return -1;
	}
	if (channel->kind != CHANNEL_HAWSER)
		channel->messages = plan->work == BENCH_MESSAGES;
	if (channel->messages != (plan->work == BENCH_MESSAGES)) {
		complain(channel->common, "the work does not fit the kind of session");
		return -1;
	}
	return 0;
}

static int serve_one(struct channel *channel, const struct bench_settings *settings,
		     int listening_fd)
{
	struct bench_plan plan;
	struct bench_outcome outcome;
	if (receive_plan(channel, &plan) < 0)
		return -1;
	bool fine = bench_carry_out(channel, settings, &plan, listening_fd, &outcome);
	json_t *report = bench_report_end(channel, &plan, &outcome, false);
	if (fine)
		fine = send_report(channel, report) == 0 && channel_finish(channel) == 0;
	if (fine && !bench_work_asks(plan.work))
		fine = receive_end(channel) == 0;
	if (fine && channel_drain(channel) < 0) {
		channel_complain(channel, "ending");
		fine = false;
	}
	if (settings->common.json)
		json_dumpf(report, stdout,
			   JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
	else
		printf("%s: %.1f Mb/s received, longest gap %.1f ms, %s",
		       bench_work_text(plan.work), delivery_bits_per_s(&outcome.delivery) / 1e6,
		       (double)outcome.delivery.longest_gap_ns / 1e6,
		       fine ? "intact" : "NOT intact");
	putchar('\n');
	fflush(stdout);
	json_decref(report);
	return fine ? 0 : -1;
}

int bench_serve(const struct bench_settings *settings)
{
	const struct common *common = &settings->common;
	int fd = channel_listen(common, &settings->channel, settings->address);
	if (fd < 0)
		return STATUS_FAILED;
	channel_tell_listening(common, &settings->channel, settings->address, fd);
	for (unsigned failures = 0; failures < ACCEPT_FAILURES_MAX;) {
		struct channel channel;
		if (channel_accept(&channel, common, &settings->channel, fd) < 0) {
			failures++;
			continue;
		}
		failures = 0;
		int served = serve_one(&channel, settings, fd);
		channel_close(&channel);
		if (settings->once)
			return served == 0 ? STATUS_FINE : STATUS_FAILED;
	}
	return STATUS_FAILED;
}

static int send_plan(struct channel *channel, const struct bench_plan *plan)
{
	uint8_t bytes[BENCH_PLAN_BYTES];
	bench_plan_encode(plan, bytes);
	if (channel_send_record(channel, bytes, sizeof bytes) < 0) {
		channel_complain(channel, "sending the plan");
		return -1;
	}
	if (channel->kind != CHANNEL_HAWSER)
		channel->messages = plan->work == BENCH_MESSAGES;
	return 0;
}

static int ask_one(struct channel *channel, const struct bench_settings *settings)
{
	struct bench_outcome outcome;
	struct bench_plan plan = settings->plan;
	if (getrandom(&plan.seed, sizeof plan.seed, 0) != sizeof plan.seed)
		plan.seed = clock_ns();
	if (send_plan(channel, &plan) < 0)
		return STATUS_FAILED;
	bool fine = bench_carry_out(channel, settings, &plan, -1, &outcome);
	json_t *server = fine ? receive_report(channel) : NULL;
	if (server == NULL)
		return STATUS_FAILED;
	json_t *client = bench_report_end(channel, &plan, &outcome, true);
	json_t *run = bench_report_run(settings, client, server);
	fine = json_is_true(json_object_get(run, "intact"));
	if (!bench_work_asks(plan.work) && channel_finish(channel) < 0)
		fine = false;
	fine = receive_end(channel) == 0 && fine;
	if (fine && channel_drain(channel) < 0) {
		channel_complain(channel, "ending");
		fine = false;
	}
	if (bench_report_print(run, settings->common.json) < 0) {
		complain(&settings->common, "writing the report: %s", strerror(errno));
		fine = false;
	}
	json_decref(run);
	return fine ? STATUS_FINE : STATUS_FAILED;
}

int bench_ask(const struct bench_settings *settings)
{
	struct channel channel;
	if (channel_dial(&channel, &settings->common, &settings->channel, settings->address) < 0)
		return STATUS_FAILED;
	int status = ask_one(&channel, settings);
	channel_close(&channel);
	return status;
}
