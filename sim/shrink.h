/* SPDX-License-Identifier: Apache-2.0 */
/* A failing world made small: faults taken out, durations and bytes halved, while it fails the same
 * way. */
#ifndef HAWSER_SIM_SHRINK_H
#define HAWSER_SIM_SHRINK_H

#include "sim/trial.h"

/* Changes *cut to the smallest that was found; how many worlds that took. */
unsigned shrink(const struct sim_options *options, uint64_t seed, const struct trial *failure,
		struct plan_cut *cut);
/* As the option --cut takes it. */
void cut_print(const struct plan_cut *cut);
/* False: that is no cut. */
bool cut_parse(const char *text, struct plan_cut *cut);

#endif
