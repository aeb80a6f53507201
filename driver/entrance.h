/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entrance: an address listened at, which has a main door, and one for each network that should
 * answer for itself. Such doors come and go with the networks.
 */
#ifndef HAWSER_DRIVER_ENTRANCE_H
#define HAWSER_DRIVER_ENTRANCE_H


#include "driver/door.h"
#include "driver/listen.h"
#include "driver/listener.h"
#include "driver/network.h"

struct entrance {
	struct entrance *next;
	struct engine *engine;
	struct listener *listener;      /* NULL: closed by the program, JOINs are still served */
	union inet_address address;
	unsigned via_count;             /* the listener's */
	struct via via[VIA_MAX];
	struct door *main;
	unsigned count;                 /* of networks that have a door */
	struct door *beside[LISTEN_NETWORKS_MAX];
	int error;                      /* -errno: a network has no door although it should; 0: none such */
};

/*
 * An entrance of the listener at this address: a new one, or one that an earlier listener has left. 0
 * and its port, or -errno.
 */
int entrance_open(struct listener *listener, const union inet_address *address, uint16_t *port);

/* Takes the listener (NULL: none) from its entrances. Those that sessions may need for JOINs stay open. */
void entrances_leave(struct listeners *all, struct listener *listener);

/* Looks at this host's networks: opens doors for those that came, closes those of what is gone. */
void entrances_follow(struct listeners *all);

/* Sets of networks, bit n for networks->network[n]: whose door may stay, and of them, whose is to be opened. */
struct door_wishes {
	unsigned keep, open;
};

/*
 * Pure. leads: the networks by which this host reaches every address of this family, that is, which have
 * a default route. named: they were named by the option via.
 */
struct door_wishes entrance_wishes(const union inet_address *address, const struct host *host,
				   const struct networks *networks, unsigned leads, bool named);

#endif
