/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which local network dials which address of the peer. Pure: what the host's tables say comes in.
 *
 * A group is one local side: its pairs differ in the peer's address, and one of them at a time
 * carries a path. The first pair of a group is its primary; the others are tried when it fails.
 */
#ifndef HAWSER_DRIVER_PAIRS_H
#define HAWSER_DRIVER_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/network.h"
#include "transport/carrier.h"

#define REMOTES_MAX 16u         /* addresses of one peer */
#define PAIRS_MAX   32u

/* An address of the peer, and which of the hosts in the program's list it comes from. */
struct remote {
	union inet_address address;
	unsigned host;
};

/* How a network leads to an address of the peer, as the routing tables say. */
enum reach {
	REACH_UNKNOWN,          /* the system would not tell */
	REACH_NONE,
	REACH_ROUTED,           /* through a router */
	REACH_DIRECT,           /* the same subnet */
};

struct pairs_question {
	const struct networks *networks;
	const struct remote *remote;
	unsigned remote_count;                          /* at most REMOTES_MAX */
	bool self[REMOTES_MAX];                         /* an address of this very host */
	uint8_t reach[NETWORKS_MAX][REMOTES_MAX];       /* enum reach */
	unsigned paths_max;                             /* groups wanted at most */
};

/* What stays the same when addresses change: the network, or for paths left to routing the peer's host. */
struct pair_group {
	char interface[IF_NAMESIZE];
	unsigned via;           /* as in struct network */
	unsigned host;          /* 1 + remote.host; 0: a network */
};

#define PAIR_GROUP_ROUTING UINT32_MAX   /* host: no network is usable, routing decides */

struct pair {
	struct pair_group group;
	bool primary;
	struct carrier_route route;
};

struct pairs {
	unsigned count;
	struct pair pair[PAIRS_MAX];            /* the primaries first */
	unsigned unused_count;
	struct pair_group unused[NETWORKS_MAX]; /* networks that lead to no address of the peer */
};

/*
 * Like with like (same subnet, then routed), each network once, distinct addresses of the peer where
 * possible. Loopback and this host's own addresses are left to routing, one path for each host of the
 * program's list, unless loopback addresses were named as networks. Without any usable network,
 * routing decides.
 */
void pairs_choose(struct pairs *out, const struct pairs_question *question);

bool pair_group_same(const struct pair_group *a, const struct pair_group *b);

#endif
