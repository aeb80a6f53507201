/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session needs only while it has something to do: the tables of what is under way, and what its
 * paths read and write. They lie in a block that the driver lends; a session that has nothing under way
 * sleeps without it, and wakes with the first block that it is lent.
 *
 *   struct session --work--> | segments | stretches | ranges | path 0 | ... | path 7 | slots |    a block
 *                                                                ^
 *   struct path ----work-----------------------------------------'
 */
#ifndef HAWSER_CORE_WORK_H
#define HAWSER_CORE_WORK_H

#include "core/blocks.h"
#include "core/converge.h"
#include "core/flight.h"
#include "core/path.h"
#include "core/ranges.h"

/* Of both buffers together: for windows of some 36 MiB. Larger ones have their slots beside the session. */
#define WORK_SLOTS 600u

struct work {
	struct flight_segment segments[SEGMENTS_MAX];
	struct stretch stretches[STRETCHES_MAX];
	struct range ranges[RANGES_HELD_MAX];
	struct path_work paths[PATHS_MAX];
	void *slots[WORK_SLOTS];
};

_Static_assert(sizeof(struct work) <= BLOCK_BYTES, "the work of a session fits in a block");

struct session;

/* Takes a block of the stock, which has one; the session is asleep. */
void work_begin(struct session *s);
/* Gives it back, when nothing is under way. False: something is, or it sleeps. */
bool work_end(struct session *s);
/* A path of an awake session, come or woken. */
void work_path(const struct session *s, struct path *p);

#endif
