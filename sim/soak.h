/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds in great number, in several processes. */
#ifndef HAWSER_SIM_SOAK_H
#define HAWSER_SIM_SOAK_H

#include "sim/trial.h"

#define SOAK_JOBS_MAX     64u
#define SOAK_FAILURES_MAX 20u           /* then it stops */

struct soak_failure {
	uint64_t seed;
	char text[REPORT_TEXT_BYTES];
};

struct soak_summary {
	uint64_t worlds, bytes;
	uint64_t median_bytes, median_counted, median_fired;
	time_ns rtt_most_ns;
	double seconds;
	struct coverage coverage;
	unsigned failure_count;
	struct soak_failure failures[SOAK_FAILURES_MAX];
};

/* stop_early: at the first failure. */
void soak(const struct sim_options *options, uint64_t first, uint64_t count, unsigned jobs,
	  bool progress, bool stop_early, struct soak_summary *summary);

#endif
