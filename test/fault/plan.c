/* SPDX-License-Identifier: Apache-2.0 */
/* Which call fails: counted by call site, compared with the plan. And the blocks that were taken, by site. */
#include "test/fault/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS_MOST 16384u

extern const char __executable_start[];

#define ROW(function, ...) [FAULT_##function] = { #function, { __VA_ARGS__ } },
const struct fault_function_row fault_functions[FAULT_FUNCTIONS_COUNT] = { FAULT_FUNCTIONS(ROW) };

const char *const fault_kind_names[FAULT_KINDS_COUNT] = {
	[FAULT_MEMORY] = "MEMORY", [FAULT_DESCRIPTORS] = "DESCRIPTORS",
};

static const uint8_t kinds[FAULT_FUNCTIONS_COUNT] = {
	[FAULT_calloc] = FAULT_MEMORY, [FAULT_malloc] = FAULT_MEMORY, [FAULT_mmap64] = FAULT_MEMORY,
	[FAULT_open_memstream] = FAULT_MEMORY, [FAULT_realloc] = FAULT_MEMORY,
	[FAULT_reallocarray] = FAULT_MEMORY, [FAULT_getifaddrs] = FAULT_MEMORY,
	[FAULT_pthread_attr_init] = FAULT_MEMORY,

	[FAULT_accept4] = FAULT_DESCRIPTORS, [FAULT_dup] = FAULT_DESCRIPTORS,
	[FAULT_epoll_create1] = FAULT_DESCRIPTORS, [FAULT_fcntl64] = FAULT_DESCRIPTORS,
	[FAULT_fopen64] = FAULT_DESCRIPTORS, [FAULT_inotify_init1] = FAULT_DESCRIPTORS,
	[FAULT_open64] = FAULT_DESCRIPTORS, [FAULT_opendir] = FAULT_DESCRIPTORS,
	[FAULT_signalfd] = FAULT_DESCRIPTORS, [FAULT_socket] = FAULT_DESCRIPTORS,
	[FAULT_socketpair] = FAULT_DESCRIPTORS,
};

struct fault_run *fault_run;
static atomic_bool armed;

void fault_arm(bool on)
{
	atomic_store(&armed, on);
}

uint64_t fault_key(enum fault_function f, const void *from)
{
	return (uint64_t)f << 48 | (uint64_t)((const char *)from - __executable_start);
}

struct fault_site *fault_site(struct fault_run *run, uint64_t key)
{
	uint64_t at = key * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	for (unsigned i = 0; i < FAULT_SITES_MOST; i++) {
		struct fault_site *site = &run->sites[(at + i) % FAULT_SITES_MOST];
		uint64_t found = 0;

		if (atomic_compare_exchange_strong(&site->key, &found, key) || found == key)
			return site;
	}
	fprintf(stderr, "fault: too many call sites\n");
	abort();
}

enum fault_function fault_function_of(uint64_t key)
{
	return key >> 48 == 0xffff ? FAULT_NONE : (enum fault_function)(key >> 48);
}

/* Counts a call; whether the plan is for it. */
static bool hit(struct fault_run *run, uint64_t key)
{
	unsigned call = atomic_fetch_add(&fault_site(run, key)->calls, 1);

	return key == run->plan.key && call >= run->plan.first && call - run->plan.first < run->plan.count;
}

int fault_due(enum fault_function f, const void *from)
{
	struct fault_run *run = fault_run;

	if (!run || !atomic_load(&armed))
		return 0;
	bool fails = hit(run, fault_key(f, from));
	if (kinds[f])
		fails |= hit(run, FAULT_KIND_KEY(kinds[f]));
	if (!fails)
		return 0;
	atomic_fetch_add(&run->fired, 1);
	return run->plan.error;
}

void fault_cut(void)
{
	if (fault_run)
		atomic_store(&fault_run->cut, 1);
}

/* --- blocks --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	void *block;                            /* NULL: never used; see GONE */
	struct fault_site *site;
} blocks[BLOCKS_MOST];
static unsigned live[FAULT_SITES_MOST];         /* by the site's place in the run's table */
static char gone;                               /* its address stands for a block that was given back */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void prepare(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

static unsigned place_of(const void *block)
{
	return (unsigned)(((uint64_t)(uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15) >> 32) % BLOCKS_MOST);
}

void *fault_track(void *block, enum fault_function f, const void *from)
{
	if (!block || !fault_run)
		return block;
	struct fault_site *site = fault_site(fault_run, fault_key(f, from));
	pthread_mutex_lock(&lock);
	unsigned at = place_of(block), tried = 0;
	while (blocks[at].block && blocks[at].block != &gone && tried++ < BLOCKS_MOST)
		at = (at + 1) % BLOCKS_MOST;
	if (tried > BLOCKS_MOST) {
		fprintf(stderr, "fault: too many blocks\n");
		abort();
	}
	blocks[at].block = block;
	blocks[at].site = site;
	live[site - fault_run->sites]++;
	pthread_mutex_unlock(&lock);
	return block;
}

void fault_untrack(void *block)
{
	if (!block || !fault_run)
		return;
	pthread_mutex_lock(&lock);
	for (unsigned at = place_of(block), tried = 0; blocks[at].block && tried < BLOCKS_MOST; tried++) {
		if (blocks[at].block == block) {
			blocks[at].block = &gone;
			live[blocks[at].site - fault_run->sites]--;
			break;
		}
		at = (at + 1) % BLOCKS_MOST;
	}
	pthread_mutex_unlock(&lock);
}

unsigned fault_live(const struct fault_site *site)
{
	pthread_mutex_lock(&lock);
	unsigned count = live[site - fault_run->sites];
	pthread_mutex_unlock(&lock);
	return count;
}
