/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: its thread, its descriptor table and its loop. */
#include "driver/engine.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/time_types.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "driver/fork.h"
#include "driver/linger.h"

#define EVENTS_PER_TURN 64
#define SLOTS_FIRST     32u
#define SLOTS_MAX       (1u << 20)
#define STACK_BYTES     (512u * 1024u)
#define TIMER_SLACK_NS  (50 * NS_PER_US)        /* what the kernel gives a thread */

/*
 * What wakes the thread: a signal needs no descriptor at the program's end, which the program could
 * close or use again. Sent to this one thread, where it is blocked, it reaches no handler. It is one
 * that neither kernel nor programs send: signalfd would also take what was meant for the program. And
 * not one that is ignored by default: a program that sets that again has the kernel drop what is
 * pending.
 */
#ifdef SIGSTKFLT
#define WAKE_SIGNAL SIGSTKFLT
#else
#define WAKE_SIGNAL SIGPWR
#endif
#define WAKE_COOKIE UINT64_MAX

static _Atomic(struct engine *) the_engine;
static struct engine *inherited;        /* of the processes this one was forked from */
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;

time_ns clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (time_ns)t.tv_sec * NS_PER_S + t.tv_nsec;
}

time_ns engine_now(const struct engine *e)
{
	return e->now;
}

bool engine_is_current(const struct engine *e)
{
	return pthread_equal(pthread_self(), e->thread);
}

/* --- watches --- */

static int slots_grow(struct engine *e)
{
	uint32_t count = e->slots_count ? 2 * e->slots_count : SLOTS_FIRST;

	if (count > SLOTS_MAX)
		return -ENOSPC;
	struct watch_slot *slots = reallocarray(e->slots, count, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = count; i-- > e->slots_count;) {
		slots[i] = (struct watch_slot){ .next_free = e->slots_free };
		e->slots_free = i + 1;
	}
	e->slots = slots;
	e->slots_count = count;
	return 0;
}

static uint64_t cookie(const struct engine *e, uint32_t index)
{
	return (uint64_t)e->slots[index].generation << 32 | index;
}

int watch_start(struct engine *e, struct watch *w, int fd, uint32_t events,
		void (*ready)(struct watch *w, uint32_t events))
{
	if (!e->slots_free) {
		int error = slots_grow(e);

		if (error < 0)
			return error;
	}
	uint32_t index = e->slots_free - 1;
	struct epoll_event event = { .events = events | EPOLLET, .data.u64 = cookie(e, index) };
	if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	e->slots_free = e->slots[index].next_free;
	e->slots[index].watch = w;
	*w = (struct watch){ .fd = fd, .slot = index + 1, .ready = ready };
	return 0;
}

int watch_change(struct engine *e, struct watch *w, uint32_t events)
{
	assert(w->slot);
	struct epoll_event event = {
		.events = events | EPOLLET,
		.data.u64 = cookie(e, w->slot - 1),
	};
	return epoll_ctl(e->epoll_fd, EPOLL_CTL_MOD, w->fd, &event) < 0 ? -errno : 0;
}

void watch_move(struct engine *e, struct watch *to, struct watch *from,
		void (*ready)(struct watch *w, uint32_t events))
{
	assert(from->slot && e->slots[from->slot - 1].watch == from);
	e->slots[from->slot - 1].watch = to;
	*to = (struct watch){ .fd = from->fd, .slot = from->slot, .ready = ready };
	from->slot = 0;
}

void watch_stop(struct engine *e, struct watch *w)
{
	if (!w->slot)
		return;
	struct watch_slot *slot = &e->slots[w->slot - 1];
	assert(slot->watch == w);
	epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	slot->watch = NULL;
	slot->generation++;
	slot->next_free = e->slots_free;
	e->slots_free = w->slot;
	w->slot = 0;
}

/* --- timers and tasks --- */

int timer_start(struct engine *e, struct timer *t, time_ns at)
{
	return timers_set(&e->timers, t, at);
}

void timer_stop(struct engine *e, struct timer *t)
{
	timers_stop(&e->timers, t);
}

bool engine_is_prompt(const struct engine *e)
{
	return !e->no_pwait2;
}

void engine_post(struct engine *e, struct task *t)
{
	assert(t->run);
	if (t->link)
		return;
	t->next = NULL;
	t->link = e->tasks_end;
	*e->tasks_end = t;
	e->tasks_end = &t->next;
}

void engine_unpost(struct engine *e, struct task *t)
{
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	else
		e->tasks_end = t->link;
	t->link = NULL;
}

/* Runs what is posted now; what that posts is left for the next turn. */
static void run_tasks(struct engine *e)
{
	struct task mark = { 0 };

	if (!e->tasks)
		return;
	mark.run = (void (*)(struct task *))abort;
	engine_post(e, &mark);
	while (e->tasks != &mark) {
		struct task *t = e->tasks;

		engine_unpost(e, t);
		t->run(t);
	}
	engine_unpost(e, &mark);
}

/* --- requests from other threads --- */

