/* SPDX-License-Identifier: Apache-2.0 */
/* Which faults hit which mode and state of a path, with bytes in flight. */
#ifndef HAWSER_SIM_COVERAGE_H
#define HAWSER_SIM_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/fault.h"

#define COVERAGE_MODES  4u
#define COVERAGE_STATES 4u /* enum health_state; DOWN: a network without a path just now */

struct coverage {
	uint32_t hits[FAULT_KINDS][COVERAGE_MODES][COVERAGE_STATES];
};

void coverage_add(struct coverage *sum, const struct coverage *part);
/* Why a cell cannot be hit, or NULL. */
const char *coverage_excuse(enum fault_kind kind, unsigned state);
/* Prints the table; how many cells are empty that should not be. */
unsigned coverage_print(const struct coverage *coverage);

#endif
