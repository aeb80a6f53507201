/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local networks: which interfaces and addresses of this host a session may use. Reading the
 * host's table is one call; choosing from it is pure.
 */
#ifndef HAWSER_DRIVER_NETWORK_H
#define HAWSER_DRIVER_NETWORK_H

#include <net/if.h>
#include <stdbool.h>

#include "driver/options.h"

#define HOST_ADDRESSES_MAX     128u     /* more than these of a host are not looked at */
#define NETWORKS_MAX           16u
#define NETWORK_ADDRESSES_MAX  4u

/* One address of an interface of this host, as the system tells it. */
struct host_address {
	char interface[IF_NAMESIZE];
	unsigned index;
	unsigned flags;                 /* IFF_UP and so on */
	union inet_address address;
	unsigned bits;                  /* of its prefix */
};

struct host {
	unsigned count;
	struct host_address address[HOST_ADDRESSES_MAX];
};

/* An interface with its addresses; or what the program named with "via". */
struct network {
	char interface[IF_NAMESIZE];
	unsigned index;
	unsigned via;                   /* 1 + the index of the via that named it; 0: chosen automatically */
	bool loopback;
	unsigned count;
	struct {
		union inet_address address;
		unsigned bits;
	} address[NETWORK_ADDRESSES_MAX];
};

struct networks {
	unsigned count;
	struct network network[NETWORKS_MAX];
};

/* 0 or -errno. */
int host_read(struct host *out);

/*
 * Without via: every interface that is up and running, not loopback, and not one that leads only to
 * containers or virtual machines of this host. With via: what it names, in its order; a via that
 * names nothing there is now gives no network (it may come).
 */
void networks_choose(struct networks *out, const struct host *host, const struct via *via,
		     unsigned via_count);

/* One of this host's own addresses. */
bool host_owns(const struct host *host, const union inet_address *address);

#endif
