/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calling thread drives: a handle's calls write to the paths and read from them themselves, by twins
 * of the carriers (carrier.h), and one that waits does so in poll(2) on them. The engine lets its
 * watches of those links sleep, and takes over when no call has been under way for a while:
 *
 *                    a call waits on twins
 *      the engine  ------------------------->  driven by calls
 *      serves      <-------------------------
 *                    no call for TAKE_OVER_NS,
 *                    or one said EAGAIN
 *
 * Whoever holds ep->lock drives at that moment; the two states tell only who waits. A thread in poll(2)
 * keeps the session's deadlines; between calls they are at most TAKE_OVER_NS late. Whatever is more than
 * moving bytes (paths that end, dialling, the end of the session) stays the engine's, which is kicked.
 * What the engine changes it tells by the bell, a descriptor that the thread polls with the others.
 *
 * Descriptors of the program's table may be closed by a program that closes all it does not know. They
 * have numbers that a program does not come to soon (twin.c), so that it shows by EBADF; and now and
 * then a call makes sure that a twin is what it was. Without twins the engine serves as for any session.
 */
#ifndef HAWSER_DRIVER_DRIVE_H
#define HAWSER_DRIVER_DRIVE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "core/limits.h"
#include "driver/timers.h"

struct carrier;
struct endpoint;
struct engine;
struct link;

/* All of it under ep->lock, but the timer. */
struct drive {
	bool driven;
	bool polling;                   /* a thread of the callers is in poll(2), */
	bool keeps_deadline;            /* and keeps the deadline; else the engine does, a tick late at most */
	bool nudged;                    /* it has been told to look anew */
	bool faulted;                   /* the memory that the call lent could not be written to */
	bool fetching;                  /* a thread gets twins */
	bool astray;                    /* a twin was not one any more */
	bool ticking;                   /* the tick runs */
	unsigned callers;               /* threads in a call of the handle */
	unsigned impatient;             /* so many waits go to poll(2) at once */
	unsigned waits;                 /* how often a call had to wait: a few are not worth twins */
	unsigned straight;              /* readings without a look at all the descriptors between */
	unsigned polls, polls_seen;     /* counted, and as of the last tick */
	int bell;                       /* eventfd, in the engine's table; -1: none */
	int bell_twin;                  /* the same in the program's; -1: none */
	time_ns now;                    /* read when a call begins, and again when it may have changed much */
	time_ns poll_until;             /* the session's deadline when a thread went into poll(2) */
	time_ns checked_at;             /* the twins were what they were */
	time_ns kept_at;                /* the session's deadline was looked at in a call */
	uint64_t harvest_at;            /* acknowledgements are looked for when so much is written */
	struct link *awaited;           /* a thread reads its twin without the lock: nobody else may */
	struct carrier *left;           /* twins whose links are gone, chained: a thread of the program closes them */
	struct timer tick;              /* engine's: whether to take over */
};

void drive_init(struct drive *d);

/* --- the program's threads, under ep->lock --- */

/* Around every call. */
void drive_enter(struct endpoint *ep);
void drive_leave(struct endpoint *ep);
/* What the session wants written now, by this thread as far as there are twins. */
void drive_write(struct endpoint *ep);
/* Whether drive_write would also read: the engine does not while calls drive, and nobody else may for long. */
bool drive_harvests(const struct endpoint *ep);
/*
 * Until something may have changed, or that time. Lets go of ep->lock meanwhile. What comes next in order
 * of a stream may be put into `into` (NULL: nowhere); returns how many bytes were.
 */
size_t drive_wait(struct endpoint *ep, const struct iovec *into, time_ns until);
/* Does not wait, but looks at the paths if calls drive. True: something may have changed. */
bool drive_glance(struct endpoint *ep);
/* A call says EAGAIN, nobody will wait in one: the engine serves from now on. */
void drive_stop(struct endpoint *ep);
/* Before the handle is freed: closes what this table holds. */
void drive_end(struct endpoint *ep);

/* --- the engine thread --- */

/* Under ep->lock. Whether the program's threads wait for this link's carrier. */
bool drive_has(const struct link *l);
/* Under ep->lock. The link is freed next: its twin is left to the program. */
void drive_lost(struct link *l);
/* Under ep->lock, once in a pump: wakes watches; true: calls drive, so that the deadline is not the engine's. */
bool drive_look(struct endpoint *ep, time_ns now);
/* Under ep->lock, after a pump: a thread in poll(2) looks anew. */
void drive_ring(struct endpoint *ep);
void drive_fini(struct endpoint *ep);

#endif
