/* SPDX-License-Identifier: Apache-2.0 */
/* Xorshift (Marsaglia 2003). */
#include "test/random.h"

static uint64_t state = 1;

void random_begin(uint64_t seed)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

uint64_t random_below(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 8) % limit;
}

bool one_in(unsigned count)
{
	return random_below(count) == 0;
}
