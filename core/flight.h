/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who carries what: the send window from the cumulative acknowledgement up, cut into segments that
 * differ in the set of paths that carry them. Everything the scheduler wants to know (what was never
 * sent, what only a suspect path holds, what this path has not copied yet) is a question about masks,
 * so losing a path moves no bytes and fills no queue.
 *
 *   base            0.end        1.end    2.end = top
 *    |  carriers=A    |  =B|ACKED  |   =0    |  beyond top: carried by nobody
 */
#ifndef HAWSER_CORE_FLIGHT_H
#define HAWSER_CORE_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

#define FLIGHT_ACKED 0x8000u       /* the peer holds it */
#define FLIGHT_SENT  0x4000u       /* it was sent at least once, by whichever path */
#define FLIGHT_BIT(slot) (1u << (slot))

struct flight_segment {
	uint64_t end;
	uint32_t carriers;
};

struct flight {
	uint64_t base;
	unsigned count;
	struct flight_segment *at;      /* room for SEGMENTS_MAX; not needed while there are none */
};

void flight_init(struct flight *f, struct flight_segment *at, uint64_t base);
/* Whether flight_mark will find room. */
bool flight_has_room(const struct flight *f);
/* Adds the bits to [start, end). 0, or -ENOSPC with nothing changed. */
int flight_mark(struct flight *f, uint64_t start, uint64_t end, uint32_t bits);
/* Takes the bits from [start, end); UINT64_MAX as end: from all. Never needs room when it covers all. */
int flight_clear(struct flight *f, uint64_t start, uint64_t end, uint32_t bits);
/* Forgets everything below offset. */
void flight_trim(struct flight *f, uint64_t offset);
/* The first (last) longest run within [from, to) that none of the bits carries. */
bool flight_first(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits,
		  uint64_t *start, uint64_t *end);
bool flight_last(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits,
		 uint64_t *start, uint64_t *end);
/* How many bytes of [from, to) carry any of the bits. */
uint64_t flight_bytes(const struct flight *f, uint64_t from, uint64_t to, uint32_t bits);
/* All bits found in [from, to). */
uint32_t flight_carriers(const struct flight *f, uint64_t from, uint64_t to);
/* Segments that somebody carries: bounds the separate ranges the peer can come to hold. */
unsigned flight_runs(const struct flight *f);
uint64_t flight_top(const struct flight *f);

#endif
