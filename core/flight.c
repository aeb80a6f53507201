/* SPDX-License-Identifier: Apache-2.0 */
/* The interval map of the send window; see flight.h. */
#include "core/flight.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void flight_init(struct flight *f, struct flight_segment *at, uint64_t base)
{
	f->at = at;
	f->base = base;
	f->count = 0;
}

uint64_t flight_top(const struct flight *f)
{
	return f->count > 0 ? f->at[f->count - 1].end : f->base;
}

static uint64_t segment_start(const struct flight *f, unsigned i)
{
	return i == 0 ? f->base : f->at[i - 1].end;
}

/* The index of the segment that holds offset, or count. */
static unsigned find(const struct flight *f, uint64_t offset)
{
	unsigned low = 0, high = f->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (f->at[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct flight *f, unsigned i, uint64_t end, uint32_t carriers)
{
	assert(f->count < SEGMENTS_MAX);
	memmove(&f->at[i + 1], &f->at[i], (f->count - i) * sizeof f->at[0]);
	f->at[i].end = end;
	f->at[i].carriers = carriers;
	f->count++;
}

/* Makes offset a border between segments; offset lies within [base, top]. */
static void split(struct flight *f, uint64_t offset)
{
	unsigned i = find(f, offset);

	if (i < f->count && segment_start(f, i) < offset)
		insert(f, i, offset, f->at[i].carriers);
}

static void merge(struct flight *f)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->count; i++) {
		if (kept > 0 && f->at[kept - 1].carriers == f->at[i].carriers)
			f->at[kept - 1].end = f->at[i].end;
		else
			f->at[kept++] = f->at[i];
	}
	if (kept > 0 && f->at[kept - 1].carriers == 0)
		kept--;
	f->count = kept;
}

bool flight_has_room(const struct flight *f)
{
	return f->count + 3 <= SEGMENTS_MAX;
}

int flight_mark(struct flight *f, uint64_t start, uint64_t end, uint32_t bits)
{
	uint64_t top;

	assert(start >= f->base && start <= end);
	if (start == end)
		return 0;
	if (!flight_has_room(f))
		return -ENOSPC;
	top = flight_top(f);
	if (start > top)
		insert(f, f->count, start, 0);
	if (end > flight_top(f))
		insert(f, f->count, end, 0);
	split(f, start);
	split(f, end);
	for (unsigned i = find(f, start); i < f->count && f->at[i].end <= end; i++)
		f->at[i].carriers |= bits;
	merge(f);
	return 0;
}

int flight_clear(struct flight *f, uint64_t start, uint64_t end, uint32_t bits)
{
	uint64_t top = flight_top(f);

	if (start < f->base)
		start = f->base;
	if (end > top)
		end = top;
	if (start >= end)
		return 0;
	if (start > f->base || end < top) {
		if (f->count + 2 > SEGMENTS_MAX)
			return -ENOSPC;
		split(f, start);
		split(f, end);
	}
	for (unsigned i = find(f, start); i < f->count && f->at[i].end <= end; i++)
		f->at[i].carriers &= ~bits;
	merge(f);
	return 0;
}

void flight_trim(struct flight *f, uint64_t offset)
{
	unsigned gone;

	if (offset <= f->base)
		return;
	gone = find(f, offset);
	f->count -= gone;
	memmove(f->at, f->at + gone, f->count * sizeof f->at[0]);
	f->base = offset;
}

bool flight_first(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits,
		  uint64_t *start, uint64_t *end)
{
	unsigned i;

	if (from < f->base)
		from = f->base;
	for (i = find(f, from); i < f->count && (f->at[i].carriers & bits) != 0; i++)
		from = f->at[i].end;
	if (from >= to)
		return false;
	*start = from;
	while (i < f->count && (f->at[i].carriers & bits) == 0)
		i++;
	*end = i < f->count ? segment_start(f, i) : to;
	if (*end > to)
		*end = to;
	return true;
}

bool flight_last(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits,
		 uint64_t *start, uint64_t *end)
{
	uint64_t low;
	unsigned i;

	if (from < f->base)
		from = f->base;
	if (from >= to)
		return false;
	if (to > flight_top(f)) {
		i = f->count;
		low = flight_top(f);
	} else {
		i = find(f, to - 1);
		while (i + 1 > 0 && (f->at[i].carriers & bits) != 0) {
			to = segment_start(f, i);
			if (i == 0)
				return false;
			i--;
		}
		low = segment_start(f, i);
	}
	while (i > 0 && low > from && (f->at[i - 1].carriers & bits) == 0)
		low = segment_start(f, --i);
	if (low < from)
		low = from;
	if (low >= to)
		return false;
	*start = low;
	*end = to;
	return true;
}

uint64_t flight_bytes(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits)
{
	uint64_t bytes = 0;

	if (from < f->base)
		from = f->base;
	for (unsigned i = find(f, from); i < f->count && from < to; i++) {
		uint64_t end = f->at[i].end < to ? f->at[i].end : to;

		if (f->at[i].carriers & bits)
			bytes += end - from;
		from = end;
	}
	return bytes;
}

uint32_t flight_carriers(const struct flight *f, uint64_t from, uint64_t to)
{
	uint32_t carriers = 0;

	if (from < f->base)
		from = f->base;
	for (unsigned i = find(f, from); i < f->count && segment_start(f, i) < to; i++)
		carriers |= f->at[i].carriers;
	return carriers;
}

unsigned flight_runs(const struct flight *f)
{
	unsigned runs = 0;

	for (unsigned i = 0; i < f->count; i++)
		runs += f->at[i].carriers != 0;
	return runs;
}
