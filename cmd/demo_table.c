/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration's result: a table for people, or JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd/demo.h"

static const char *outcome_text(const struct demo_run *run)
{
	if (!run->arrived)
		return "NOT delivered";
	if (!run->intact)
		return "WRONG: SHA-256 differs";
	if (run->kind == CHANNEL_TCP && run->cut_s >= 0)
		return "intact, after waiting for the network to come back";
	return run->cut_s >= 0 ? "intact, SHA-256 matches" : "intact; ended before the cut";
}

const char *demo_run_text(const struct demo_run *run)
{
	return run->kind == CHANNEL_TCP ? "plain TCP" : run->name;
}

static void print_run(const struct demo_run *run)
{
	char duplicates[32] = "-";
	if (!run->arrived) {
		printf("%-10s %8s %8s %14s %12s  %s\n", demo_run_text(run), "-", "-", "-", "-",
		       outcome_text(run));
		return;
	}
	if (run->kind == CHANNEL_HAWSER)
		bytes_text(duplicates, sizeof duplicates, (double)run->duplicate_bytes);
	printf("%-10s %8.2f %8.1f %11.1f ms %12s  %s\n", demo_run_text(run), run->seconds,
	       run->seconds > 0 ? (double)run->bytes / run->seconds / 1e6 : 0,
	       (double)run->longest_gap_us / 1e3, duplicates, outcome_text(run));
}

static json_t *run_json(const struct demo_run *run)
{
	return json_pack("{s:s, s:b, s:b, s:f, s:I, s:I, s:I, s:f, s:f}", "mode", run->name,
			 "arrived", run->arrived, "intact", run->intact, "seconds", run->seconds,
			 "bytes", (json_int_t)run->bytes, "longest_gap_us",
			 (json_int_t)run->longest_gap_us, "duplicate_bytes",
			 (json_int_t)run->duplicate_bytes, "cut_s", run->cut_s, "heal_s",
			 run->heal_s);
}

static void print_json(const struct demo *demo)
{
	json_t *runs = json_array();
	for (unsigned i = 0; i < demo->run_count; i++)
		json_array_append_new(runs, run_json(&demo->runs[i]));
	json_t *all = json_pack("{s:s, s:I, s:s, s:o}", "networks", demo->networks, "bytes",
				(json_int_t)demo->bytes, "sha256", demo->digest, "runs", runs);
	json_dumpf(all, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(all);
}

static void print_text(const struct demo *demo)
{
	char size[32];
	printf("\n%s over %s; network 1 cut half-way for %.1f s\nSHA-256 %s\n\n",
	       bytes_text(size, sizeof size, (double)demo->bytes), demo->networks,
	       (double)demo->heal_after_ns / 1e9, demo->digest);
	printf("%-10s %8s %8s %14s %12s  %s\n", "mode", "seconds", "MB/s", "longest gap",
	       "duplicates", "outcome");
	for (unsigned i = 0; i < demo->run_count; i++)
		print_run(&demo->runs[i]);
	putchar('\n');
}

int demo_table(const struct demo *demo)
{
	if (demo->common.json)
		print_json(demo);
	else
		print_text(demo);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	complain(&demo->common, "writing the table: %s", strerror(errno));
	return -1;
}
