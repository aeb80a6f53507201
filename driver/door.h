/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door: one listening socket. An entrance's main door is bound to no interface. A network's door is
 * bound to its interface, and so are the connections that it accepts, from their SYN-ACK on: they are
 * answered by the network that they came in by, whatever the routing tables prefer. The kernel takes a
 * bound socket before one that is not, so the main door gets what no other takes.
 */
#ifndef HAWSER_DRIVER_DOOR_H
#define HAWSER_DRIVER_DOOR_H

#include <net/if.h>

#include "driver/engine.h"

struct entrance;

struct door {
	struct entrance *entrance;
	char interface[IF_NAMESIZE];    /* "" and 0: the main door */
	unsigned index;
	int fd;
	struct watch watch;
	struct timer pause;
	struct task more;
};

/*
 * At the entrance's address. interface NULL: the main door, which may find out the port: it is entered
 * in the entrance's address. Else a network's, beside the main door. 0 or -errno; -EPERM: sockets cannot
 * be bound to interfaces here (before Linux 5.7 without privilege, or a filter).
 */
int door_new(struct door **out, struct entrance *entrance, const char *interface, unsigned index);

/* Takes in what waits at it now. */
void door_drain(struct door *door);
void door_free(struct door *door);

#endif
