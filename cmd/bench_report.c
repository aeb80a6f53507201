/* SPDX-License-Identifier: Apache-2.0 */
/* What is reported of a run: JSON, and the same for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/bench.h"
#include "cmd/kernel_socket.h"

static json_t *real(double value)
{
	return json_real(value);
}

static json_t *count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *report_paths(const struct channel *channel)
{
	struct hawser_path_info paths[CHANNEL_PATHS_MAX];
	unsigned found = channel_paths(channel, paths, CHANNEL_PATHS_MAX);
	json_t *list = json_array();
	for (unsigned i = 0; i < found; i++) {
		const struct hawser_path_info *path = &paths[i];
		json_t *item = json_object();
		json_object_set_new(item, "id", count(path->id));
		json_object_set_new(item, "carrier", json_string(path->carrier));
		json_object_set_new(item, "interface", json_string(path->interface));
		json_object_set_new(item, "local", json_string(path->local));
		json_object_set_new(item, "remote", json_string(path->remote));
		json_object_set_new(item, "state", json_string(path_state_text(path->state)));
		json_object_set_new(item, "bytes_sent", count(path->bytes_sent));
		json_object_set_new(item, "bytes_received", count(path->bytes_received));
		json_object_set_new(item, "duplicate_bytes_sent",
				    count(path->duplicate_bytes_sent));
		json_object_set_new(item, "duplicate_bytes_received",
				    count(path->duplicate_bytes_received));
		json_object_set_new(item, "rtt_us", count(path->rtt_ns / 1000));
		json_object_set_new(item, "rtt_min_us", count(path->rtt_min_ns / 1000));
		json_object_set_new(item, "connects", count(path->connects));
		if (path->reason != 0)
			json_object_set_new(item, "reason",
					    json_string(hawser_reason_text(path->reason)));
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *report_delivery(const struct bench_outcome *outcome)
{
	const struct delivery *delivery = &outcome->delivery;
	json_t *object = json_object();
	json_object_set_new(object, "bytes", count(delivery->bytes));
	if (delivery->messages > 0)
		json_object_set_new(object, "messages", count(delivery->messages));
	json_object_set_new(object, "seconds",
			    real((double)(delivery->last_ns - delivery->first_ns) / 1e9));
	json_object_set_new(object, "goodput_bits_per_s", real(delivery_bits_per_s(delivery)));
	json_object_set_new(object, "longest_gap_us", count(delivery->longest_gap_ns / 1000));
	uint64_t began_ns = 0;
	if (delivery->longest_gap_at_ns > delivery->first_ns)
		began_ns = delivery->longest_gap_at_ns - delivery->first_ns;
	json_object_set_new(object, "longest_gap_at_s", real((double)began_ns / 1e9));
	return object;
}

/* The steps that hold any, as [ns, how often], so that several runs can be put together. */
static json_t *report_counts(const struct histogram *latency)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++) {
		if (latency->counts[i] == 0)
			continue;
		json_t *pair = json_array();
		json_array_append_new(pair, count(histogram_step_ns(i)));
		json_array_append_new(pair, count(latency->counts[i]));
		json_array_append_new(list, pair);
	}
	return list;
}

static json_t *report_latency(const struct histogram *latency)
{
	static const struct {
		const char *name;
		double part;
	} parts[] = {
		{ "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 }, { "p99.9_us", 0.999 }
	};
	json_t *object = json_object();
	json_object_set_new(object, "requests", count(latency->total));
	json_object_set_new(object, "min_us", real((double)latency->least_ns / 1e3));
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		double ns = (double)histogram_quantile_ns(latency, parts[i].part);
		json_object_set_new(object, parts[i].name, real(ns / 1e3));
	}
	json_object_set_new(object, "max_us", real((double)latency->most_ns / 1e3));
	double mean_ns = latency->total > 0 ? latency->sum_ns / (double)latency->total : 0;
	json_object_set_new(object, "mean_us", real(mean_ns / 1e3));
	json_object_set_new(object, "counts_ns", report_counts(latency));
	return object;
}

static json_t *report_idle(const struct idle_figures *idle)
{
	json_t *object = json_object();
	json_object_set_new(object, "sessions", count(idle->sessions));
	json_object_set_new(object, "paths", count(idle->paths));
	json_object_set_new(object, "memory_bytes", json_integer(idle->memory_bytes));
	return object;
}

static void report_socket(json_t *object, const struct channel *channel)
{
	char congestion[32];
	kernel_socket_congestion(channel->fd, congestion, sizeof congestion);
	json_object_set_new(object, "congestion", json_string(congestion));
	if (channel->kind == CHANNEL_MPTCP)
		json_object_set_new(object, "fell_back_to_tcp",
				    json_boolean(kernel_socket_fell_back(channel->fd)));
}

json_t *bench_report_end(const struct channel *channel, const struct bench_plan *plan,
			 const struct bench_outcome *outcome, bool client)
{
	struct hawser_info info;
	json_t *object = json_object();
	json_object_set_new(object, "intact", json_boolean(outcome->intact));
	json_object_set_new(object, "seconds", real(outcome->seconds));
	json_object_set_new(object, "cpu_seconds", real(outcome->cpu_seconds));
	if (channel_info(channel, &info)) {
		json_object_set_new(object, "duplicate_bytes_sent",
				    count(info.duplicate_bytes_sent));
		json_object_set_new(object, "duplicate_bytes_received",
				    count(info.duplicate_bytes_received));
	} else if (channel->kind != CHANNEL_HAWSER) {
		report_socket(object, channel);
	}
	json_object_set_new(object, "paths", report_paths(channel));
	if (plan->idle > 0)
		json_object_set_new(object, "idle", report_idle(&outcome->idle));
	if (outcome->sampled.sessions > 0)
		json_object_set_new(object, "sampled", report_idle(&outcome->sampled));
	if (bench_work_asks(plan->work) || (client ? plan->reverse : plan->forward))
		json_object_set_new(object, "received", report_delivery(outcome));
	if (bench_work_asks(plan->work) && client)
		json_object_set_new(object, "latency", report_latency(&outcome->latency));
	return object;
}

