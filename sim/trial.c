/* SPDX-License-Identifier: Apache-2.0 */
/* See trial.h. */
#include "sim/trial.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void trial_world(const struct sim_options *options, uint64_t seed, const struct plan_cut *cut,
		 bool verbose, struct world_result *result)
{
	static struct world world;
	struct plan plan;

	plan_draw(&plan, options, seed);
	if (cut != NULL)
		plan_apply(&plan, cut);
	if (verbose)
		plan_print(&plan);
	world_run(&world, &plan, verbose, result);
}

static void limit_time(void)
{
	struct rlimit limit = { TRIAL_SECONDS, TRIAL_SECONDS + 5 };

	(void)setrlimit(RLIMIT_CPU, &limit);
}

static void silence(void)
{
	int null = open("/dev/null", O_WRONLY);

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
}

void trial_run(struct trial *trial, const struct sim_options *options, uint64_t seed,
	       const struct plan_cut *cut, bool quiet, bool verbose)
{
	static struct { struct report report; struct world_result result; } *shared;
	int status = 0;
	pid_t child;

	if (shared == NULL)
		shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		exit(2);
	memset(shared, 0, sizeof *shared);
	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	if (child == 0) {
		limit_time();
		report_use(&shared->report);
		if (quiet)
			silence();
		trial_world(options, seed, cut, verbose, &shared->result);
		fflush(NULL);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child)
		exit(2);
	memset(trial, 0, sizeof *trial);
	trial->result = shared->result;
	trial->failed = status != 0;
	if (shared->report.failure[0] != 0)
		memcpy(trial->failure, shared->report.failure, sizeof trial->failure);
	else if (WIFSIGNALED(status))
		snprintf(trial->failure, sizeof trial->failure, "died of signal %d",
			 WTERMSIG(status));
	else
		snprintf(trial->failure, sizeof trial->failure, "exit status %d",
			 WEXITSTATUS(status));
}

bool trial_same(const struct trial *a, const struct trial *b)
{
	const char *x = a->failure, *y = b->failure;

	if (!a->failed || !b->failed)
		return false;
	while (*x != 0 && *y != 0) {
		while (isdigit((unsigned char)*x))
			x++;
		while (isdigit((unsigned char)*y))
			y++;
		if (*x != *y)
			return false;
		if (*x != 0) {
			x++;
			y++;
		}
	}
	return *x == *y;
}
