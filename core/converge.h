/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stretches of mode converge: the stream cut into pieces (a message, or so many bytes), on each of
 * which the paths work from opposite ends. Once every byte of a stretch has been sent for the first
 * time it gets a completion time from evidence; past that it is overdue, and its second copies go
 * before the first copies of later stretches. (Our reading of "efficient duplication" in Mohamed,
 * Al-Jaroodi, Jiang 2005, of which only the abstract was at hand.)
 *
 *   begin       at[0].end      at[1].end         at[count-1].end
 *     |  stretch 0  |  stretch 1   |      ...         |   open stretch ...
 */
#ifndef HAWSER_CORE_CONVERGE_H
#define HAWSER_CORE_CONVERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

#define STRETCHES_MAX 64u

struct stretch {
	uint64_t end;
	time_ns due_at;                 /* TIME_NEVER: not wholly sent yet */
};

struct converge {
	uint64_t begin;
	unsigned count;
	unsigned dated;                 /* the first so many have a due time */
	struct stretch *at;             /* room for STRETCHES_MAX; not needed while there are none */
};

void converge_init(struct converge *c, struct stretch *at);
/* The program wrote up to end: closes stretches of length_bytes (as many as the table holds). */
void converge_extend(struct converge *c, uint64_t end, uint64_t length_bytes);
/* A message ended at end. */
void converge_boundary(struct converge *c, uint64_t end);
/* All below offset is acknowledged. */
void converge_trim(struct converge *c, uint64_t offset);
/* The stretch that holds offset; the open one ends at `end`. */
void converge_stretch(const struct converge *c, uint64_t offset, uint64_t end,
		      uint64_t *stretch_start, uint64_t *stretch_end);

#endif