static const char *direction_text(const struct bench_plan *plan)
{
	return plan->forward && plan->reverse ? "both" : plan->reverse ? "reverse" : "forward";
}

static double member_number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/* Goodput and gap of the directions that were measured: the sum of one, the worse of the other. */
static void summarize(json_t *run, const json_t *client, const json_t *server)
{
	const json_t *ends[2] = { client, server };
	double bits_per_s = 0, gap_us = 0;
	for (unsigned i = 0; i < 2; i++) {
		const json_t *received = json_object_get(ends[i], "received");
		bits_per_s += member_number(received, "goodput_bits_per_s");
		if (member_number(received, "longest_gap_us") > gap_us)
			gap_us = member_number(received, "longest_gap_us");
	}
	json_object_set_new(run, "goodput_bits_per_s", real(bits_per_s));
	json_object_set_new(run, "longest_gap_us", count((uint64_t)gap_us));
}

json_t *bench_report_run(const struct bench_settings *settings, json_t *client, json_t *server)
{
	const struct bench_plan *plan = &settings->plan;
	bool intact = json_is_true(json_object_get(client, "intact")) &&
		      json_is_true(json_object_get(server, "intact"));
	json_t *run = json_object();
	json_object_set_new(run, "as", json_string(channel_kind_text(settings->channel.kind)));
	if (settings->channel.kind == CHANNEL_HAWSER) {
		const char *mode = settings->common.mode;
		json_object_set_new(run, "mode",
				    json_string(mode != NULL ? mode : mode_text(HAWSER_CONVERGE)));
		json_object_set_new(
			run, "face",
			json_string(settings->channel.descriptor ? "descriptor" : "handle"));
	}
	json_object_set_new(run, "work", json_string(bench_work_text(plan->work)));
	if (plan->lent)
		json_object_set_new(run, "lent", json_true());
	json_object_set_new(run, "direction", json_string(direction_text(plan)));
	json_object_set_new(run, "intact", json_boolean(intact));
	if (!bench_work_asks(plan->work))
		summarize(run, client, server);
	json_object_set_new(run, "duplicate_bytes",
			    count((uint64_t)(member_number(client, "duplicate_bytes_sent") +
					     member_number(server, "duplicate_bytes_sent"))));
	json_object_set_new(run, "client", client);
	json_object_set_new(run, "server", server);
	return run;
}

static void print_received(const char *who, const json_t *end)
{
	const json_t *received = json_object_get(end, "received");
	char bytes[32];
	if (received == NULL)
		return;
	printf("%s received %s in %.2f s: %.1f Mb/s, longest gap %.1f ms (at %.2f s)\n", who,
	       bytes_text(bytes, sizeof bytes, member_number(received, "bytes")),
	       member_number(received, "seconds"),
	       member_number(received, "goodput_bits_per_s") / 1e6,
	       member_number(received, "longest_gap_us") / 1e3,
	       member_number(received, "longest_gap_at_s"));
}

static void print_latency(const json_t *latency)
{
	printf("latency of %.0f requests in us: "
	       "min %.1f  p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
	       member_number(latency, "requests"), member_number(latency, "min_us"),
	       member_number(latency, "p50_us"), member_number(latency, "p90_us"),
	       member_number(latency, "p99_us"), member_number(latency, "p99.9_us"),
	       member_number(latency, "max_us"));
}

static void print_paths(const json_t *end)
{
	size_t i;
	json_t *path;
	char sent[32], received[32];
	json_array_foreach(json_object_get(end, "paths"), i, path)
	{
		printf("  path %.0f %s %s -> %s: sent %s, received %s, rtt %.2f ms, %s\n",
		       member_number(path, "id"),
		       json_string_value(json_object_get(path, "interface")),
		       json_string_value(json_object_get(path, "local")),
		       json_string_value(json_object_get(path, "remote")),
		       bytes_text(sent, sizeof sent, member_number(path, "bytes_sent")),
		       bytes_text(received, sizeof received, member_number(path, "bytes_received")),
		       member_number(path, "rtt_us") / 1e3,
		       json_string_value(json_object_get(path, "state")));
	}
}

int bench_report_print(const json_t *run, bool as_json)
{
	const json_t *client = json_object_get(run, "client");
	const json_t *server = json_object_get(run, "server");
	if (as_json) {
		if (json_dumpf(run, stdout,
			       JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) == 0)
			putchar('\n');
	} else {
		print_received("server", server);
		print_received("client", client);
		if (json_object_get(client, "latency") != NULL)
			print_latency(json_object_get(client, "latency"));
		printf("%s, duplicate bytes %.0f\n",
		       json_is_true(json_object_get(run, "intact")) ? "intact" : "NOT intact",
		       member_number(run, "duplicate_bytes"));
		print_paths(client);
	}
	return fflush(stdout) != 0 || ferror(stdout) ? -1 : 0;
}
