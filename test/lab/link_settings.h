/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of both directions of a link as text: what options and control lines say. */
#ifndef HAWSER_LINK_SETTINGS_H
#define HAWSER_LINK_SETTINGS_H

#include "sim/link_model.h"

enum link_direction {
	LINK_A_TO_B,
	LINK_B_TO_A,
	LINK_DIRECTIONS,
};

struct link_both {
	struct link_settings direction[LINK_DIRECTIONS];
	bool queue_is_given[LINK_DIRECTIONS]; /* else it follows rate and delay */
};

/*
 * Applies one setting: rate (20mbit, 1gbit, 512kbit, - for no limit), delay and jitter
 * (milliseconds, fractions allowed), loss (percent, fractions allowed), queue (bytes), reorder
 * (yes, no). A value written X/Y gives X to A->B and Y to B->A. Returns 0 or -EINVAL, with
 * nothing changed.
 */
int link_both_apply(struct link_both *both, const char *name, const char *value);

/* Fills in queues that nobody gave. Call after the last link_both_apply. */
void link_both_finish(struct link_both *both);

/* "a" is A->B, "b" is B->A. Returns 0 or -EINVAL. */
int link_direction_parse(const char *text, enum link_direction *direction);

#endif
