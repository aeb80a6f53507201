/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of times with logarithmic steps. */
#include "cmd/histogram.h"

#include <string.h>

void histogram_init(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
}

static unsigned step_of(uint64_t ns)
{
	if (ns < 64)
		return (unsigned)ns;
	unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
	unsigned step = 64 * (shift + 1) + (unsigned)((ns >> shift) - 64);
	return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

uint64_t histogram_step_ns(unsigned step)
{
	if (step < 64)
		return step;
	unsigned shift = step / 64 - 1;
	return ((uint64_t)(64 + step % 64 + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->counts[step_of(ns)]++;
	if (histogram->total == 0 || ns < histogram->least_ns)
		histogram->least_ns = ns;
	if (ns > histogram->most_ns)
		histogram->most_ns = ns;
	histogram->total++;
	histogram->sum_ns += (double)ns;
}

uint64_t histogram_quantile_ns(const struct histogram *histogram, double part)
{
	double wanted = part * (double)histogram->total;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++) {
		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted)
			return histogram_step_ns(i) < histogram->most_ns ? histogram_step_ns(i) : histogram->most_ns;
	}
	return histogram->most_ns;
}
