/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a dialler to bring up one pair: connect, then HELLO or JOIN. */
#ifndef HAWSER_DRIVER_ATTEMPT_H
#define HAWSER_DRIVER_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/endpoint.h"
#include "driver/lobby.h"
#include "driver/pairs.h"

struct dialler;

struct attempt {
	struct greeting greeting;
	struct dialler *dialler;
	struct pair pair;
	uint16_t path_id;               /* of the offer, once made */
	bool offered;
	unsigned order;                 /* the race: how many were connected before; counts from 1 */
	time_ns started, connected_at;
};

/* Begins connecting; what becomes of it is told by event. 0 or -errno. */
int attempt_new(struct dialler *d, const struct pair *pair,
		void (*event)(struct greeting *g, enum greeting_event event), struct attempt **out);
/* Closes what is still open; NULL is allowed. */
void attempt_free(struct attempt *a);

/* The carrier is connected: says HELLO, or with join JOIN. replaces: a link's id or -1. 0 or -errno. */
int attempt_offer(struct attempt *a, bool join, int replaces, bool resume);

/* The handshake is done: the carrier becomes a link, and the attempt is freed. As endpoint_attach. */
int attempt_attach(struct attempt *a, int replaces, unsigned rank, uint32_t connects);

/* Why it failed, for a program and for a person, without the pair; and the path's reason for it. */
struct attempt_failure {
	int error;                      /* errno */
	enum reason reason;             /* REASON_PATH_... */
	const char *words;              /* static */
};

struct attempt_failure attempt_failure(const struct attempt *a);
/* The same for a carrier that could not even be opened: -errno. */
struct attempt_failure attempt_failure_of(int error);

/* "ADDRESS:PORT via INTERFACE" */
void attempt_pair_text(const struct pair *pair, char *text, size_t size);

#endif
