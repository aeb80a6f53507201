/* SPDX-License-Identifier: Apache-2.0 */
/* The table of stretches; see converge.h. */
#include "core/converge.h"

#include <string.h>

void converge_init(struct converge *c, struct stretch *at)
{
	c->at = at;
	c->begin = 0;
	c->count = c->dated = 0;
}

static uint64_t open_start(const struct converge *c)
{
	return c->count > 0 ? c->at[c->count - 1].end : c->begin;
}

void converge_boundary(struct converge *c, uint64_t end)
{
	if (end <= open_start(c) || c->count == STRETCHES_MAX)
		return;
	c->at[c->count].end = end;
	c->at[c->count].due_at = TIME_NEVER;
	c->count++;
}

void converge_extend(struct converge *c, uint64_t end, uint64_t length_bytes)
{
	while (c->count < STRETCHES_MAX && end - open_start(c) >= length_bytes)
		converge_boundary(c, open_start(c) + length_bytes);
}

void converge_trim(struct converge *c, uint64_t offset)
{
	unsigned gone = 0;

	while (gone < c->count && c->at[gone].end <= offset)
		gone++;
	if (gone > 0) {
		c->begin = c->at[gone - 1].end;
		c->count -= gone;
		memmove(c->at, c->at + gone, c->count * sizeof c->at[0]);
		c->dated = c->dated > gone ? c->dated - gone : 0;
	}
	if (c->count == 0 && offset > c->begin)
		c->begin = offset;
}

void converge_stretch(const struct converge *c, uint64_t offset, uint64_t end,
		      uint64_t *stretch_start, uint64_t *stretch_end)
{
	uint64_t start = c->begin;

	for (unsigned i = 0; i < c->count; i++) {
		if (offset < c->at[i].end) {
			*stretch_start = start;
			*stretch_end = c->at[i].end < end ? c->at[i].end : end;
			return;
		}
		start = c->at[i].end;
	}
	*stretch_start = start;
	*stretch_end = end;
}
