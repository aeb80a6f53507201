/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle face: the program's threads copy bytes into and out of the session, under the endpoint's
 * lock, and tell the engine when that gave it something to do. The descriptor that came with the
 * session serves as notifier.
 */
#ifndef HAWSER_DRIVER_FACE_HANDLE_H
#define HAWSER_DRIVER_FACE_HANDLE_H

#include "driver/endpoint.h"

/* What the program's end of the descriptor still held when it became a handle: read first. */
struct early {
	struct early *next;
	size_t length, at;
	uint8_t bytes[];        /* messages: one whole message */
};

struct hawser {
	struct endpoint *endpoint;      /* held */
	_Atomic int fd;                 /* the program's end; -1: a dialled one's that nobody asked for */
	pthread_mutex_t sending, receiving;     /* one call at a time in each direction */
	struct early *early;
	struct request farewell;        /* on its way to the engine, which frees the handle with it */
};

/* Engine thread: a session without a face is a handle. */
void face_handle_open(struct endpoint *ep);
/*
 * Engine thread: the session's face is a handle from now on; its socket carries no more bytes out. 0, -EINVAL:
 * it is a handle already, or closed.
 */
int face_handle_adopt(struct endpoint *ep);
/* Engine thread, when what the program had written before is taken. */
void face_handle_adopted(struct endpoint *ep);

/*
 * The program's thread: the same for a session whose descriptor it has just accepted, into which nobody can
 * have written.
 */
int face_handle_adopt_fresh(struct endpoint *ep);

/* The program's thread: takes out of h->fd what had been put into it. 0 or -errno. */
int face_handle_collect(struct hawser *h);
/*
 * The program's thread, after that: the descriptor is the notifier, once the program has it. Nobody is told
 * anything by one that it never asked for.
 */
void face_handle_begin(struct hawser *h);
void face_handle_free_early(struct hawser *h);

/* The program's threads: as the public functions, with -errno. */
ssize_t face_handle_send(struct hawser *h, const struct iovec *iov, int count, int flags);
ssize_t face_handle_receive(struct hawser *h, const struct iovec *iov, int count, int *flags);
int face_handle_shutdown(struct hawser *h);

/* In a call: bytes that endpoint_fits said fit, into the session. */
void face_handle_put(struct endpoint *ep, const uint8_t *bytes, size_t length);

/*
 * One call of lent.c's: repeats step, under the lock, until it has something to say but -EAGAIN, or the
 * time. Then *wants is set: the notifier tells when the call can go on. sending: it is a send among others.
 */
ssize_t face_handle_call(struct hawser *h, bool sending, bool *wants, time_ns until,
			 ssize_t (*step)(struct endpoint *ep, void *what), void *what);

/* Engine thread, under ep->lock: makes the notifier readable when a call that said EAGAIN can go on. */
void face_handle_notify(struct endpoint *ep);
/*
 * Engine thread, under ep->lock, after any change: whether there is something for calls that wait. When that
 * cannot be told they are to look themselves.
 */
bool face_handle_awaited(struct endpoint *ep);
/* Either side, under ep->lock: it is time for that, and no call is under way that would see for itself. */
bool face_handle_unnoticed(struct endpoint *ep);

#endif
