/* SPDX-License-Identifier: Apache-2.0 */
/* See events.h. */
#include "sim/events.h"

#include <assert.h>

void events_init(struct events *events)
{
	events->count = 0;
	events->next_order = 0;
}

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void events_add(struct events *events, time_ns at, enum event_kind kind, uint32_t which)
{
	struct event event = {
		.at = at, .order = events->next_order++, .kind = kind, .which = which
	};
	unsigned i = events->count++;

	assert(events->count <= EVENTS_MAX);
	while (i > 0 && before(&event, &events->heap[(i - 1) / 2])) {
		events->heap[i] = events->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	events->heap[i] = event;
}

bool events_take(struct events *events, struct event *event)
{
	struct event last;
	unsigned i = 0;

	if (events->count == 0)
		return false;
	*event = events->heap[0];
	last = events->heap[--events->count];
	for (;;) {
		unsigned child = 2 * i + 1;

		if (child >= events->count)
			break;
		if (child + 1 < events->count &&
		    before(&events->heap[child + 1], &events->heap[child]))
			child++;
		if (!before(&events->heap[child], &last))
			break;
		events->heap[i] = events->heap[child];
		i = child;
	}
	events->heap[i] = last;
	return true;
}
