/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's command line:
 *
 *   sim SEED [--verbose] [--cut CUT]      one world; a failure is made small
 *   sim --soak FIRST COUNT                so many worlds; status 1 if one failed
 *   sim --twice FIRST COUNT               each world in two processes: they must be the same
 *   sim --regressions FILE                the seeds of a file, a word behind each
 *
 *   --jobs N, --coverage (an empty cell fails, and worlds in which too little happens), --progress,
 *   --stop-early, --save FILE (failing seeds),
 *   --only FAULT (and no other kind; may be repeated), --without FAULT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "sim/shrink.h"
#include "sim/soak.h"

/*
 * A median world moves so many bytes through so many faults that meet some; the longest round trip, of a queue
 * that holds 40 s.
 */
#define MEDIAN_BYTES   1000000u
#define MEDIAN_FAULTS  5u
#define RTT_LONGEST_NS (30 * NS_PER_S)

struct arguments {
	uint64_t first, count;
	const char *what, *file, *save;
	unsigned jobs;
	bool verbose, coverage, progress, stop_early, only;
	struct plan_cut cut;
	struct sim_options options;
};

static __attribute__((noreturn)) void usage(void)
{
	fprintf(stderr, "usage: sim SEED [--verbose] [--cut CUT]\n"
		"       sim --soak FIRST COUNT | --twice FIRST COUNT | --regressions FILE\n"
		"       [--jobs N] [--coverage] [--progress] [--stop-early] [--save FILE]\n"
		"       [--only FAULT]... [--without FAULT]...\n");
	exit(2);
}

static void print_result(const struct world_result *result)
{
	printf("%" PRIu64
	       " bytes, %u faults (%u of them with bytes in flight), %.3f s of its time, %" PRIu64
	       " steps, digest %016" PRIx64 "\n",
	       result->bytes, result->fired, result->counted, (double)result->virtual_ns / 1e9,
	       result->steps, result->digest);
}

static void explain(const struct sim_options *options, uint64_t seed, const struct trial *trial)
{
	struct plan_cut cut = { 0 };
	struct plan plan;
	unsigned trials = shrink(options, seed, trial, &cut);

	plan_draw(&plan, options, seed);
	plan_apply(&plan, &cut);
	printf("FAILED seed %" PRIu64 ": %s\ncommit %s\nsmallest schedule found, in %u worlds:\n",
	       seed, trial->failure, SIM_COMMIT, trials);
	plan_print(&plan);
	printf("again: sim %" PRIu64 " --cut ", seed);
	cut_print(&cut);
	printf("\n");
}

static int run_one(const struct arguments *a)
{
	struct trial trial;

	trial_run(&trial, &a->options, a->first, &a->cut, false, a->verbose);
	if (!trial.failed) {
		print_result(&trial.result);
		return 0;
	}
	printf("%s\n", trial.failure);
	explain(&a->options, a->first, &trial);
	return 1;
}

static void save_seeds(const char *name, const struct soak_summary *summary)
{
	FILE *file = fopen(name, "a");

	if (file == NULL) {
		perror(name);
		return;
	}
	for (unsigned i = 0; i < summary->failure_count; i++)
		fprintf(file, "%" PRIu64 " %s\n", summary->failures[i].seed,
			summary->failures[i].text);
	fclose(file);
}

/* Whether the worlds are as bad as they are meant to be: what that takes must not get lost unseen. */
static bool is_rough(const struct soak_summary *summary)
{
	if (summary->median_bytes >= MEDIAN_BYTES && summary->median_counted >= MEDIAN_FAULTS &&
	    summary->rtt_most_ns >= RTT_LONGEST_NS)
		return true;
	printf("the worlds are too quiet: a median one should move %u bytes through %u faults, and some path have a "
	       "round trip of %lld s\n", MEDIAN_BYTES, MEDIAN_FAULTS, (long long)(RTT_LONGEST_NS / NS_PER_S));
	return false;
}

static int run_soak(const struct arguments *a)
{
	static struct soak_summary summary;
	unsigned empty = 0;

	soak(&a->options, a->first, a->count, a->jobs, a->progress, a->stop_early, &summary);
	if (a->coverage)
		empty = coverage_print(&summary.coverage);
	printf("%" PRIu64
	       " worlds in %.1f s (%.0f a minute), %.1f MB; a median world moves %" PRIu64
	       " bytes through %" PRIu64 " faults that met bytes in flight (of %" PRIu64
	       "); the longest round trip was %.1f s\n",
	       summary.worlds, summary.seconds, (double)summary.worlds * 60 / summary.seconds,
	       (double)summary.bytes / 1e6, summary.median_bytes, summary.median_counted,
	       summary.median_fired, (double)summary.rtt_most_ns / 1e9);
	if (a->save != NULL && summary.failure_count > 0)
		save_seeds(a->save, &summary);
	if (summary.failure_count > 0) {
		struct trial trial;

		printf("%u failed\n", summary.failure_count);
		trial_run(&trial, &a->options, summary.failures[0].seed, NULL, true, false);
		if (trial.failed && !a->stop_early)
			explain(&a->options, summary.failures[0].seed, &trial);
		return 1;
	}
	if (empty > 0)
		printf("%u cells of the table are empty\n", empty);
	return empty > 0 || (a->coverage && !is_rough(&summary));
}

