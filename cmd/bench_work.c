/* SPDX-License-Identifier: Apache-2.0 */
/* What the works have in common: a buffer, a check, the end mark, a deadline. */
#include <stdlib.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

#define STAMP_BYTES ((uint64_t)8)

uint8_t *bench_buffer(const struct channel *channel, uint64_t size)
{
	uint8_t *buffer = malloc(size);
	if (buffer == NULL)
		complain(channel->common, "no memory for %llu bytes", (unsigned long long)size);
	return buffer;
}

int bench_check(const struct channel *channel, uint64_t seed, uint64_t offset, const void *data,
		size_t length)
{
	size_t fine = pattern_check(seed, offset, data, length);
	if (fine == length)
		return 0;
	complain(channel->common, "the byte at offset %llu is not what was sent",
		 (unsigned long long)(offset + fine));
	return -1;
}

/* The first stamp at or behind the offset, counting one that the offset stands in. */
static uint64_t stamp_at(uint64_t offset)
{
	uint64_t within = offset % BENCH_STAMP_BYTES;
	return within < STAMP_BYTES ? offset : offset - within + BENCH_STAMP_BYTES;
}

/* What of it lies in [at, end). */
static size_t stamp_bytes(uint64_t at, uint64_t end)
{
	uint64_t left = STAMP_BYTES - at % BENCH_STAMP_BYTES;
	return left < end - at ? left : end - at;
}

void bench_fill(const struct bench_plan *plan, uint64_t seed, uint64_t offset, uint8_t *data,
		uint64_t length)
{
	uint64_t end = offset + length;
	if (!plan->stamped) {
		pattern_fill(seed, offset, data, length);
		return;
	}
	for (uint64_t at = stamp_at(offset); at < end; at = stamp_at(at + STAMP_BYTES))
		pattern_fill(seed, at, data + (at - offset), stamp_bytes(at, end));
}

int bench_check_part(const struct channel *channel, const struct bench_plan *plan, uint64_t seed,
		     uint64_t offset, const uint8_t *data, size_t length)
{
	uint64_t end = offset + length;
	if (!plan->stamped)
		return bench_check(channel, seed, offset, data, length);
	for (uint64_t at = stamp_at(offset); at < end; at = stamp_at(at + STAMP_BYTES)) {
		if (bench_check(channel, seed, at, data + (at - offset), stamp_bytes(at, end)) < 0)
			return -1;
	}
	return 0;
}

uint64_t bench_mark(uint64_t seed, uint64_t offset)
{
	uint64_t word;
	pattern_fill(seed, offset, &word, sizeof word);
	return ~word;
}

uint64_t bench_deadline_ns(const struct bench_plan *plan)
{
	uint64_t now = clock_ns();
	return plan->time_ns < UINT64_MAX - now ? now + plan->time_ns : UINT64_MAX;
}
