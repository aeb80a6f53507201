/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each process runs every jobs-th seed and writes a record for each into one pipe. What ends a
 * process ends one world: the next process goes on behind it.
 */
#include "sim/soak.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORLDS_A_PROCESS 400u           /* so that its processor time has a limit */
#define SLOW_WORLD_S     100u

struct job {
	pid_t pid;
	uint64_t next;                  /* seed */
	struct report *report;
};

struct soak_run {
	const struct sim_options *options;
	uint64_t first, end, done;
	unsigned jobs;
	bool progress, stopped;
	int pipe[2];
	struct job job[SOAK_JOBS_MAX];
	struct { uint64_t bytes; unsigned counted, fired; } *figures;
	struct soak_summary *summary;
};

static void child(struct soak_run *run, struct job *job)
{
	struct world_result result;

	close(run->pipe[0]);
	report_use(job->report);
	for (unsigned i = 0; i < WORLDS_A_PROCESS && job->next < run->end;
	     i++, job->next += run->jobs) {
		job->report->seed = job->next;
		job->report->running = true;
		alarm(SLOW_WORLD_S);
		trial_world(run->options, job->next, NULL, false, &result);
		job->report->running = false;
		if (write(run->pipe[1], &result, sizeof result) != (ssize_t)sizeof result)
			_exit(2);
	}
	job->report->seed = job->next;
	_exit(0);
}

static void start(struct soak_run *run, struct job *job)
{
	memset(job->report, 0, sizeof *job->report);
	job->report->seed = job->next;
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0) {
		perror("fork");
		exit(2);
	}
	if (job->pid == 0)
		child(run, job);
}

static void note_failure(struct soak_run *run, const struct job *job, int status)
{
	struct soak_summary *summary = run->summary;
	struct soak_failure *failure = &summary->failures[summary->failure_count];

	if (summary->failure_count == SOAK_FAILURES_MAX)
		return;
	summary->failure_count++;
	failure->seed = job->report->seed;
	memcpy(failure->text, job->report->failure, sizeof failure->text);
	if (failure->text[0] == 0 && WIFSIGNALED(status))
		snprintf(failure->text, sizeof failure->text, "died of signal %d%s",
			 WTERMSIG(status),
			 WTERMSIG(status) == SIGALRM ? ": a world without end" : "");
	else if (failure->text[0] == 0)
		snprintf(failure->text, sizeof failure->text, "exit status %d",
			 WEXITSTATUS(status));
	printf("FAILED seed %" PRIu64 ": %s\n", failure->seed, failure->text);
	fflush(stdout);
}

/* One process has ended: the next goes on, if there is more. */
static void ended(struct soak_run *run, pid_t pid, int status, bool stop_early)
{
	for (unsigned i = 0; i < run->jobs; i++) {
		struct job *job = &run->job[i];

		if (job->pid != pid)
			continue;
		job->pid = 0;
		job->next = job->report->seed;
		if (status != 0) {
			note_failure(run, job, status);
			job->next += run->jobs;
			run->done++;
			run->stopped |= stop_early ||
					run->summary->failure_count == SOAK_FAILURES_MAX;
		}
		if (job->next < run->end && !run->stopped)
			start(run, job);
	}
}

static void take_result(struct soak_run *run, const struct world_result *result)
{
	struct soak_summary *summary = run->summary;

	run->figures[summary->worlds].bytes = result->bytes;
	run->figures[summary->worlds].counted = result->counted;
	run->figures[summary->worlds].fired = result->fired;
	summary->worlds++;
	summary->bytes += result->bytes;
	if (result->rtt_most_ns > summary->rtt_most_ns)
		summary->rtt_most_ns = result->rtt_most_ns;
	coverage_add(&summary->coverage, &result->coverage);
	run->done++;
	if (run->progress && summary->worlds % 1000 == 0) {
		printf("%" PRIu64 " worlds, %u failed\n", summary->worlds, summary->failure_count);
		fflush(stdout);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void find_medians(struct soak_run *run)
{
	struct soak_summary *summary = run->summary;
	uint64_t *values = calloc(summary->worlds + 1, sizeof *values),
		 middle = summary->worlds / 2;

	if (values == NULL)
		exit(2);
	for (uint64_t i = 0; i < summary->worlds; i++)
		values[i] = run->figures[i].bytes;
	qsort(values, summary->worlds, sizeof *values, by_size);
	summary->median_bytes = values[middle];
	for (uint64_t i = 0; i < summary->worlds; i++)
		values[i] = run->figures[i].counted;
	qsort(values, summary->worlds, sizeof *values, by_size);
	summary->median_counted = values[middle];
	for (uint64_t i = 0; i < summary->worlds; i++)
		values[i] = run->figures[i].fired;
	qsort(values, summary->worlds, sizeof *values, by_size);
	summary->median_fired = values[middle];
	free(values);
}

static bool any_running(const struct soak_run *run)
{
	for (unsigned i = 0; i < run->jobs; i++)
		if (run->job[i].pid != 0)
			return true;
	return false;
}

/* All results that are in the pipe; whole records, since each is written at once. */
static void drain(struct soak_run *run)
{
	struct world_result result;
	ssize_t got;

	while ((got = read(run->pipe[0], &result, sizeof result)) == (ssize_t)sizeof result)
		take_result(run, &result);
	if (got != 0) {
		perror("read");
		exit(2);
	}
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One round: processes that have ended are replaced until a result comes. */
static void reap(struct soak_run *run, bool stop_early)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(run, pid, status, stop_early);
}

void soak(const struct sim_options *options, uint64_t first, uint64_t count, unsigned jobs,
	  bool progress, bool stop_early, struct soak_summary *summary)
{
	struct soak_run run = { .options = options,
				.first = first,
				.end = first + count,
				.jobs = jobs,
				.progress = progress,
				.summary = summary };
	double started = seconds_now();

	_Static_assert(sizeof(struct world_result) <= 4096, "a record is written at once");
	memset(summary, 0, sizeof *summary);
	run.figures = calloc(count + 1, sizeof *run.figures);
	if (run.figures == NULL || pipe(run.pipe) < 0)
		exit(2);
	for (unsigned i = 0; i < jobs; i++) {
		run.job[i].report = report_new();
		run.job[i].next = first + i;
		if (run.job[i].next < run.end)
			start(&run, &run.job[i]);
	}
	while (any_running(&run)) {
		struct world_result result;
		fd_set set;
		struct timeval wait = { .tv_usec = 50000 };

		FD_ZERO(&set);
		FD_SET(run.pipe[0], &set);
		if (select(run.pipe[0] + 1, &set, NULL, NULL, &wait) > 0 &&
		    read(run.pipe[0], &result, sizeof result) == (ssize_t)sizeof result)
			take_result(&run, &result);
		else
			reap(&run, stop_early);
	}
	close(run.pipe[1]);
	drain(&run);
	close(run.pipe[0]);
	summary->seconds = seconds_now() - started;
	find_medians(&run);
	free(run.figures);
}
