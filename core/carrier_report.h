/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a carrier tells of its own network. Here core and transport meet: every carrier gives one of these
 * (transport/carrier.h), health and the acknowledgement clock judge by it, and nothing that is a kernel's or
 * a protocol's own is in it.
 */
#ifndef HAWSER_CORE_CARRIER_REPORT_H
#define HAWSER_CORE_CARRIER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

struct carrier_report {
	bool known;
	bool waiting;                   /* bytes are under way that the carrier's peer has not acknowledged */
	uint64_t window_bytes;          /* may be under way at once (a congestion window); 0: unknown */
	uint32_t unsent_bytes;          /* taken from us, not yet sent */
	uint64_t acked_bytes;           /* acknowledged by the carrier's peer, ever */
	uint64_t delivered;             /* any count that grows with each news of delivery, also out of order */
	time_ns ack_age_ns;             /* since the carrier last heard from its peer; < 0: unknown */
	time_ns rtt_ns;                 /* the carrier's own estimate; 0: unknown */
	time_ns rtt_min_ns;             /* the least one in a long time; 0: unknown */
};

#endif