/*
 * Tells first and asks then whether it sleeps; the loop says first that it sleeps, and looks then whether it was
 * told. All four are in one order for all threads: whichever comes second of the two sees the other.
 */
void engine_kick(struct engine *e)
{
	if (!atomic_exchange(&e->told, true) && atomic_load(&e->asleep))
		syscall(SYS_tgkill, e->pid, e->tid, WAKE_SIGNAL);
}

void engine_submit(struct engine *e, struct request *r)
{
	r->next = NULL;
	pthread_mutex_lock(&e->inbox_lock);
	*e->inbox_end = r;
	e->inbox_end = &r->next;
	pthread_mutex_unlock(&e->inbox_lock);
	engine_kick(e);
}

static void run_requests(struct engine *e)
{
	pthread_mutex_lock(&e->inbox_lock);
	struct request *r = e->inbox;
	e->inbox = NULL;
	e->inbox_end = &e->inbox;
	pthread_mutex_unlock(&e->inbox_lock);

	while (r) {
		struct request *next = r->next;

		r->run(e, r);
		r = next;
	}
}

/* --- the loop --- */

static int wait_for_events(struct engine *e, struct epoll_event *events, time_ns timeout_ns)
{
	if (!e->no_pwait2) {
		struct __kernel_timespec t = {
			.tv_sec = timeout_ns / NS_PER_S,
			.tv_nsec = timeout_ns % NS_PER_S,
		};
		int n = (int)syscall(SYS_epoll_pwait2, e->epoll_fd, events, EVENTS_PER_TURN,
				     timeout_ns == TIME_NEVER ? NULL : &t, NULL, 0);

		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		e->no_pwait2 = true;
	}
	int timeout_ms = -1;
	if (timeout_ns != TIME_NEVER) {
		time_ns ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);

		timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
	}
	return epoll_wait(e->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
}

static time_ns time_to_wait(const struct engine *e)
{
	time_ns next = timers_next(&e->timers);

	if (e->tasks || atomic_load(&e->told))
		return 0;
	if (next == TIME_NEVER)
		return TIME_NEVER;
	time_ns now = clock_now();
	return next <= now ? 0 : next - now;
}

static void trim(struct timer *t, time_ns now)
{
	struct engine *e = container_of(t, struct engine, trim);

	if (memory_trim(&e->memory, now))
		(void)timer_start(e, t, now + MEMORY_SPARE_NS);
}

void engine_trim_later(struct engine *e)
{
	e->trim.expired = trim;
	if (!timer_started(&e->trim))
		(void)timer_start(e, &e->trim, engine_now(e) + MEMORY_SPARE_NS);
}

void engine_spin(struct engine *e, time_ns until)
{
	if (until > e->spin_until)
		e->spin_until = until;
}

/* Looks for events until it is time to sleep, or for a deadline: how many there are, as wait_for_events. */
static int spin_for_events(struct engine *e, struct epoll_event *events)
{
	time_ns next = timers_next(&e->timers);
	time_ns until = next < e->spin_until ? next : e->spin_until;
	int n = 0;

	while (!e->tasks && !atomic_load(&e->told) && n == 0 && clock_now() < until) {
		n = epoll_wait(e->epoll_fd, events, EVENTS_PER_TURN, 0);
		if (n == 0)
			sched_yield();
	}
	return n;
}

static void woken(struct engine *e)
{
	struct signalfd_siginfo info;

	/* It is pending once, however often it was sent. */
	(void)!read(e->signal_fd, &info, sizeof info);
}

static void deliver(struct engine *e, const struct epoll_event *event)
{
	uint32_t index = (uint32_t)event->data.u64;

	if (event->data.u64 == WAKE_COOKIE) {
		woken(e);
		return;
	}
	if (index >= e->slots_count || e->slots[index].generation != event->data.u64 >> 32)
		return;
	struct watch *w = e->slots[index].watch;
	if (w)
		w->ready(w, event->events);
}

static void *loop(struct engine *e)
{
	struct epoll_event events[EVENTS_PER_TURN];

	for (;;) {
		int n = e->spin_until > e->now ? spin_for_events(e, events) : 0;

		if (n == 0) {
			atomic_store(&e->asleep, !e->tasks);
			n = wait_for_events(e, events, time_to_wait(e));
			atomic_store(&e->asleep, false);
		}
		assert(n >= 0 || errno == EINTR);
		e->now = clock_now();
		for (int i = 0; i < n; i++)
			deliver(e, &events[i]);
		timers_run(&e->timers, e->now);
		/* Whatever woke it; before the inbox is looked at, so that what comes later kicks again. */
		atomic_store(&e->told, false);
		run_requests(e);
		run_tasks(e);
	}
	return NULL;
}

/* --- start --- */

/*
 * A table of its own, empty but for standard error, which asserts print on. The numbers 0 and 1 are
 * taken next, so that nothing the C library prints can end in a network connection.
 */