static int run_twice(const struct arguments *a)
{
	for (uint64_t seed = a->first; seed < a->first + a->count; seed++) {
		struct trial one, two;

		trial_run(&one, &a->options, seed, NULL, true, false);
		/* Another layout of the memory, other old bytes in it. */
		void *elsewhere = malloc(100000 + seed % 7 * 50000);
		trial_run(&two, &a->options, seed, NULL, true, false);
		free(elsewhere);
		if (one.failed || two.failed || one.result.digest != two.result.digest ||
		    one.result.steps != two.result.steps) {
			printf("seed %" PRIu64 " does not repeat: %s %s\n", seed, one.failure,
			       two.failure);
			return 1;
		}
		printf("%" PRIu64 " %016" PRIx64 "\n", seed, one.result.digest);
	}
	return 0;
}

static int run_regressions(const struct arguments *a)
{
	FILE *file = fopen(a->file, "r");
	char line[1024];
	unsigned ran = 0, failed = 0;

	if (file == NULL) {
		perror(a->file);
		return 2;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		struct trial trial;
		char *end;
		uint64_t seed = strtoull(line, &end, 10);

		if (end == line)
			continue;
		trial_run(&trial, &a->options, seed, NULL, true, false);
		ran++;
		if (!trial.failed)
			continue;
		failed++;
		printf("FAILED seed %" PRIu64 ": %s; it was found for:%s", seed, trial.failure,
		       end);
	}
	fclose(file);
	printf("%u regressions, %u failed\n", ran, failed);
	return failed > 0;
}

static enum fault_kind kind_of(const char *name)
{
	enum fault_kind kind = name != NULL ? fault_named(name) : FAULT_KINDS;

	if (kind == FAULT_KINDS)
		usage();
	return kind;
}

static uint64_t number_of(const char *text)
{
	char *end;
	uint64_t value;

	if (text == NULL)
		usage();
	value = strtoull(text, &end, 0);
	if (end == text || *end != 0)
		usage();
	return value;
}

static void only(struct arguments *a, enum fault_kind kind)
{
	if (!a->only)
		memset(a->options.weight, 0, sizeof a->options.weight);
	a->only = true;
	a->options.weight[kind] = 1;
}

/* One option, with what follows it; how many arguments it took. */
static int parse_option(struct arguments *a, char **at)
{
	if (strcmp(at[0], "--soak") == 0 || strcmp(at[0], "--twice") == 0) {
		a->what = at[0];
		a->first = number_of(at[1]);
		a->count = number_of(at[2]);
		return 3;
	}
	if (strcmp(at[0], "--verbose") == 0)
		a->verbose = true;
	else if (strcmp(at[0], "--coverage") == 0)
		a->coverage = true;
	else if (strcmp(at[0], "--progress") == 0)
		a->progress = true;
	else if (strcmp(at[0], "--stop-early") == 0)
		a->stop_early = true;
	else if (at[1] == NULL)
		usage();
	else if (strcmp(at[0], "--regressions") == 0)
		a->what = at[0], a->file = at[1];
	else if (strcmp(at[0], "--save") == 0)
		a->save = at[1];
	else if (strcmp(at[0], "--jobs") == 0)
		a->jobs = (unsigned)number_of(at[1]);
	else if (strcmp(at[0], "--only") == 0)
		only(a, kind_of(at[1]));
	else if (strcmp(at[0], "--without") == 0)
		a->options.weight[kind_of(at[1])] = 0;
	else if (strcmp(at[0], "--cut") != 0 || !cut_parse(at[1], &a->cut))
		usage();
	return strcmp(at[0], "--verbose") == 0 || strcmp(at[0], "--coverage") == 0 ||
	       strcmp(at[0], "--progress") == 0 || strcmp(at[0], "--stop-early") == 0 ? 1 : 2;
}

int main(int argc, char **argv)
{
	static struct arguments a;

	a.jobs = 1;
	a.options = sim_options_default();
	for (int i = 1; i < argc;) {
		if (argv[i][0] == '-' && argv[i][1] == '-') {
			i += parse_option(&a, &argv[i]);
		} else {
			a.what = "seed";
			a.first = number_of(argv[i++]);
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (a.what == NULL || a.jobs == 0 || a.jobs > SOAK_JOBS_MAX)
		usage();
	if (strcmp(a.what, "--soak") == 0)
		return run_soak(&a);
	if (strcmp(a.what, "--twice") == 0)
		return run_twice(&a);
	if (strcmp(a.what, "--regressions") == 0)
		return run_regressions(&a);
	return run_one(&a);
}
