/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: one thread of the program's process that waits for descriptors, deadlines and requests
 * and serves every session. It is started on first use.
 *
 *   program threads                       engine thread (all signals blocked, own descriptor table)
 *   engine_submit(request) ---queue-----> request->run
 *   engine_kick            ---signal----> tasks -> watches -> timers -> tasks ...
 *
 * Everything below runs in the engine thread alone, unless it says "any thread". What the engine
 * opens lives in a descriptor table of its own, so a descriptor number means nothing outside of it;
 * handover.h passes descriptors to the program. /proc/self is the program's table here: use
 * /proc/thread-self. Nothing called here may block.
 */
#ifndef HAWSER_DRIVER_ENGINE_H
#define HAWSER_DRIVER_ENGINE_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "core/limits.h"
#include "driver/memory.h"
#include "driver/timers.h"

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

struct engine;

/*
 * A descriptor that the loop waits for, embedded in what owns it. Edge-triggered: `ready` reads or
 * writes until EAGAIN, or posts a task to go on. `ready` may stop and free any watch, its own too:
 * no event of a stopped watch is ever delivered, nor one of an earlier descriptor of that number.
 * Whoever starts a watch closes the descriptor, after watch_stop.
 */
struct watch {
	int fd;
	uint32_t slot;          /* index in the engine's table + 1; 0: stopped */
	void (*ready)(struct watch *w, uint32_t events);
};

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP; EPOLLET is added. 0 or -errno (-ENOMEM, -ENOSPC, ...). */
int watch_start(struct engine *e, struct watch *w, int fd, uint32_t events,
		void (*ready)(struct watch *w, uint32_t events));
/* `to` goes on with from's descriptor and events; edges that `from` has seen do not come again. */
void watch_move(struct engine *e, struct watch *to, struct watch *from,
		void (*ready)(struct watch *w, uint32_t events));
/* Also asks for a fresh edge of what is ready already. */
int watch_change(struct engine *e, struct watch *w, uint32_t events);
void watch_stop(struct engine *e, struct watch *w);

/* Deadlines on CLOCK_MONOTONIC; engine_now is read once for each turn of the loop. */
time_ns engine_now(const struct engine *e);
/* Any thread: the clock itself. */
time_ns clock_now(void);
int timer_start(struct engine *e, struct timer *t, time_ns at);
void timer_stop(struct engine *e, struct timer *t);
/* Whether deadlines are kept to the microsecond; else (an older kernel) to the millisecond. */
bool engine_is_prompt(const struct engine *e);

/* Until then the loop does not sleep, but looks again and again, and lets others run between. */
void engine_spin(struct engine *e, time_ns until);

/* A session has come to rest: blocks that nobody wants go back to the system, in a while. */
void engine_trim_later(struct engine *e);

/* Work to be done soon by this thread: once for each post, after the events at hand. All zero but `run`: idle. */
struct task {
	struct task *next, **link;      /* link NULL: not posted */
	void (*run)(struct task *t);
};

void engine_post(struct engine *e, struct task *t);
void engine_unpost(struct engine *e, struct task *t);

/*
 * Any thread: work for the engine thread. `run` owns the request from then on; until then it must
 * stay where it is. Requests run in the order in which they were submitted.
 */
struct request {
	struct request *next;
	void (*run)(struct engine *e, struct request *r);
};

void engine_submit(struct engine *e, struct request *r);

struct watch_slot {
	struct watch *watch;    /* NULL: free, then next_free counts */
	uint32_t generation;    /* tells late events of an earlier owner */
	uint32_t next_free;     /* index + 1 */
};

struct endpoints;               /* endpoint.c: the table of sessions */
struct changes;                 /* changes.c: news from netlink */
struct listeners;               /* listener.h */
struct lobby;                   /* lobby.c */
struct control;                 /* control.c */
struct tables;                  /* tables.c */

struct engine {
	pthread_t thread;
	pid_t pid;              /* of the process that it serves */
	pid_t tid;
	/* in a child: of its parent's parent; kept, handles point to it */
	struct engine *inherited;
	int epoll_fd, signal_fd;
	/* false: the kernel or a filter refused; descriptors are the program's */
	bool private_table;
	bool no_pwait2;
	time_ns now;
	time_ns spin_until;

	struct watch_slot *slots;
	uint32_t slots_count, slots_free;
	struct timers timers;
	struct task *tasks, **tasks_end;

	pthread_mutex_t asking_lock;            /* a program's thread asks for a handle's descriptor: api_handle.c */
	pthread_mutex_t inbox_lock;
	struct request *inbox, **inbox_end;     /* under inbox_lock */
	atomic_bool told;                       /* there is something to look at: no other kick is needed */
	atomic_bool asleep;                     /* it sleeps, or is about to: a kick has to wake it */

	struct memory memory;                   /* blocks; any thread */
	struct timer trim;                      /* of what is spare there */
	pthread_mutex_t endpoints_lock;         /* the table, as far as program threads see it */
	struct endpoints *endpoints;
	/* these belong to the named files, NULL until first used */
	struct changes *changes;
	struct listeners *listeners;
	struct lobby *lobby;
	struct control *control;
	struct tables *tables;
	unsigned resolves_count;                /* look-ups under way: resolve.c */
};

/* Any thread but the engine's: the engine of this process, started if it must be. NULL: *error is -errno. */
struct engine *engine_get(int *error);
/* Any thread: the same if it runs already, else NULL. */
struct engine *engine_running(void);
/* Any thread: whether this is the engine of this process still, not one inherited by a fork. Cheap. */
bool engine_is_ours(const struct engine *e);
/* Any thread: makes the loop turn once more. */
void engine_kick(struct engine *e);
bool engine_is_current(const struct engine *e);
/* After fork, in the child: the engine stayed with the parent (fork.c). */
void engine_forget(void);
void engine_lock_start(void);
void engine_unlock_start(void);

#endif
