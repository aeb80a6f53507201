/* SPDX-License-Identifier: Apache-2.0 */
/* See random.h. splitmix64: Steele, Lea, Flood 2014. */
#include "sim/random.h"

#include <assert.h>
#include <string.h>

uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void random_init(struct random *r, uint64_t seed, uint64_t purpose)
{
	r->state = random_mix(seed + 1) ^ random_mix(~purpose);
}

uint64_t random_next(struct random *r)
{
	return random_mix(r->state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t random_below(struct random *r, uint64_t limit)
{
	assert(limit > 0);
	return random_next(r) % limit;
}

uint64_t random_between(struct random *r, uint64_t low, uint64_t high)
{
	assert(low <= high);
	return low + random_below(r, high - low + 1);
}

uint64_t random_scale(struct random *r, uint64_t low, uint64_t high)
{
	unsigned steps = 0;
	uint64_t bottom, top;

	assert(low > 0 && low <= high);
	while ((high >> steps) / 2 >= low)
		steps++;
	bottom = low << random_below(r, steps + 1);
	top = 2 * bottom < high ? 2 * bottom : high;
	return random_between(r, bottom, top);
}

bool random_one_in(struct random *r, uint64_t count)
{
	return random_below(r, count) == 0;
}

void random_fill(struct random *r, uint8_t *bytes, size_t length)
{
	while (length > 0) {
		uint64_t word = random_next(r);
		size_t count = length < sizeof word ? length : sizeof word;

		/* By value and not by the machine's order of bytes. */
		for (size_t i = 0; i < count; i++)
			*bytes++ = (uint8_t)(word >> 8 * i);
		length -= count;
	}
}
