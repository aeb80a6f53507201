/* SPDX-License-Identifier: Apache-2.0 */
/* Loans: parts of the stream that lie in the program's own memory until they are acknowledged. */
#include "core/loans.h"

#include <assert.h>

_Static_assert(LOANS_MAX * sizeof(struct loan) <= BLOCK_BYTES, "the ring lies on one block");

static void give_ring_back(struct loans *l, struct stock *stock)
{
	if (l->ring != NULL)
		stock_give(stock, l->ring);
	l->ring = NULL;
}

void loans_fini(struct loans *l, struct stock *stock)
{
	l->count = 0;
	give_ring_back(l, stock);
}

unsigned loans_blocks_wanted(const struct loans *l)
{
	return l->ring == NULL;
}

struct loan *loans_at(const struct loans *l, unsigned i)
{
	assert(i < l->count);
	return &l->ring[(l->first + i) % LOANS_MAX];
}

void loans_add(struct loans *l, struct stock *stock, uint64_t start, const void *bytes, uint64_t length)
{
	assert(!l->dropped && l->count < LOANS_MAX && bytes != NULL && length > 0);
	assert(l->count == 0 || start >= loans_at(l, l->count - 1)->end);
	if (l->ring == NULL)
		l->ring = stock_take(stock);
	assert(l->ring != NULL);
	l->count++;
	*loans_at(l, l->count - 1) = (struct loan){
		.start = start, .end = start + length, .before = l->bytes, .bytes = bytes,
	};
	l->bytes += length;
	l->taken++;
}

/* How many of them end at or below offset. */
static unsigned count_below(const struct loans *l, uint64_t offset)
{
	unsigned low = 0, high = l->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (loans_at(l, middle)->end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct loan *loans_from(const struct loans *l, uint64_t offset)
{
	unsigned i = count_below(l, offset);

	return i < l->count ? loans_at(l, i) : NULL;
}

uint64_t loans_own(const struct loans *l, uint64_t offset)
{
	const struct loan *next = loans_from(l, offset);

	if (next == NULL)
		return offset - l->bytes;
	return (offset < next->start ? offset : next->start) - next->before;
}

void loans_release_below(struct loans *l, struct stock *stock, uint64_t offset)
{
	unsigned gone = count_below(l, offset);

	l->first = (l->first + gone) % LOANS_MAX;
	l->count -= gone;
	if (l->count == 0)
		give_ring_back(l, stock);
}

void loans_drop(struct loans *l)
{
	for (unsigned i = 0; i < l->count; i++)
		loans_at(l, i)->bytes = NULL;
	l->dropped = true;
}

uint64_t loans_returned(const struct loans *l)
{
	return l->dropped ? l->taken : l->taken - l->count;
}