static bool take_private_table(void)
{
#if defined(__SANITIZE_THREAD__)
	return false;           /* it knows one table in a process only, and would mix them up */
#endif
	/* Nor does a program that changes its root or directory take /proc and the like away. */
	(void)unshare(CLONE_FS);
	if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		return false;
	syscall(SYS_close, 0);
	syscall(SYS_close, 1);
	return true;
}

static int open_descriptors(struct engine *e)
{
	sigset_t wake;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = WAKE_COOKIE };

	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll_fd < 0)
		return -errno;
	e->signal_fd = signalfd(-1, &wake, SFD_CLOEXEC | SFD_NONBLOCK);
	if (e->signal_fd < 0)
		return -errno;
	if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->signal_fd, &event) < 0)
		return -errno;
	if (e->private_table) {
		int filler = dup(e->epoll_fd);

		if (filler > STDERR_FILENO)
			close(filler);
	}
	return 0;
}

/* A thread begins with its maker's, which may have asked for deadlines that are much too late for these. */
static void keep_time(void)
{
	if (prctl(PR_GET_TIMERSLACK) > TIMER_SLACK_NS)
		(void)prctl(PR_SET_TIMERSLACK, (unsigned long)TIMER_SLACK_NS);
}

struct start {
	struct engine *engine;
	sem_t ready;
	int error;
};

static void *engine_main(void *argument)
{
	struct start *start = argument;
	struct engine *e = start->engine;

	e->thread = pthread_self();
	e->tid = (pid_t)syscall(SYS_gettid);
	e->now = clock_now();
	pthread_setname_np(e->thread, "hawser");
	keep_time();
	e->private_table = take_private_table();
	start->error = open_descriptors(e);
	if (start->error < 0) {
		if (e->signal_fd >= 0)
			close(e->signal_fd);
		if (e->epoll_fd >= 0)
			close(e->epoll_fd);
		sem_post(&start->ready);
		return NULL;
	}
	sem_post(&start->ready);        /* start is gone after this */
	return loop(e);
}

/* Every signal but those that a fault raises, which would end the process without its handler. */
static void signals_to_block(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		sigdelset(set, faults[i]);
}

static int start_thread(struct start *start)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t blocked, old;
	size_t stack_bytes;

	if (pthread_attr_init(&attributes) != 0)
		return -ENOMEM;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* The program's thread-local variables live in it too: what its own threads get is enough. */
	if (pthread_attr_getstacksize(&attributes, &stack_bytes) != 0 || stack_bytes < STACK_BYTES)
		pthread_attr_setstacksize(&attributes, STACK_BYTES);
	signals_to_block(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	int error = -pthread_create(&thread, &attributes, engine_main, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	if (error < 0)
		return error == -EAGAIN ? -ENOMEM : error;
	while (sem_wait(&start->ready) < 0)
		;
	return start->error;
}

static struct engine *engine_new(int *error)
{
	struct engine *e = calloc(1, sizeof *e);
	struct start start = { .engine = e };

	if (!e) {
		*error = -ENOMEM;
		return NULL;
	}
	e->pid = getpid();
	e->epoll_fd = e->signal_fd = -1;
	e->tasks_end = &e->tasks;
	e->inbox_end = &e->inbox;
	pthread_mutex_init(&e->asking_lock, NULL);
	pthread_mutex_init(&e->inbox_lock, NULL);
	pthread_mutex_init(&e->endpoints_lock, NULL);
	timers_init(&e->timers);
	memory_init(&e->memory);
	sem_init(&start.ready, 0, 0);
	*error = start_thread(&start);
	sem_destroy(&start.ready);
	if (*error == 0)
		return e;
	memory_fini(&e->memory);
	pthread_mutex_destroy(&e->asking_lock);
	pthread_mutex_destroy(&e->inbox_lock);
	pthread_mutex_destroy(&e->endpoints_lock);
	free(e);
	return NULL;
}

struct engine *engine_running(void)
{
	struct engine *e = atomic_load(&the_engine);

	/* A child of a bare clone(2) has run no handler of pthread_atfork. */
	return e && e->pid == getpid() ? e : NULL;
}

bool engine_is_ours(const struct engine *e)
{
	return atomic_load_explicit(&the_engine, memory_order_relaxed) == e;
}

struct engine *engine_get(int *error)
{
	struct engine *e = engine_running();

	if (e)
		return e;
	pthread_mutex_lock(&start_lock);
	e = engine_running();
	if (!e) {
		*error = fork_prepare_once();
		if (*error == 0)
			e = engine_new(error);
		if (e) {
			atomic_store(&the_engine, e);
			linger_prepare_once();
		}
	}
	pthread_mutex_unlock(&start_lock);
	return e;
}

void engine_forget(void)
{
	struct engine *e = atomic_load(&the_engine);

	if (!e)
		return;
	e->inherited = inherited;
	inherited = e;
	atomic_store(&the_engine, NULL);
}

void engine_lock_start(void)
{
	pthread_mutex_lock(&start_lock);
}

void engine_unlock_start(void)
{
	pthread_mutex_unlock(&start_lock);
}
