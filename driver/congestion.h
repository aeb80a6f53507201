/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option congestion: "host" (or "") leaves each path what the host or the program set, a name is set on each,
 * and "auto" chooses for each path's sending direction, by the rule of choice.h.
 */
#ifndef HAWSER_DRIVER_CONGESTION_H
#define HAWSER_DRIVER_CONGESTION_H

#include "driver/choice.h"
#include "driver/failure.h"

/* What is chosen for one path. The link's, freed with it. */
struct chosen {
	struct choice choice;
	char host[CONGESTION_NAME_BYTES];       /* what it had before */
	bool refused;                           /* the system did: nothing more is chosen */
};

/* Before anything is opened: 0, or -ENOENT, -EPERM and what else the system says, with words. */
int congestion_check(const char *option, struct failure *failure);

/* For a new link. NULL: there is nothing to choose, or no memory to do so. */
struct chosen *congestion_begin(struct carrier *carrier, const char *option);

/* Looks, when it is time, and sets what is chosen. `by`: the carrier, or its twin. */
void congestion_look(struct chosen *chosen, struct carrier *by, time_ns now);

#endif
