/* SPDX-License-Identifier: Apache-2.0 */
/* A set of stream offsets: binary search to find a place, one move of the tail to change it. */
#include "ranges.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void ranges_init(struct ranges *r, struct range *storage, unsigned capacity)
{
	r->at = storage;
	r->count = 0;
	r->capacity = capacity;
}

/* Index of the first range that ends at or after offset; count when there is none. */
static unsigned first_ending_from(const struct ranges *r, uint64_t offset)
{
	unsigned low = 0, high = r->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (r->at[middle].end < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Index of the first range that ends after offset, the only one that can hold it. */
static unsigned first_ending_after(const struct ranges *r, uint64_t offset)
{
	unsigned i = first_ending_from(r, offset);

	return i < r->count && r->at[i].end == offset ? i + 1 : i;
}

/* Makes the ranges from index `from` on start at index `to`. */
static void move_tail(struct ranges *r, unsigned to, unsigned from)
{
	assert(from <= r->count && r->count - from + to <= r->capacity);
	if (to == from)
		return;
	memmove(r->at + to, r->at + from, (r->count - from) * sizeof *r->at);
	r->count = r->count - from + to;
}

int ranges_add(struct ranges *r, uint64_t start, uint64_t end)
{
	assert(start <= end);
	if (start == end)
		return 0;

	/* at[first] to at[past - 1] touch or overlap what is added and become one with it. */
	unsigned first = first_ending_from(r, start), past = first;
	while (past < r->count && r->at[past].start <= end)
		past++;

	if (first == past) {
		if (r->count == r->capacity)
			return -ENOSPC;
	} else {
		if (r->at[first].start < start)
			start = r->at[first].start;
		if (r->at[past - 1].end > end)
			end = r->at[past - 1].end;
	}
	move_tail(r, first + 1, past);
	r->at[first] = (struct range){ start, end };
	return 0;
}

int ranges_remove(struct ranges *r, uint64_t start, uint64_t end)
{
	assert(start <= end);
	unsigned first = first_ending_after(r, start);

	if (start == end || first == r->count)
		return 0;

	if (r->at[first].start < start) {
		if (r->at[first].end > end) {
			if (r->count == r->capacity)
				return -ENOSPC;
			move_tail(r, first + 1, first);
			r->at[first].end = start;
			r->at[first + 1].start = end;
			return 0;
		}
		r->at[first].end = start;
		first++;
	}

	unsigned past = first;
	while (past < r->count && r->at[past].end <= end)
		past++;
	if (past < r->count && r->at[past].start < end)
		r->at[past].start = end;
	move_tail(r, first, past);
	return 0;
}

void ranges_trim_below(struct ranges *r, uint64_t offset)
{
	unsigned past = first_ending_after(r, offset);

	if (past < r->count && r->at[past].start < offset)
		r->at[past].start = offset;
	move_tail(r, 0, past);
}

bool ranges_contains(const struct ranges *r, uint64_t start, uint64_t end)
{
	assert(start <= end);
	return start == end || ranges_covered_until(r, start) >= end;
}

uint64_t ranges_covered_until(const struct ranges *r, uint64_t offset)
{
	unsigned i = first_ending_after(r, offset);

	return i < r->count && r->at[i].start <= offset ? r->at[i].end : offset;
}

bool ranges_first_missing(const struct ranges *r, uint64_t *start, uint64_t *end)
{
	assert(*start <= *end);
	uint64_t first = ranges_covered_until(r, *start);

	if (first >= *end)
		return false;
	unsigned next = first_ending_after(r, first);
	if (next < r->count && r->at[next].start < *end)
		*end = r->at[next].start;
	*start = first;
	return true;
}

uint64_t ranges_bytes(const struct ranges *r)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < r->count; i++)
		bytes += r->at[i].end - r->at[i].start;
	return bytes;
}
