/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays every scenario once to see which calls it makes, then again and again, each time with one call
 * that fails:
 *
 *   fault [--stride N] [--jobs N] [--seconds N] [--without SCENARIO] [SCENARIO...]
 *                                                                every Nth of the plans (1: all)
 *   fault --one SCENARIO SITE FIRST COUNT ERROR                  one of them, as it was told of
 *   fault --list [SCENARIO...]                                   the call sites
 *   fault --reached [SCENARIO...]                                where they return to, in this program's image
 *   --tell                                                       also the runs in which an error was returned
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/fault/run.h"

#define JOBS_MOST   32
#define CLEAN_RUNS  2u                  /* of which what stays is taken together */
#define PLANS_MOST  200000u
#define OUTPUT_MOST 4000
#define BURST       30u
/*
 * A run that goes wrong is repeated, and counts when that goes wrong too: a machine that stands still for
 * longer than the scenarios' timeouts is no bug. All are printed.
 */
#define TRIES_MOST  2u
#define SHORTAGES   16u                 /* of a kind, in a scenario */

struct job {
	pid_t pid;                      /* 0: free */
	const struct scenario *scenario;
	struct fault_run *run;          /* shared with it */
	char directory[64];             /* its sockets */
	FILE *output;
	time_t began;
	struct fault_run *learns;       /* a clean run: what is learnt from it goes here */
	unsigned tries;
};

struct plan {
	unsigned scenario;
	struct fault_plan plan;
};

static struct job jobs[JOBS_MOST];
static unsigned jobs_count = 6, watchdog_s = 120, stride = 1;
static bool tell;
static const char *without = "";
static struct fault_run *clean[64];     /* by scenario; NULL: not asked for */
static struct plan plans[PLANS_MOST];
static unsigned plans_count;
static char work[48];
static struct {
	unsigned runs, fired, refused, failed;
} total, by_function[FAULT_FUNCTIONS_COUNT];

