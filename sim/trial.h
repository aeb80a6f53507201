/* SPDX-License-Identifier: Apache-2.0 */
/* One world in a process of its own, so that nothing that goes wrong in it hurts anybody. */
#ifndef HAWSER_SIM_TRIAL_H
#define HAWSER_SIM_TRIAL_H

#include "sim/report.h"
#include "sim/world.h"

#define TRIAL_SECONDS 120u              /* of processor time: a loop without end */

struct trial {
	bool failed;
	char failure[REPORT_TEXT_BYTES];
	struct world_result result;
};

/* quiet: nothing of it is printed. cut may be NULL. */
void trial_run(struct trial *trial, const struct sim_options *options, uint64_t seed,
	       const struct plan_cut *cut, bool quiet, bool verbose);
/* Both failed in the same way, numbers aside. */
bool trial_same(const struct trial *a, const struct trial *b);

/* In this process. */
void trial_world(const struct sim_options *options, uint64_t seed, const struct plan_cut *cut,
		 bool verbose, struct world_result *result);

#endif
