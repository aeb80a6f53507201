/* SPDX-License-Identifier: Apache-2.0 */
/* See by_hand.h. The loop's own parts are used as they are: only their order in time is another. */
#include "fuzz/by_hand.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

static int stopped_clock(clockid_t clock, struct timespec *t);

/* With the whole loop in sight it overlooks that run_tasks takes its mark out again. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif

#define clock_gettime stopped_clock
#include "driver/engine.c"
#undef clock_gettime
#include "driver/endpoint_table.c"
#include "driver/guest.h"
#include "fuzz/fuzz.h"

#define BEGINNING   (1000 * NS_PER_S)
#define TURNS_MAX   5000u
#define STEPS_MAX   200u        /* of time that passes: then it jumps */
#define TABLE_SIZE 4096

struct by_hand_table by_hand_table;

static struct engine *engine;
static time_ns now;
static bool owned[TABLE_SIZE];
static uint64_t randomness;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags);

static int stopped_clock(clockid_t clock, struct timespec *t)
{
	(void)clock;
	t->tv_sec = now / NS_PER_S;
	t->tv_nsec = now % NS_PER_S;
	return 0;
}

time_ns by_hand_now(void)
{
	return now;
}

/* --- its descriptors and random numbers --- */

static int own(int fd)
{
	HOLDS(fd < TABLE_SIZE);
	if (fd >= 0) {
		owned[fd] = true;
		by_hand_table.open++;
	}
	return fd;
}

static bool full(void)
{
	if (by_hand_table.open < by_hand_table.most)
		return false;
	errno = by_hand_table.error;
	return true;
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool waits = poll(&p, 1, 0) > 0;
	int accepted;

	/* As Linux has it: also when nobody waits. */
	if (full()) {
		by_hand_table.crowded += waits;
		errno = by_hand_table.error;
		return -1;
	}
	accepted = own(__real_accept4(fd, address, length, flags));
	by_hand_table.accepted += accepted >= 0;
	by_hand_table.crowded += accepted >= 0 && engine->listeners->guest_count == GUESTS_MAX;
	return accepted;
}

int __wrap_socket(int family, int type, int protocol)
{
	if (full()) {
		by_hand_table.crowded++;
		errno = by_hand_table.error;
		return -1;
	}
	return own(__real_socket(family, type, protocol));
}

int __wrap_inotify_init1(int flags)
{
	if (by_hand_table.inotify)
		return __real_inotify_init1(flags);
	errno = EMFILE;
	return -1;
}

int __wrap_close(int fd)
{
	if (fd >= 0 && fd < TABLE_SIZE && owned[fd]) {
		owned[fd] = false;
		by_hand_table.open--;
	}
	return __real_close(fd);
}

int by_hand_socket(int family, int type)
{
	return __real_socket(family, type, 0);
}

/* splitmix64: Steele, Lea, Flood 2014. */
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < length; i++) {
		uint64_t z = randomness += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		((uint8_t *)bytes)[i] = (uint8_t)(z >> 56);
	}
	return (ssize_t)length;
}

/* --- turning --- */

struct engine *by_hand_begin(void)
{
	struct engine *e = calloc(1, sizeof *e);

	HOLDS(e);
	engine = e;
	memset(&by_hand_table, 0, sizeof by_hand_table);
	by_hand_table.most = UINT32_MAX;
	memset(owned, 0, sizeof owned);
	randomness = 0;
	now = BEGINNING;
	e->thread = pthread_self();
	e->pid = getpid();
	e->now = now;
	e->signal_fd = -1;
	e->tasks_end = &e->tasks;
	e->inbox_end = &e->inbox;
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	HOLDS(e->epoll_fd >= 0);
	pthread_mutex_init(&e->inbox_lock, NULL);
	pthread_mutex_init(&e->endpoints_lock, NULL);
	timers_init(&e->timers);
	memory_init(&e->memory);
	return e;
}

/* False: there was nothing to do. */
static bool turn(struct engine *e)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = wait_for_events(e, events, 0);
	bool busy = n > 0 || e->tasks || e->inbox;

	HOLDS(n >= 0 || errno == EINTR);
	e->now = now;
	for (int i = 0; i < n; i++)
		deliver(e, &events[i]);
	busy = timers_run(&e->timers, e->now) > 0 || busy;
	run_requests(e);
	run_tasks(e);
	return busy;
}

void by_hand_rest(void)
{
	for (unsigned turns = 0; turn(engine); turns++)
		HOLDS(turns < TURNS_MAX);
}

void by_hand_pass(time_ns duration_ns)
{
	time_ns end = now + duration_ns;

	for (unsigned steps = 0; steps < STEPS_MAX && timers_next(&engine->timers) < end; steps++) {
		if (timers_next(&engine->timers) > now)
			now = timers_next(&engine->timers);
		by_hand_rest();
	}
	now = end;
	by_hand_rest();
}

static void forget_sessions(struct endpoints *all)
{
	if (!all)
		return;
	HOLDS(!all->live);
	while (all->over)
		endpoint_free(all->over);
	free(all);
}

void by_hand_end(void)
{
	struct engine *e = engine;

	forget_sessions(e->endpoints);
	HOLDS(e->timers.count == 0 && !e->tasks && !e->inbox);
	HOLDS(e->memory.lent == 0 && e->memory.promised_bytes == 0);
	HOLDS(by_hand_table.open == 0);
	for (uint32_t i = 0; i < e->slots_count; i++)
		HOLDS(!e->slots[i].watch);
	free(e->listeners);
	free(e->slots);
	timers_fini(&e->timers);
	memory_fini(&e->memory);
	pthread_mutex_destroy(&e->inbox_lock);
	pthread_mutex_destroy(&e->endpoints_lock);
	__real_close(e->epoll_fd);
	free(e);
	engine = NULL;
}
