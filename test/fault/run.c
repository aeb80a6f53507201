/* SPDX-License-Identifier: Apache-2.0 */
/* One run, in its process. */
#include "test/fault/run.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/call.h"
#include "driver/endpoint.h"

#define LOOK_MS    2
#define SETTLED_MS 300                  /* a clean run: without change for so long */
#define PATIENCE_S 30                   /* what is kept longer than that is kept for ever */

/* --- what the library holds --- */

static unsigned entries(const char *directory)
{
	DIR *d = opendir(directory);
	unsigned count = 0;

	while (d && readdir(d))
		count++;
	if (d)
		closedir(d);
	return count;
}

/* Of this process, the engine's own table included. */
static unsigned descriptors(const struct engine *e)
{
	char path[64];
	unsigned count = entries("/proc/self/fd");

	if (e && e->private_table) {
		snprintf(path, sizeof path, "/proc/self/task/%d/fd", (int)e->tid);
		count += entries(path);
	}
	return count;
}

struct busy_call {
	struct call call;
	bool busy;
};

static void look_busy(struct engine *e, struct call *c)
{
	struct busy_call *b = container_of(c, struct busy_call, call);

	b->busy = endpoint_next(e, NULL) || e->memory.lent > 0 || e->resolves_count > 0;
	call_done(c, 0);
}

/* Sessions that are not over, or memory lent to them. */
static bool busy(struct engine *e)
{
	struct busy_call b = { .busy = false };

	if (e)
		call_run(e, &b.call, look_busy);
	return b.busy;
}

/*
 * Tables that grow are taken by whoever is the first to need more: of
 * those all sites count together.
 */
static bool same_kind(uint64_t a, uint64_t b)
{
	return a == b || (a >> 48 == FAULT_reallocarray && b >> 48 == FAULT_reallocarray);
}

static unsigned kept_now(const struct fault_run *run, uint64_t key)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < FAULT_SITES_MOST; i++)
		if (same_kind(run->sites[i].key, key))
			kept += fault_live(&run->sites[i]);
	return kept;
}

static unsigned kept_clean(const struct fault_run *clean, uint64_t key)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < FAULT_SITES_MOST; i++)
		if (same_kind(clean->sites[i].key, key))
			kept += clean->sites[i].live;
	return kept;
}

static bool holds_more(struct fault_run *run, struct engine *e, bool tell)
{
	unsigned fds = descriptors(e);
	bool more = false;
	char text[128];

	for (unsigned i = 0; i < FAULT_SITES_MOST; i++) {
		uint64_t key = run->sites[i].key;

		if (!key || fault_live(&run->sites[i]) == 0 ||
		    kept_now(run, key) <= kept_clean(run->baseline, key))
			continue;
		more = true;
		fault_site_text(run, key, text, sizeof text);
		if (tell)
			fprintf(stderr, "leak: %u blocks of %s\n", kept_now(run, key), text);
	}
	if (fds > run->baseline_descriptors && tell)
		fprintf(stderr, "leak: %u descriptors, %u after a clean run\n", fds,
			run->baseline_descriptors);
	return more || fds > run->baseline_descriptors;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A clean run tells what is normal, once nothing changes any more. */
static void measure(struct fault_run *run)
{
	struct engine *e = engine_running();
	unsigned last = 0;

	for (long since = now_ms(); now_ms() - since < SETTLED_MS;) {
		unsigned sum = descriptors(e);

		for (unsigned i = 0; i < FAULT_SITES_MOST; i++)
			sum += fault_live(&run->sites[i]);
		if (busy(e) || sum != last)
			since = now_ms();
		last = sum;
		poll(NULL, 0, 10);
	}
	run->descriptors = descriptors(e);
	for (unsigned i = 0; i < FAULT_SITES_MOST; i++)
		run->sites[i].live = fault_live(&run->sites[i]);
}

static void check_leaks(struct fault_run *run)
{
	struct engine *e = engine_running();
	long begin = now_ms();

	while (busy(e) || holds_more(run, e, false)) {
		if (now_ms() - begin > PATIENCE_S * 1000) {
			holds_more(run, e, true);
			lie("the library keeps%s more than after a clean run", busy(e) ? " sessions, and" : "");
		}
		poll(NULL, 0, LOOK_MS);
	}
}

/* Whatever happened, the library works on when nothing fails any more. */
static void works_on(void)
{
	struct ends e;

	atomic_store(&fault_run->cut, 0);
	unsigned fired = atomic_exchange(&fault_run->fired, 0);     /* nothing is an excuse here */

	if (ends_open(&e, options_with(NULL))) {
		exchange(&e, 20000, NULL);
		ends_close(&e);
	}
	atomic_store(&fault_run->fired, fired);
}

void run_process(const struct scenario *scenario, struct fault_run *run)
{
	fault_run = run;
	fault_arm(true);
	scenario->run();
	fault_arm(false);
	works_on();
	if (!run->baseline) {
		measure(run);
		/* And once more: what stays must not grow. */
		run->baseline = run;
		run->baseline_descriptors = run->descriptors;
		works_on();
	}
	check_leaks(run);
	exit(0);
}
