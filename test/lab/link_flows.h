/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The middlebox in a link: it knows the TCP connections that it saw begin, forgets those that were
 * idle for too long, and drops without a word what belongs to none.
 */
#ifndef HAWSER_LINK_FLOWS_H
#define HAWSER_LINK_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

#define LINK_FLOWS       1024u
#define LINK_FLOW_PROBES 16u /* a flow stands within so many places of its hash */

/* Both directions of a connection are one flow: its ends are kept in the order of their bytes. */
struct link_flow {
	uint8_t ends[2][18]; /* address, port */
	time_ns seen_ns;     /* 0: a free place */
};

struct link_flows {
	struct link_flow flows[LINK_FLOWS];
	time_ns idle_ns_max; /* 0: nothing is ever dropped */
};

/* Takes note of a packet and tells whether it may pass. What is not TCP may. */
bool link_flows_pass(struct link_flows *flows, time_ns now, const uint8_t *packet, size_t bytes);

#endif
