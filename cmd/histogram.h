/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of times. Each power of two is divided into 64 steps, so that a percentile is right
 * to 1.6 %; least and most are exact.
 *
 *   step:   0 .. 63 | 64 .. 127 | 128 .. 191 | ...
 *   ns:     0 .. 63 | 64 .. 127 | 128 .. 255 by 2 | 256 .. 511 by 4 | ...
 */
#ifndef HAWSER_CMD_HISTOGRAM_H
#define HAWSER_CMD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS (64u * 40u) /* up to 2^45 ns, nearly ten hours; longer counts as that */

struct histogram {
	uint64_t counts[HISTOGRAM_STEPS];
	uint64_t total;
	uint64_t least_ns, most_ns;
	double sum_ns;
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);

/* The longest time that falls into the step. */
uint64_t histogram_step_ns(unsigned step);

/* The time that `part` (0..1) of all stay at or below; 0 when there are none. */
uint64_t histogram_quantile_ns(const struct histogram *histogram, double part);

#endif
