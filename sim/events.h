/* SPDX-License-Identifier: Apache-2.0 */
/* What happens next: a heap by time, and by the order of asking for equal times. */
#ifndef HAWSER_SIM_EVENTS_H
#define HAWSER_SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

#define EVENTS_MAX 8192u

enum event_kind {
	EVENT_NETWORK,          /* a packet may come out; which: network * 2 + sending host */
	EVENT_CARRIER,          /* a retransmission timer; which: carrier * 2 + host */
	EVENT_HOST,             /* a host's driver runs */
	EVENT_FAULT,            /* the schedule is looked at */
	EVENT_KINDS,
};

struct event {
	time_ns at;
	uint64_t order;
	enum event_kind kind;
	uint32_t which;
};

struct events {
	unsigned count;
	uint64_t next_order;
	struct event heap[EVENTS_MAX];
};

void events_init(struct events *events);
void events_add(struct events *events, time_ns at, enum event_kind kind, uint32_t which);
bool events_take(struct events *events, struct event *event);

#endif
