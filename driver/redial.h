/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialler of a session: what it knows of the peer's addresses, the race that opens the session
 * (dial.c), and afterwards one want for each path, which brings a lost or silent one back (this file).
 *
 *   dialler --- race (until established): attempts at all pairs
 *          `--- want x 1..PATHS_MAX: a local network, the link it has now, and at most one attempt
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
	struct pair_group group;
	struct pair pair;               /* the one tried or used last */
	int link;                       /* id of the link it has; -1: none */
	struct attempt *attempt;
	unsigned turn;                  /* which pair of the group is next */
	unsigned choices;               /* how many pairs the group had then */
	unsigned strangers;             /* attempts in a row that met another host */
	uint32_t connects;
	time_ns lost_at;                /* since when it has had no link */
	time_ns started;                /* the last attempt; 0: none yet */
	time_ns next_at;                /* the next attempt not before */
	time_ns rtt_ns;                 /* of the last handshake */
	enum reason reason;             /* why there is no link */
	int error;                      /* errno of that; 0: none */
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
	struct options options;
	struct address address;
	char name[128];                 /* the address as the program gave it, cut */
	struct handshake_offer offer;   /* id and secret, what HELLO declares */
	uint16_t next_path_id;
	time_ns deadline;               /* of the race */

	unsigned peer_count;
	struct peer_address peer[REMOTES_MAX];
	unsigned insecure_count;        /* addresses left out for want of the option insecure */
	union inet_address insecure[REMOTES_MAX];

	struct resolve *resolve;
	struct race *race;              /* NULL once established */
	struct task start;
	struct timer timer;
	struct task look;               /* redial_look soon */

	unsigned want_count;
	struct want want[PATHS_MAX];
};

/* The race is won by the first of these pairs' groups: wants for all of them. */
void redial_begin(struct dialler *d, const struct pairs *pairs, time_ns now);
struct want *redial_want(struct dialler *d, const struct pair_group *group);
/* An attempt of the race goes on as the want's JOIN. */
void redial_adopt(struct want *want, struct attempt *a);
/* Soon: looks which paths are wanted and does what is due. */
void redial_soon(struct dialler *d);
/* Local networks changed: lost paths are tried at once, new networks are taken in. */
void redial_networks_changed(struct dialler *d);

/* Ends the race, and all attempts in it: dial.c. */
void race_free(struct dialler *d);

#endif
