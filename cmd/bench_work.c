/* SPDX-License-Identifier: Apache-2.0 */
/* What the works have in common: a buffer, a check, the end mark, a deadline. */
#include <stdlib.h>

#include "cmd/bench_work.h"
#include "cmd/pattern.h"

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
