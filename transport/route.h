/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel's routing tables which way a packet would go. One netlink question and its answer,
 * which never waits.
 */
#ifndef HAWSER_TRANSPORT_ROUTE_H
#define HAWSER_TRANSPORT_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/inet.h"

struct route_answer {
	unsigned interface_index;       /* where it leaves */
	bool gateway;                   /* through a router */
	bool local;                     /* to this very host */
};

/*
 * local may be NULL or of family AF_UNSPEC: any source. interface_index 0: any interface; else only
 * a route that leaves there counts. 0; -ENETUNREACH or -EHOSTUNREACH when there is none; another
 * -errno when the kernel would not say.
 */
int route_ask(struct route_answer *out, const union inet_address *remote,
	      const union inet_address *local, unsigned interface_index);

/*
 * What the kernel said, at an address aligned for its structures: as route_ask; -EIO when it answers
 * no question of a route. On failure *out is untouched.
 */
int route_read(struct route_answer *out, const void *bytes, size_t length);

#endif
