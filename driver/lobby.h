/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lobby: a carrier from its first packet until its handshake is done. One greeting is one such
 * carrier, of either role. What it says comes by `event`, always from the loop and never from within
 * a call below; event may end and free the greeting.
 *
 *   greeting_connect -> CONNECTED -> greeting_offer -.         JOIN: DONE
 *   greeting_adopt ----------------------------------+-> DECIDE -> greeting_admit, _confirm, _refuse -> DONE
 *                                                        any time: FAILED
 */
#ifndef HAWSER_DRIVER_LOBBY_H
#define HAWSER_DRIVER_LOBBY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/handshake.h"
#include "driver/engine.h"
#include "transport/carrier.h"

enum greeting_event {
	GREETING_CONNECTED,     /* dialler: the carrier is established */
	GREETING_DECIDE,        /* acceptor: an offer came; dialler: its HELLO was accepted */
	GREETING_DONE,          /* greeting_take, then greeting_end */
	GREETING_FAILED,        /* greeting_failure tells why; greeting_end */
};

enum greeting_stage {
	GREETING_STAGE_NONE,            /* all zero: greeting_end does nothing */
	GREETING_STAGE_CONNECTING,
	GREETING_STAGE_WAITING,         /* connected, the offer is held back */
	GREETING_STAGE_TALKING,
	GREETING_STAGE_OVER,
	GREETING_STAGE_KEPT,            /* without its carrier */
};

/* A whole offer and what may follow it: what a peer sends in one packet is read at once. */
#define GREETING_READ_BYTES 512u

/*
 * What the carrier gave at the last reading:    [used) [at, end) not used yet
 * readable: there may be more, or an edge has come since; ending: its end may be there, without a further edge.
 */
struct greeting_input {
	uint8_t bytes[GREETING_READ_BYTES];
	size_t at, end;
	bool readable, ending;
};

struct greeting {
	struct engine *engine;
	struct carrier *carrier;
	void (*event)(struct greeting *g, enum greeting_event event);
	enum greeting_stage stage;
	enum handshake_state told;      /* the last state that the owner was told of */
	int error;                      /* -errno: the carrier failed, or time ran out */
	bool heard;                     /* something was received */
	struct handshake handshake;
	struct greeting_input input;
	struct watch watch;
	struct timer timer;
	struct task task;
};

/* 0, or -errno: nothing to end then. */
int greeting_connect(struct greeting *g, struct engine *e, const struct carrier_ops *ops,
		     const struct carrier_route *route,
		     void (*event)(struct greeting *g, enum greeting_event event));
/* Takes over the accepted descriptor, also on failure. interface: as carrier_ops.adopt. */
int greeting_adopt(struct greeting *g, struct engine *e, const struct carrier_ops *ops, int fd,
		   const char *interface,
		   void (*event)(struct greeting *g, enum greeting_event event));

/* FAILED with -ETIMEDOUT comes at that time, unless DONE came before. 0 or -ENOMEM. */
int greeting_deadline(struct greeting *g, time_ns at);

/* 0, or -errno: no randomness. */
int greeting_offer(struct greeting *g, const struct handshake_offer *offer);
int greeting_admit(struct greeting *g, const uint8_t *secret, const struct handshake_terms *terms);
void greeting_confirm(struct greeting *g);
void greeting_refuse(struct greeting *g, enum reason reason);

/*
 * After FAILED, of an acceptor whose carrier failed: lets go of the carrier and keeps what was said on it.
 * At the deadline FAILED comes again.
 */
void greeting_keep(struct greeting *g);

/* -errno that a socket programmer expects, and the reason (REASON_NONE: the carrier failed, errno says all). */
int greeting_failure(const struct greeting *g, enum reason *reason);

/*
 * After DONE: the carrier is the caller's, and the watch on it, which has seen its edges: watch_move. input gets
 * what came behind the handshake, and whether there may be more.
 */
struct carrier *greeting_take(struct greeting *g, struct watch *watch, struct greeting_input *input);
/* Frees what it holds, wipes secrets. An untaken carrier is closed; aborted unless it failed by a CLOSE. */
void greeting_end(struct greeting *g);

/* getrandom(2): 0 or -errno. */
int random_bytes(void *bytes, size_t length);

#endif
