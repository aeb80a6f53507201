/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel's routing tables which way a packet would go. One netlink question and its answer,
 * which never waits.
 */
#ifndef HAWSER_TRANSPORT_ROUTE_H
#define HAWSER_TRANSPORT_ROUTE_H

#include <stdbool.h>
#include <sys/socket.h>

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
int route_ask(struct route_answer *out, const struct sockaddr_storage *remote,
	      const struct sockaddr_storage *local, unsigned interface_index);

#endif
