/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialler of a session: what it knows of the peer's addresses, the race that opens the session
 * (dial.c), and afterwards one want for each path, which brings a lost or silent one back (this file).
 *
 *   dialler --- race (until established): attempts at all pairs
 *          |--- peer_address x 1..REMOTES_MAX
 *          `--- want -> want -> NULL, 1..PATHS_MAX: a local network, the link it has now, and at most one attempt
 *
 * There is one for each idle session, so it has memory for what there is, not for what there might be.
 */
#ifndef HAWSER_DRIVER_REDIAL_H
#define HAWSER_DRIVER_REDIAL_H

#include "driver/attempt.h"
#include "driver/endpoint.h"
#include "driver/options.h"
#include "driver/pairs.h"
#include "driver/resolve.h"

/* A want: one path that the session should have. Without link and attempt it waits for next_at. */
struct want {
	struct want *next;              /* in the order in which they came */
	uint8_t rank;                   /* place in that order */
	uint8_t choices;                /* how many pairs its group had when one was tried last */
	uint16_t turn;                  /* which of them is next */
	uint16_t strangers;             /* attempts in a row that met another host */
	uint8_t peer;                   /* of the pair tried or used last: which of the dialler's addresses, */
	union inet_address local;       /* and the other end */
	struct pair_group group;
	int link;                       /* id of the link it has; -1: none */
	struct attempt *attempt;
	uint32_t connects;
	uint16_t reason;                /* enum reason: why there is no link */
	uint16_t error;                 /* errno of that; 0: none */
	time_ns lost_at;                /* since when it has had no link */
	time_ns started;                /* the last attempt; 0: none yet */
	time_ns next_at;                /* the next attempt not before */
	time_ns rtt_ns;                 /* of the last handshake */
};

struct peer_address {
	struct remote remote;
	time_ns refused_since, refused_at;      /* first and last refusal of a row; 0: none */
};

struct race;                            /* dial.c */

struct dialler {
	struct engine *engine;
	struct endpoint *endpoint;
	struct dialler *next, **link;   /* the engine's list, changes.h */
	uint8_t confirmed[NONCE_BYTES]; /* of the ACCEPT that was confirmed, for JOINs */
	time_ns deadline;               /* of the race */

	/* Of the options. */
	time_ns refused_timeout_ns;
	uint32_t resume_timeout_ms, orphan_timeout_ms;
	struct via *via;                /* via_count of them */
	uint8_t via_count, paths_max;
	bool insecure_allowed;
	bool outdated;                  /* networks have changed since the race began */
	bool incomplete;                /* there was no memory for a want, or to look: it is tried again */

	uint8_t peer_count, insecure_count, want_count;
	uint16_t next_path_id;
	struct peer_address *peer;
	union inet_address *insecure;   /* addresses left out for want of the option insecure */
	struct want *want;

	struct resolve *resolve;
	struct race *race;              /* NULL once established */
	struct task task;               /* to start; once established, to look soon */
	struct timer timer;
	char name[];                    /* the address as the program gave it, cut */
};

/* With what the options say, and no peer yet. NULL: no memory. */
struct dialler *dialler_new(struct engine *e, const char *name, const struct options *options);
/* Wipes and frees the memory of one that nothing refers to. */
void dialler_discard(struct dialler *d);
/* As survey: which networks lead to the peer now. */
const struct pairs *dialler_survey(struct dialler *d, int *error);

/* The race is won by the first of these pairs' groups: wants for all of them, as far as there is memory. */
void redial_begin(struct dialler *d, const struct pairs *pairs, time_ns now);
struct want *redial_want(struct dialler *d, const struct pair_group *group);
/* This pair of its group is the one tried last. */
void redial_note(struct dialler *d, struct want *want, const struct pair *pair);
/* An attempt of the race goes on as the want's JOIN. */
void redial_adopt(struct want *want, struct attempt *a);
/* Soon: looks which paths are wanted and does what is due. */
void redial_soon(struct dialler *d);
/* Local networks changed: lost paths are tried at once, new networks are taken in. */
void redial_networks_changed(struct dialler *d);

/* Ends the race, and all attempts in it: dial.c. */
void race_free(struct dialler *d);

#endif
