/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own generator: the same numbers from a seed on every machine (splitmix64). */
#ifndef HAWSER_SIM_RANDOM_H
#define HAWSER_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* purpose: several generators from one seed that have nothing to do with each other. */
void random_init(struct random *r, uint64_t seed, uint64_t purpose);
uint64_t random_next(struct random *r);
/* Uniform over [0, limit); limit > 0. */
uint64_t random_below(struct random *r, uint64_t limit);
/* Uniform over [low, high]. */
uint64_t random_between(struct random *r, uint64_t low, uint64_t high);
/* Every order of magnitude (of two) between low and high as likely as another; low > 0. */
uint64_t random_scale(struct random *r, uint64_t low, uint64_t high);
bool random_one_in(struct random *r, uint64_t count);
void random_fill(struct random *r, uint8_t *bytes, size_t length);
/* One step of mixing, for digests and for bytes that are a function of their place. */
uint64_t random_mix(uint64_t value);

#endif