static struct fault_run *shared_run(void)
{
	void *memory = mmap(NULL, sizeof(struct fault_run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

static const char *error_text(int error)
{
	return error == FAULT_SHORT ? "SHORT" : strerrorname_np(error);
}

static int error_parse(const char *text)
{
	if (strcmp(text, "SHORT") == 0)
		return FAULT_SHORT;
	for (int error = 1; error < 200; error++)
		if (strerrorname_np(error) && strcmp(strerrorname_np(error), text) == 0)
			return error;
	fprintf(stderr, "fault: no such error: %s\n", text);
	exit(2);
}

/* --- one run from outside --- */

/* Empties it; true: something was left that the library should have removed. */
static bool empty_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	char name[400];
	bool left = false;

	while (d && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		left |= strncmp(entry->d_name, "hawser-", 7) == 0;
		if (unlink(name) < 0) {
			empty_directory(name);
			rmdir(name);
		}
	}
	if (d)
		closedir(d);
	return left;
}

static void start(struct job *job)
{
	job->output = tmpfile();
	job->began = time(NULL);
	fflush(NULL);
	job->pid = fork();
	if (job->pid != 0)
		return;
	setpgid(0, 0);
	setenv("XDG_RUNTIME_DIR", job->directory, 1);
	dup2(fileno(job->output), STDOUT_FILENO);
	dup2(fileno(job->output), STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);         /* other runs' */
	run_process(job->scenario, job->run);
}

/* Without a plan: a clean run, of which `known` learns. */
static void begin(struct job *job, const struct scenario *scenario, const struct fault_plan *plan,
		  struct fault_run *known)
{
	memset(job->run, 0, sizeof *job->run);
	job->tries = 1;
	job->learns = plan ? NULL : known;
	if (plan) {
		job->run->plan = *plan;
		job->run->baseline = known;
		job->run->baseline_descriptors = known->descriptors;
	}
	job->scenario = scenario;
	start(job);
}

/* The same run once more. */
static void repeat(struct job *job)
{
	struct fault_plan plan = job->run->plan;
	struct fault_run *known = job->learns ? job->learns : (struct fault_run *)job->run->baseline;
	unsigned tries = job->tries;

	begin(job, job->scenario, job->learns ? NULL : &plan, known);
	job->tries = tries + 1;
}

static void describe(const struct job *job, FILE *out)
{
	const struct fault_plan *plan = &job->run->plan;
	char site[128];

	if (!plan->key) {
		fprintf(out, "%s without a fault", job->scenario->name);
		return;
	}
	fault_site_text(job->run->baseline, plan->key, site, sizeof site);
	fprintf(out, "--one %s %s %u %u %s", job->scenario->name, site, plan->first, plan->count,
		error_text(plan->error));
}

static void fail(struct job *job, const char *why)
{
	char text[OUTPUT_MOST];

	bool counts = job->tries == TRIES_MOST;

	total.failed += counts;
	by_function[fault_function_of(job->run->plan.key)].failed += counts;
	printf("%s (%s): ", counts ? "FAILED" : "went wrong once", why);
	describe(job, stdout);
	putchar('\n');
	rewind(job->output);
	size_t length = fread(text, 1, sizeof text, job->output);
	fwrite(text, 1, length, stdout);
	fflush(stdout);
}

/* A call that should have removed something and could not leaves it behind. */
static bool may_leave(const struct fault_plan *plan)
{
	enum fault_function f = fault_function_of(plan->key);

	return f == FAULT_rmdir || f == FAULT_unlink;
}

static void learn_from(struct fault_run *known, const struct fault_run *run)
{
	for (unsigned i = 0; i < FAULT_SITES_MOST; i++) {
		const struct fault_site *from = &run->sites[i];

		if (!from->key)
			continue;
		struct fault_site *to = fault_site(known, from->key);
		to->calls = !to->calls || to->calls > from->calls ? from->calls : to->calls;
		to->live = to->live > from->live ? to->live : from->live;
	}
	known->descriptors = known->descriptors > run->descriptors ? known->descriptors : run->descriptors;
}

static void end(struct job *job, int status)
{
	const struct fault_plan *plan = &job->run->plan;
	enum fault_function f = fault_function_of(plan->key);
	char why[64];

	kill(-job->pid, SIGKILL);       /* what it may have left */
	bool left = empty_directory(job->directory);
	total.runs++;
	by_function[f].runs++;
	total.fired += job->run->fired > 0;
	by_function[f].fired += job->run->fired > 0;
	total.refused += job->run->refused > 0;
	by_function[f].refused += job->run->refused > 0;
	snprintf(why, sizeof why, WIFSIGNALED(status) ? "signal %d" : "exit status %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	bool died = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	bool wrong = died || (left && !may_leave(plan));
	if (wrong)
		fail(job, died ? why : "a directory is left");
	else if (job->learns)
		learn_from(job->learns, job->run);
	else if (tell && job->run->refused) {
		printf("refused: ");
		describe(job, stdout);
		putchar('\n');
	}
	fclose(job->output);
	job->pid = 0;
	if (wrong && job->tries < TRIES_MOST)
		repeat(job);
}

/* Waits until one more is over, or stands still. */
static void wait_one(void)
{
	for (;;) {
		for (unsigned i = 0; i < jobs_count; i++) {
			struct job *job = &jobs[i];
			int status;

			if (job->pid && waitpid(job->pid, &status, WNOHANG) == job->pid) {
				end(job, status);
				return;
			}
			if (job->pid && time(NULL) - job->began > (time_t)watchdog_s) {
				printf("stands still: ");
				describe(job, stdout);
				putchar('\n');
				kill(-job->pid, SIGKILL);
				waitpid(job->pid, &status, 0);
				end(job, status);
				return;
			}
		}
		usleep(500);
	}
}

static struct job *free_job(void)
{
	for (;;) {
		for (unsigned i = 0; i < jobs_count; i++)
			if (!jobs[i].pid)
				return &jobs[i];
		wait_one();
	}
}

static void wait_all(void)
{
	for (unsigned i = 0; i < jobs_count; i++)
		while (jobs[i].pid)
			wait_one();
}

static bool asked_for(const char *name, char **names)
{
	if (strcmp(name, without) == 0)
		return false;
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* --- the plans --- */

/* Clean runs of those that are asked for: which calls they make, and what stays. False: one went wrong. */
static bool learn(char **names)
{
	for (unsigned i = 0; scenarios[i].name; i++) {
		if (!asked_for(scenarios[i].name, names))
			continue;
		clean[i] = shared_run();
		for (unsigned n = 0; n < CLEAN_RUNS; n++)
			begin(free_job(), &scenarios[i], NULL, clean[i]);
	}
	wait_all();
	return total.failed == 0;
}

static void add(unsigned scenario, uint64_t key, unsigned first, unsigned count, int error)
{
	if (plans_count == PLANS_MOST) {
		fprintf(stderr, "fault: too many plans\n");
		exit(1);
	}
	plans[plans_count++] = (struct plan){ scenario, { key, first, count, error } };
}

/* From every few calls on everything of that kind fails for a while. */
static void plan_shortage(unsigned scenario, const struct fault_site *site)
{
	int error = (site->key & 0xffff) == FAULT_MEMORY ? ENOMEM : EMFILE;
	unsigned step = site->calls / SHORTAGES + 1;

	for (unsigned first = 0; first < site->calls; first += step) {
		add(scenario, site->key, first, 3, error);
		add(scenario, site->key, first, BURST, error);
	}
}

/*
 * Of every site the first, second, middle and last call fails with what is likeliest, the first with
 * everything else, and for a while all of them.
 */
static void plan_site(unsigned scenario, const struct fault_site *site)
{
	const int *errors = fault_functions[fault_function_of(site->key)].errors;
	unsigned calls = site->calls;

	if (site->key >> 48 == 0xffff) {
		plan_shortage(scenario, site);
		return;
	}

	add(scenario, site->key, 0, 1, errors[0]);
	for (unsigned i = 1; i < FAULT_ERRORS_MOST && errors[i]; i++)
		add(scenario, site->key, 0, 1, errors[i]);
	if (calls > 1)
		add(scenario, site->key, 1, 1, errors[0]);
	if (calls > 3)
		add(scenario, site->key, calls / 2, 1, errors[0]);
	if (calls > 2)
		add(scenario, site->key, calls - 1, 1, errors[0]);
	if (calls > 1)
		add(scenario, site->key, 0, BURST, errors[0]);
}

static int by_key(const void *a, const void *b)
{
	const struct fault_site *x = *(struct fault_site *const *)a, *y = *(struct fault_site *const *)b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* In the order of functions and places: the same in every run of this program. */
static unsigned sorted(struct fault_run *run, struct fault_site **out)
{
	unsigned count = 0;

	for (unsigned i = 0; i < FAULT_SITES_MOST; i++)
		if (run->sites[i].key && run->sites[i].calls > 0)
			out[count++] = &run->sites[i];
	qsort(out, count, sizeof *out, by_key);
	return count;
}

static void plan_scenario(unsigned number)
{
	struct fault_site *sites[FAULT_SITES_MOST];
	unsigned count = sorted(clean[number], sites);

	for (unsigned i = 0; i < count; i++)
		plan_site(number, sites[i]);
}

/* --- what can be asked for --- */

/* One that needs what this process may not do makes none. */
static bool makes_calls(unsigned number)
{
	struct fault_site *sites[FAULT_SITES_MOST];

	return sorted(clean[number], sites) > 0;
}

static void list(unsigned number)
{
	struct fault_site *sites[FAULT_SITES_MOST];
	unsigned count = sorted(clean[number], sites);
	char text[128];

	for (unsigned i = 0; i < count; i++) {
		fault_site_text(clean[number], sites[i]->key, text, sizeof text);
		printf("%s %s %u calls, %u blocks stay\n", scenarios[number].name, text, sites[i]->calls,
		       sites[i]->live);
	}
}

/* For reach.sh, which knows the others. */
static void list_places(unsigned number)
{
	struct fault_site *sites[FAULT_SITES_MOST];
	unsigned count = sorted(clean[number], sites);

	for (unsigned i = 0; i < count; i++)
		if (fault_function_of(sites[i]->key) != FAULT_NONE)
			printf("%llx\n", (unsigned long long)(sites[i]->key & ((UINT64_C(1) << 48) - 1)));
}

static int one(unsigned number, char **words)
{
	struct fault_plan plan = { .first = (unsigned)atoi(words[1]), .count = (unsigned)atoi(words[2]) };
	char text[128];

	plan.error = error_parse(words[3]);
	for (unsigned i = 0; i < FAULT_SITES_MOST; i++) {
		uint64_t key = clean[number]->sites[i].key;

		if (!key)
			continue;
		fault_site_text(clean[number], key, text, sizeof text);
		if (strcmp(text, words[0]) == 0)
			plan.key = key;
	}
	if (!plan.key) {
		fprintf(stderr, "fault: %s has no call %s\n", scenarios[number].name, words[0]);
		return 2;
	}
	begin(free_job(), &scenarios[number], &plan, clean[number]);
	wait_all();
	printf("%s, %s\n", total.fired ? "came to pass" : "never came to pass",
	       total.refused ? "an error was returned" : "nothing was lost");
	return total.failed > 0;
}

static void run_plans(void)
{
	for (unsigned i = 0; i < plans_count; i += stride) {
		const struct plan *p = &plans[i];

		begin(free_job(), &scenarios[p->scenario], &p->plan, clean[p->scenario]);
	}
	wait_all();
}

static void summary(void)
{
	printf("%-26s %6s %6s %8s %7s\n", "function", "runs", "fired", "refused", "failed");
	for (unsigned f = 0; f < FAULT_FUNCTIONS_COUNT; f++)
		if (by_function[f].runs)
			printf("%-26s %6u %6u %8u %7u\n",
			       f ? fault_functions[f].name : "shortages, clean runs",
			       by_function[f].runs, by_function[f].fired, by_function[f].refused, by_function[f].failed);
	printf("%u plans, every %uth: %u runs; in %u a call failed, in %u of them the library returned an "
	       "error; %u went wrong\n", plans_count, stride, total.runs, total.fired, total.refused,
	       total.failed);
}

static void prepare(void)
{
	snprintf(work, sizeof work, "/tmp/fault-XXXXXX");
	if (!mkdtemp(work)) {
		perror("mkdtemp");
		exit(1);
	}
	for (unsigned i = 0; i < jobs_count; i++) {
		jobs[i].run = shared_run();
		snprintf(jobs[i].directory, sizeof jobs[i].directory, "%s/%u", work, i);
		mkdir(jobs[i].directory, 0700);
	}
}

static void tidy(void)
{
	for (unsigned i = 0; i < jobs_count; i++)
		rmdir(jobs[i].directory);
	rmdir(work);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "stride", required_argument, NULL, 's' }, { "jobs", required_argument, NULL, 'j' },
		{ "seconds", required_argument, NULL, 'w' }, { "one", no_argument, NULL, '1' },
		{ "without", required_argument, NULL, 'x' }, { "list", no_argument, NULL, 'l' },
		{ "tell", no_argument, NULL, 't' }, { "reached", no_argument, NULL, 'r' }, { NULL, 0, NULL, 0 },
	};
	bool only_one = false, only_list = false, only_places = false;
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': stride = (unsigned)atoi(optarg); break;
		case 'j': jobs_count = (unsigned)atoi(optarg); break;
		case 'w': watchdog_s = (unsigned)atoi(optarg); break;
		case 'x': without = optarg; break;
		case '1': only_one = true; break;
		case 'l': only_list = true; break;
		case 't': tell = true; break;
		case 'r': only_places = true; break;
		default: return 2;
		}
	}
	if (stride < 1 || jobs_count < 1 || jobs_count > JOBS_MOST || (only_one && argc - optind != 5))
		return 2;
	char *single[2] = { only_one ? argv[optind] : NULL, NULL };
	char **names = only_one ? single : argv + optind;
	prepare();
	if (!learn(names))
		status = 1;
	for (unsigned i = 0; status == 0 && scenarios[i].name; i++) {
		if (!clean[i])
			continue;
		if (!makes_calls(i))
			fprintf(stderr, "%s cannot be had here\n", scenarios[i].name);
		if (only_one)
			status = one(i, argv + optind + 1);
		else if (only_list)
			list(i);
		else if (only_places)
			list_places(i);
		else
			plan_scenario(i);
	}
	if (status == 0 && !only_one && !only_list && !only_places) {
		run_plans();
		summary();
	}
	tidy();
	return status || total.failed > 0;
}
