/* SPDX-License-Identifier: Apache-2.0 */
/* See spans.h. */
#include "sim/spans.h"

#include <string.h>

/* The first that ends at or above offset. */
static unsigned first_reaching(const struct spans *s, uint64_t offset)
{
	unsigned low = 0, high = s->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (s->at[middle].end < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool spans_add(struct spans *s, uint64_t start, uint64_t end, unsigned most)
{
	unsigned first = first_reaching(s, start), past = first;

	while (past < s->count && s->at[past].start <= end)
		past++;
	if (first == past && (s->count == SPANS_MAX || s->count >= most))
		return false;
	if (first < past) {
		if (s->at[first].start < start)
			start = s->at[first].start;
		if (s->at[past - 1].end > end)
			end = s->at[past - 1].end;
	}
	memmove(&s->at[first + 1], &s->at[past], (s->count - past) * sizeof s->at[0]);
	s->count = s->count - (past - first) + 1;
	s->at[first] = (struct span){ start, end };
	return true;
}

uint64_t spans_bytes(const struct spans *s, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (unsigned i = first_reaching(s, start); i < s->count && s->at[i].start < end; i++) {
		uint64_t from = s->at[i].start > start ? s->at[i].start : start;
		uint64_t to = s->at[i].end < end ? s->at[i].end : end;

		if (from < to)
			bytes += to - from;
	}
	return bytes;
}

struct span spans_find(const struct spans *s, uint64_t offset)
{
	unsigned i = first_reaching(s, offset + 1);

	if (i < s->count && s->at[i].start <= offset)
		return s->at[i];
	return (struct span){ offset, offset };
}
