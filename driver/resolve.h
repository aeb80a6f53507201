/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses. getaddrinfo blocks, so it runs in a short-lived thread; addresses in digits
 * never wait for it.
 */
#ifndef HAWSER_DRIVER_RESOLVE_H
#define HAWSER_DRIVER_RESOLVE_H

#include "driver/address.h"
#include "driver/engine.h"
#include "driver/failure.h"
#include "driver/pairs.h"

/* Look-ups under way at one time, of all sessions. */
#define RESOLVES_MAX 16u

struct resolve;

struct resolve_result {
	unsigned count;                 /* 0: failure says why */
	struct remote remote[REMOTES_MAX];      /* host after host, its families taking turns (RFC 8305) */
	struct failure failure;         /* also of the hosts that were not found, when others were */
};

/*
 * Every host in digits, or "localhost": the result at once, and 0. -EAGAIN: a look-up is needed.
 * -EINVAL with result->failure: digits that name no usable address.
 */
int resolve_now(const struct address *address, struct resolve_result *result);

/*
 * Starts a look-up: `done` is called in the engine thread, once, unless it is cancelled before; the
 * result is valid during that call, and the resolve is freed after it. 0, -EAGAIN (too many), -ENOMEM.
 */
int resolve_start(struct engine *e, const struct address *address,
		  void (*done)(void *owner, const struct resolve_result *result), void *owner,
		  struct resolve **out);
void resolve_cancel(struct resolve *r);

#endif
