/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of offsets for the world and its oracle: their own, since a fault in the core's ranges must
 * not hide itself. Half open, ascending, never touching.
 */
#ifndef HAWSER_SIM_SPANS_H
#define HAWSER_SIM_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#define SPANS_MAX 512u

struct span {
	uint64_t start, end;
};

struct spans {
	unsigned count;
	struct span at[SPANS_MAX];
};

/* False, and nothing changed: that would be one more than there is room for, or than `most`. */
bool spans_add(struct spans *s, uint64_t start, uint64_t end, unsigned most);
/* How many of [start, end) are in the set. */
uint64_t spans_bytes(const struct spans *s, uint64_t start, uint64_t end);
/* The span that holds offset; an empty one at offset when none does. */
struct span spans_find(const struct spans *s, uint64_t offset);

#endif
