/* SPDX-License-Identifier: Apache-2.0 */
/* A set of stream offsets, kept as a sorted array of ranges in storage that the caller gives. */
#ifndef HAWSER_CORE_RANGES_H
#define HAWSER_CORE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t start, end;    /* half open */
};

/*
 * at[0]      at[1]         at[2]
 * [####)     [########)    [##)     ascending, none empty, and never two that touch: a gap of at
 *                                   least one offset lies between neighbours
 */
struct ranges {
	struct range *at;
	unsigned count, capacity;
};

void ranges_init(struct ranges *r, struct range *storage, unsigned capacity);

/* Every function that takes [start, end) wants start <= end; an empty range is nothing. */

/* 0, or -ENOSPC and the set as it was when that would need a range more than there is room for. */
int ranges_add(struct ranges *r, uint64_t start, uint64_t end);

/* 0, or -ENOSPC and the set as it was when a range would have to be split and there is no room. */
int ranges_remove(struct ranges *r, uint64_t start, uint64_t end);

/* Forgets everything below offset. */
void ranges_trim_below(struct ranges *r, uint64_t offset);

/* Whether every offset of [start, end) is in the set. */
bool ranges_contains(const struct ranges *r, uint64_t start, uint64_t end);

/* The end of the range that holds offset; offset itself when none does. */
uint64_t ranges_covered_until(const struct ranges *r, uint64_t offset);

/*
 * Narrows [*start, *end) to its first stretch that is not in the set. False, and both untouched,
 * when all of it is.
 */
bool ranges_first_missing(const struct ranges *r, uint64_t *start, uint64_t *end);

/* How many offsets are in the set. */
uint64_t ranges_bytes(const struct ranges *r);

#endif
