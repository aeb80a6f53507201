/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening descriptor that the program calls accept(2) on: a listening AF_UNIX socket without a
 * name, to which the engine connects once for each confirmed session.
 */
#ifndef HAWSER_DRIVER_ACCEPT_QUEUE_H
#define HAWSER_DRIVER_ACCEPT_QUEUE_H

#include <stdint.h>

#include "driver/endpoint.h"

struct accept_queue;

struct accept_queue_config {
	bool messages;          /* accepted descriptors are SOCK_SEQPACKET */
	uint16_t port;          /* what hawser_port answers */
	int backlog;
	void *owner;
	/* The program closed its listening descriptor: no more sessions can be delivered. */
	void (*closed)(void *owner);
	/* A session cannot be delivered: true when that was for want of what something else has now given up. */
	bool (*make_room)(void *owner, int error);
};

/*
 * Makes it. *program_fd is the listening descriptor, to be handed to the program and closed here. 0 or
 * -errno with words in *failure.
 */
int accept_queue_new(struct engine *e, const struct accept_queue_config *config,
		     struct accept_queue **out, int *program_fd, struct failure *failure);
/* Sessions that wait for room in the backlog are reset (REASON_GOING_AWAY). */
void accept_queue_free(struct accept_queue *q);

/* How many sessions wait for room in the backlog; the listener takes no new ones above its limit. */
unsigned accept_queue_waiting(const struct accept_queue *q);

/* Whether the program still has its listening descriptor. When not, `closed` is called soon. */
bool accept_queue_open(struct accept_queue *q);

/*
 * Gives the program this session, which has been attached to its first link: opens its descriptor face
 * and puts it into the backlog. A full backlog is retried by timer. A closed listener resets the session.
 */
void accept_queue_deliver(struct accept_queue *q, struct endpoint *ep);

#endif
