/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that a seed decides, the same on every machine. */
#ifndef HAWSER_TEST_RANDOM_H
#define HAWSER_TEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* What follows is decided by this number, whatever was drawn before. */
void random_begin(uint64_t seed);
/* From [0, limit). */
uint64_t random_below(uint64_t limit);
bool one_in(unsigned count);

#endif
